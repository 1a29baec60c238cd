package apikey

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"
	"unicode/utf8"

	"github.com/go-sallyport/auth/password/throttle"
)

// The bounds of what a key can say.
const (
	MaxName      = 100 // bytes
	MaxScopes    = 64  // of up to MaxScope bytes each
	MaxScope     = 128 // bytes
	MaxLabels    = 16  // with names of up to 64 bytes and values of up to 256
	MaxAddresses = 64
	// MaxGrantSize bounds what MarshalGrant returns, in bytes.
	MaxGrantSize = 16 << 10
)

const (
	maxLabelName  = 64
	maxLabelValue = 256
	minWindow     = time.Second
	maxWindow     = 24 * time.Hour
	maxSubject    = 255 // bytes
)

// grantVersion is that of the encoding. A record of another one is an error of the
// store, and so refuses its key.
const grantVersion = 1

// storedGrant is the part of a Key that is fixed when it is issued. The short names are
// there for a million keys.
type storedGrant struct {
	Version     int               `json:"v"`
	Name        string            `json:"n,omitempty"`
	Prefix      string            `json:"p"`
	Environment string            `json:"e,omitempty"`
	Scopes      []string          `json:"s"`
	Labels      map[string]string `json:"l,omitempty"`
	Addresses   []netip.Prefix    `json:"a,omitempty"`
	LimitMax    int               `json:"m,omitempty"`
	LimitWindow int64             `json:"w,omitempty"` // milliseconds
	Predecessor string            `json:"o,omitempty"`
}

// MarshalGrant returns the part of k that is fixed when it is issued, from Name to
// Predecessor, as up to MaxGrantSize bytes of UTF-8 without a NUL: for a Store that
// keeps it in one column or field. The rest has fields of its own there.
func (k *Key) MarshalGrant() ([]byte, error) {
	data, err := json.Marshal(storedGrant{
		Version: grantVersion, Name: k.Name, Prefix: k.Prefix, Environment: k.Environment, Scopes: k.Scopes, Labels: k.Labels,
		Addresses: k.Addresses, LimitMax: k.Limit.Max, LimitWindow: k.Limit.Window.Milliseconds(), Predecessor: k.Predecessor,
	})
	if err != nil {
		return nil, fmt.Errorf("apikey: encoding a key: %w", err)
	}
	if len(data) > MaxGrantSize {
		return nil, errGrantSize
	}
	return data, nil
}

// UnmarshalGrant sets that part of k from what MarshalGrant returned. After an error k
// is unchanged; the text of the error shows nothing of data.
func (k *Key) UnmarshalGrant(data []byte) error {
	if len(data) > MaxGrantSize {
		return errGrantSize
	}
	var g storedGrant
	if err := json.Unmarshal(data, &g); err != nil {
		return errGrant
	}
	c := Key{
		Name: g.Name, Prefix: g.Prefix, Environment: g.Environment, Scopes: g.Scopes, Labels: g.Labels, Addresses: g.Addresses,
		Limit: Limit{Max: g.LimitMax, Window: time.Duration(g.LimitWindow) * time.Millisecond}, Predecessor: g.Predecessor,
	}
	if g.Version != grantVersion || !validPrefix(c.Prefix) || g.LimitWindow > maxWindow.Milliseconds() || c.check() != nil {
		return errGrant
	}
	k.Name, k.Prefix, k.Environment, k.Scopes, k.Labels = c.Name, c.Prefix, c.Environment, c.Scopes, c.Labels
	k.Addresses, k.Limit, k.Predecessor = c.Addresses, c.Limit, c.Predecessor
	return nil
}

var (
	errGrant     = errors.New("apikey: the stored part of a key is damaged")
	errGrantSize = fmt.Errorf("apikey: the fixed part of a key takes more than %d bytes", MaxGrantSize)
)

// check holds the fixed part of k to the bounds. The error wraps ErrRequest.
func (k *Key) check() error {
	switch {
	case !plain(k.Name, MaxName):
		return unacceptable("The name must have up to %d bytes, without control characters", MaxName)
	case len(k.Scopes) == 0:
		return unacceptable("At least one scope is needed: a key without one is good for nothing")
	case len(k.Scopes) > MaxScopes:
		return unacceptable("At most %d scopes can be named", MaxScopes)
	case len(k.Labels) > MaxLabels:
		return unacceptable("At most %d labels can be given", MaxLabels)
	case len(k.Addresses) > MaxAddresses:
		return unacceptable("At most %d addresses can be named", MaxAddresses)
	}
	for _, s := range k.Scopes {
		if !validScope(s) {
			return unacceptable("A scope must have 1 to %d visible characters of ASCII, without quote and backslash", MaxScope)
		}
	}
	for name, value := range k.Labels {
		if name == "" || !plain(name, maxLabelName) || !plain(value, maxLabelValue) {
			return unacceptable("A label must have a name of up to %d bytes and a value of up to %d, without control characters", maxLabelName, maxLabelValue)
		}
	}
	for _, a := range k.Addresses {
		if !a.IsValid() || a.Addr().Zone() != "" {
			return unacceptable("An address must be a network in CIDR notation, such as 192.0.2.0/24")
		}
	}
	return k.Limit.check()
}

func (l Limit) check() error {
	if l == (Limit{}) || l.Max >= 1 && l.Max <= throttle.MaxRequests && l.Window >= minWindow && l.Window <= maxWindow {
		return nil
	}
	return unacceptable("A limit must have 1 to %d requests in a second to a day", throttle.MaxRequests)
}

// plain reports whether text is of UTF-8 without control characters, and that short.
func plain(text string, most int) bool {
	if len(text) > most || !utf8.ValidString(text) {
		return false
	}
	for _, r := range text {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return false
		}
	}
	return true
}

// validScope is scope-token of RFC 6749 §3.3.
func validScope(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return s != "" && len(s) <= MaxScope
}
