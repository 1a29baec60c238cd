package sqlstore

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/internal/sqldb"
)

// Bounds of what is kept.
const (
	maxText = 255 // bytes of an id and a subject
	maxFrom = 64
)

var (
	errKey     = fmt.Errorf("sqlstore: a key must have an id and a subject of up to %d bytes, in UTF-8 without NUL", maxText)
	errCorrupt = errors.New("sqlstore: a stored key cannot be read")
)

// selects is the statement that scanKey reads, up to WHERE.
const selects = "SELECT id, subject, hash, created_at, expires_at, revoked_at, successor, used_at, used_from, data FROM {api_keys}"

// scanKey reads a row. errCorrupt says that it is damaged, and not that it could not
// be read now.
func scanKey(scan func(dest ...any) error) (*apikey.Key, error) {
	k := new(apikey.Key)
	var hash, grant []byte
	var from string
	err := scan(&k.ID, &k.Subject, &hash, sqldb.Timestamp(&k.CreatedAt), sqldb.Timestamp(&k.ExpiresAt), sqldb.Timestamp(&k.RevokedAt),
		&k.Successor, sqldb.Timestamp(&k.LastUsedAt), &from, &grant)
	if err != nil {
		return nil, err
	}
	if len(hash) != len(k.Hash) {
		return nil, errCorrupt
	}
	copy(k.Hash[:], hash)
	if err := k.UnmarshalGrant(grant); err != nil {
		return nil, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	if from != "" {
		if k.LastUsedFrom, err = netip.ParseAddr(from); err != nil {
			k.LastUsedFrom = netip.Addr{} // nothing is decided by it
		}
	}
	return k, nil
}

// from is how an address is kept.
func from(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	text := a.String()
	if len(text) > maxFrom {
		text = a.WithZone("").String() // a zone can have any length
	}
	return text
}

// keeps reports whether every server keeps these as they are: PostgreSQL takes no
// NUL and only UTF-8, and the columns of MySQL have a length.
func keeps(values ...string) bool {
	for _, s := range values {
		if len(s) > maxText || !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
			return false
		}
	}
	return true
}
