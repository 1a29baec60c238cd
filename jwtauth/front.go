package jwtauth

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
)

// Refusals that need no look at what is inside of a token. They are made once: who
// floods a service with garbage makes it allocate nothing.
var (
	errTokenSize  = refusal("it is too long")
	errTokenDots  = refusal("it has not exactly three parts")
	errTokenEmpty = refusal("a part of it is empty")
	errHeaderSize = refusal("its header is too long")
	errTokenText  = refusal("it is not base64url without padding, in canonical form")
	errUnknownKey = refusal("no key has its kid")
	errAlgorithm  = refusal("its alg is not that of its key")
	errKeyWindow  = refusal("its key does not count now")
	errSignature  = refusal("its signature does not verify")
	errIssuer     = refusal("it is of another issuer")
	errAudience   = refusal("it is for another audience")
	errLifetime   = refusal("it lives longer than a token may, or not at all")
	errNotYet     = refusal("it is not valid yet")
	errFuture     = refusal("it was issued in the future")
	errBearer     = refusal("the Authorization header is not one scheme and one token")
	errTwoHeaders = refusal("there is more than one Authorization header")
	errNoBearer   = fmt.Errorf("%w: no Authorization header of scheme Bearer", auth.ErrNoCredentials)
	errHeaderTyp  = errors.New("its typ is another")
	errHeaderMust = errors.New("its header has a member that would change how it is verified")
	errHeaderAlg  = errors.New("its header has no alg")
)

// refusal is an ErrInvalid with a reason for the log.
func refusal(reason string) error { return problem.Wrap(problem.TokenInvalid, invalidToken(reason)) }

// An invalidToken is why a token is refused. It wraps ErrInvalid without a chain: what
// anybody can send is refused at the price of a few comparisons.
type invalidToken string

// Error implements error.
func (reason invalidToken) Error() string { return ErrInvalid.Error() + ": " + string(reason) }

// Is makes errors.Is(err, ErrInvalid) true, and what that implies.
func (invalidToken) Is(target error) bool {
	return target == ErrInvalid || target == auth.ErrInvalidCredentials
}

// invalid is a refusal for a reason that has been found in the token.
func invalid(err error) error { return fmt.Errorf("%w: %w", ErrInvalid, err) }

// refuses reports whether err refuses the token, rather than telling that something is
// out of order.
func refuses(err error) bool { return errors.Is(err, auth.ErrInvalidCredentials) }

// maxHeaderSize bounds the encoded header.
const maxHeaderSize = 1 << 10

// A compact is a token in its parts, all of them still encoded.
type compact struct {
	header, payload, signature string
	input                      string // what is signed: header, dot, payload
}

// split takes a token apart (RFC 7515 §7.1) without looking into it. The length is
// known to be bounded before the dots are counted (CVE-2025-30204).
func split(token string, maxSize int) (compact, error) {
	if len(token) > maxSize {
		return compact{}, errTokenSize
	}
	first := strings.IndexByte(token, '.')
	second := strings.IndexByte(token[first+1:], '.') + first + 1
	if first < 0 || second == first || strings.IndexByte(token[second+1:], '.') >= 0 {
		return compact{}, errTokenDots
	}
	c := compact{header: token[:first], payload: token[first+1 : second], signature: token[second+1:], input: token[:second]}
	switch {
	case c.header == "" || c.payload == "" || c.signature == "":
		return compact{}, errTokenEmpty
	case len(c.header) > maxHeaderSize:
		return compact{}, errHeaderSize
	}
	return c, nil
}

// A scratch is where a token is decoded.
type scratch struct{ text, signature, payload []byte }

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// decode decodes text into space, which it returns grown.
func (s *scratch) decode(space []byte, text string) ([]byte, error) {
	s.text = append(s.text[:0], text...)
	b, err := encoding.AppendDecode(space[:0], s.text)
	if err != nil || !wholly(text, b) {
		return space, errTokenText
	}
	return b, nil
}

// wholly reports whether every character of text is in b. Package base64 skips line
// breaks; without them, text of a length that can be has more bytes.
func wholly(text string, b []byte) bool {
	return len(text)%4 != 1 && len(b) == encoding.DecodedLen(len(text))
}

// A header is what a JWS header says that counts.
type header struct {
	alg, typ, kid string
	hasTyp, hasID bool
}

// parseHeader reads a header that is not one of the known ones. Members that would
// bring a key (jwk, jku, x5c, x5u: RFC 8725 §3.10) or change how the token is read
// (crit, b64, zip, enc, and cty for a token in a token) refuse it; any other member
// has no effect.
func parseHeader(encoded string) (header, error) {
	text, err := encoding.DecodeString(encoded)
	if err != nil || !wholly(encoded, text) {
		return header{}, errTokenText
	}
	var h header
	if err := readObject(string(text), h.member); err != nil {
		return header{}, invalid(err)
	}
	if h.alg == "" {
		return header{}, invalid(errHeaderAlg)
	}
	return h, nil
}

func (h *header) member(r *jsonReader, name string) (err error) {
	switch strings.ToLower(name) {
	case "alg":
		h.alg, err = exactly("alg", name, r)
	case "kid":
		h.hasID = true
		h.kid, err = exactly("kid", name, r)
	case "typ":
		h.hasTyp = true
		h.typ, err = exactly("typ", name, r)
	case "crit", "jwk", "jku", "x5c", "x5u", "b64", "zip", "enc", "cty":
		return errHeaderMust
	default:
		return r.skip()
	}
	return err
}

// exactly reads the text of a member whose name is written as it should be.
func exactly(want, name string, r *jsonReader) (string, error) {
	if name != want {
		return "", errJSONTwice
	}
	return r.text()
}

// isType compares a typ with the one that is wanted, which is bare: media types have
// no case.
func (h *header) isType(want string) bool {
	return h.hasTyp && strings.EqualFold(bareType(h.typ), want)
}

// bareType is typ without "application/", which may be left out (RFC 7515 §4.1.9).
func bareType(typ string) string {
	const prefix = "application/"
	if len(typ) > len(prefix) && strings.EqualFold(typ[:len(prefix)], prefix) {
		return typ[len(prefix):]
	}
	return typ
}
