package passkey

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Bounds of what a browser sends, in bytes.
const (
	maxClientData  = 4 << 10
	maxAuthData    = 4 << 10
	maxSignature   = 1 << 10
	maxAttestation = 8 << 10
)

var errBase64 = errors.New("passkey: not base64url without padding, or too long")

// decode reads base64url of at most that many bytes; zero: any. Only the exact text
// is read: padding, line breaks, another alphabet and stray bits are refused.
func decode(text string, most int) ([]byte, error) {
	if most > 0 && len(text) > encoding.EncodedLen(most) || strings.ContainsAny(text, "\r\n") {
		return nil, errBase64
	}
	raw, err := encoding.DecodeString(text)
	if err != nil {
		return nil, errBase64
	}
	return raw, nil
}

// plain is an error of go-webauthn without what it carries for developers, such as the
// challenge that was expected: an event may be printed with all that is in it.
func plain(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(err.Error())
}

// clientMembers are those of CollectedClientData that decide (WebAuthn L3 §5.8.1).
var clientMembers = []string{"type", "challenge", "origin", "crossOrigin", "topOrigin"}

// checkClientData makes sure that there is one reading of the client data, and that the
// origin is one of these, byte by byte: go-webauthn ignores case, paths and user info.
// It checks the type, the challenge, and that no other site has the page in a frame.
//
// It reads JSON with encoding/json, which takes the last of two members of one name,
// and names in any case.
func checkClientData(raw []byte, origins []string) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return errors.New("the client data is no JSON object")
	}
	members := map[string]json.RawMessage{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return fmt.Errorf("the client data: %w", err)
		}
		name, _ := t.(string)
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return fmt.Errorf("the client data: %w", err)
		}
		for _, known := range clientMembers {
			if !strings.EqualFold(name, known) {
				continue
			}
			if _, twice := members[known]; twice || name != known {
				return fmt.Errorf("the client data has %q twice or in another case", known)
			}
			members[known] = value
		}
	}
	if _, err := dec.Token(); err != nil {
		return fmt.Errorf("the client data: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is something after the client data")
	}
	var origin string
	if err := json.Unmarshal(members["origin"], &origin); err != nil || !slices.Contains(origins, origin) {
		return errors.New("the origin is not one of this service")
	}
	return nil
}
