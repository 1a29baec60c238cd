package jwtauth

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-sallyport/auth"
)

// A verified is what became of one token: its claims and its principal, made in
// one allocation with room for the lists that most tokens have: 704 bytes, a size
// that the runtime has. It is shared by requests and never changed once it is made.
type verified struct {
	claims    Claims
	principal auth.Principal
	key       *Key

	amrTimes []int64 // nil: not said
	issued   struct{ seconds, millis int64 }

	audience [1]string
	roles    [2]string
	scopes   [4]string
	factors  [2]auth.Factor
}

// parse reads the payload of a token. There are two readers: scan, in one pass,
// for what tokens look like, and readClaims for all that JSON can be. What the
// first takes, the second takes with the same result; a fuzz test holds them to
// it. Whatever is unusual or wrong is for the second to judge. V is new.
func (v *verified) parse(payload string) error {
	v.claims.payload = payload
	if !v.scan(payload) {
		v.reset(payload)
		if err := v.readClaims(payload); err != nil {
			return err
		}
	}
	return v.finish()
}

func (v *verified) reset(payload string) {
	v.claims = Claims{payload: payload}
	v.amrTimes = nil
	v.issued.seconds, v.issued.millis = 0, 0
}

var errFactors = errors.New("amr and amr_times have not the same length")

// finish puts together what more than one claim says, and makes the principal.
func (v *verified) finish() error {
	c := &v.claims
	if v.issued.seconds != 0 {
		c.IssuedAt = time.Unix(v.issued.seconds, v.issued.millis*int64(time.Millisecond)).UTC()
	}
	switch {
	case v.amrTimes == nil:
		for i := range c.Factors {
			c.Factors[i].At = c.AuthTime
		}
	case len(v.amrTimes) != len(c.Factors):
		return errFactors
	default:
		for i, at := range v.amrTimes {
			if at != 0 {
				c.Factors[i].At = unix(at)
			}
		}
	}
	c.fill(&v.principal)
	return nil
}

// require reports a claim that every token must have (JWT-10).
func (c *Claims) require(skipID bool) error {
	switch {
	case c.Subject == "":
		return missing("sub")
	case c.ID == "" && !skipID:
		return missing("jti")
	case c.ExpiresAt.IsZero():
		return missing("exp")
	case c.IssuedAt.IsZero():
		return missing("iat")
	}
	return nil
}

func missing(name string) error { return fmt.Errorf("the claim %s is missing or empty", name) }

func unix(seconds int64) time.Time { return time.Unix(seconds, 0).UTC() }

// A claimSet is a set of the claims that were read, one bit each.
type claimSet uint32

const (
	claimIss claimSet = 1 << iota
	claimSub
	claimAud
	claimExp
	claimNbf
	claimIat
	claimJti
	claimClientID
	claimSid
	claimScope
	claimRoles
	claimAmr
	claimAmrTimes
	claimAuthTime
	claimAcr
	claimAttrs
	claimIatMs
)

// claimOf is a switch because it is twice as fast as a map.
func claimOf(name string) claimSet {
	switch name {
	case "iss":
		return claimIss
	case "sub":
		return claimSub
	case "aud":
		return claimAud
	case "exp":
		return claimExp
	case "nbf":
		return claimNbf
	case "iat":
		return claimIat
	case "jti":
		return claimJti
	case "client_id":
		return claimClientID
	case "sid":
		return claimSid
	case "scope":
		return claimScope
	case "roles":
		return claimRoles
	case "amr":
		return claimAmr
	case "amr_times":
		return claimAmrTimes
	case "auth_time":
		return claimAuthTime
	case "acr":
		return claimAcr
	case "attrs":
		return claimAttrs
	case "iat_ms":
		return claimIatMs
	}
	return 0
}

const (
	textClaims   = claimIss | claimSub | claimJti | claimClientID | claimSid | claimAcr | claimScope
	numberClaims = claimExp | claimNbf | claimIat | claimAuthTime | claimIatMs
	listClaims   = claimAud | claimRoles | claimAmr
)

// setText takes the value of one of textClaims.
func (v *verified) setText(claim claimSet, s string) error {
	c := &v.claims
	switch claim {
	case claimIss:
		c.Issuer = s
	case claimSub:
		c.Subject = s
	case claimJti:
		c.ID = s
	case claimClientID:
		c.ClientID = s
	case claimSid:
		c.SessionID = s
	case claimAcr:
		c.ACR = s
	case claimScope:
		return v.setScope(s)
	}
	return nil
}

var errScope = errors.New("the scope is not a list of tokens with one space between them")

// setScope splits a scope (RFC 6749 §3.3). An empty one is a list of none, which
// permits nothing, and not the absence of the claim.
func (v *verified) setScope(s string) error {
	scopes := v.scopes[:0]
	for start := 0; s != "" && start <= len(s); {
		end := start
		for end < len(s) && s[end] != ' ' {
			if c := s[end]; c < '!' || c == '"' || c == '\\' || c > '~' {
				return errScope
			}
			end++
		}
		if end == start {
			return errScope
		}
		scopes = append(scopes, s[start:end])
		start = end + 1
	}
	v.claims.Scopes = scopes
	return nil
}

// setNumber takes the value of one of numberClaims, an integer from 0 to 2^53.
func (v *verified) setNumber(claim claimSet, n int64) error {
	if claim == claimIatMs {
		if n > 999 {
			return errInteger
		}
		v.issued.millis = n
		return nil
	}
	if n == 0 {
		return errInteger
	}
	switch claim {
	case claimExp:
		v.claims.ExpiresAt = unix(n)
	case claimNbf:
		v.claims.NotBefore = unix(n)
	case claimIat:
		v.issued.seconds = n
	case claimAuthTime:
		v.claims.AuthTime = unix(n)
	}
	return nil
}

// add takes one element of one of listClaims.
func (v *verified) add(claim claimSet, s string) {
	c := &v.claims
	switch claim {
	case claimAud:
		if c.Audience == nil {
			c.Audience = v.audience[:0]
		}
		c.Audience = append(c.Audience, s)
	case claimRoles:
		if c.Roles == nil {
			c.Roles = v.roles[:0]
		}
		c.Roles = append(c.Roles, s)
	case claimAmr:
		if c.Factors == nil {
			c.Factors = v.factors[:0]
		}
		c.Factors = append(c.Factors, auth.Factor{Kind: s})
	}
}

// addTime takes one element of amr_times.
func (v *verified) addTime(n int64) {
	v.amrTimes = append(v.amrTimes, n)
}

// addAttribute takes one member of attrs.
func (v *verified) addAttribute(name, value string) {
	if v.claims.Attributes == nil {
		v.claims.Attributes = make(map[string]string)
	}
	v.claims.Attributes[name] = value
}
