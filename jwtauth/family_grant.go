package jwtauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/netip"
	"time"

	"github.com/go-sallyport/auth"
)

// A Device is what a sign-in tells of the client, for the list that a user sees.
type Device struct {
	UserAgent string     // as the client gave it: escape it
	Address   netip.Addr // invalid if unknown
}

// A grant is what a sign-in has granted: the Grant of a Family. It is JSON with a
// version; a version that is not known is corrupt, so that rolling a service back
// over a change of format signs users out, and misreads nothing.
type grant struct {
	Version         int               `json:"v"`
	Subject         string            `json:"sub"`
	AuthenticatedAt time.Time         `json:"at,omitzero"`
	Roles           []string          `json:"roles,omitempty"`
	Scopes          []string          `json:"scopes"` // null is no bound, [] permits nothing
	Factors         []auth.Factor     `json:"factors,omitempty"`
	Attributes      map[string]string `json:"attrs,omitempty"`
	ClientID        string            `json:"client,omitempty"`
	UserAgent       string            `json:"agent,omitempty"`
	Address         netip.Addr        `json:"addr,omitzero"`
}

const grantVersion = 1

// errGrant: what a store returned is not what it was given.
var errGrant = errors.New("jwtauth: the stored family cannot be read")

// encode returns the Grant of a family.
func (g *grant) encode() ([]byte, error) {
	g.Version = grantVersion
	b, err := json.Marshal(g)
	if err == nil && len(b) > MaxGrantSize {
		err = ErrGrantSize
	}
	return b, err
}

// decodeGrant reads the Grant of the family of id. It holds the subject in it to
// the id, which the MAC of the token vouches for.
func decodeGrant(id FamilyID, b []byte) (*grant, error) {
	g := new(grant)
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if len(b) > MaxGrantSize || dec.Decode(g) != nil || dec.More() {
		return nil, errGrant
	}
	if g.Version != grantVersion || g.Subject == "" || BucketOf(g.Subject) != id.Bucket() {
		return nil, errGrant
	}
	return g, nil
}

// grantOf is the grant for p.
func grantOf(p *auth.Principal, client string, d Device) *grant {
	p = p.Clone()
	return &grant{
		Subject:         p.Subject,
		AuthenticatedAt: p.AuthenticatedAt.Round(0),
		Roles:           p.Roles,
		Scopes:          p.Scopes,
		Factors:         p.Factors,
		Attributes:      p.Attributes,
		ClientID:        client,
		UserAgent:       d.UserAgent,
		Address:         d.Address,
	}
}

// principal is who has signed in, as it was then.
func (g *grant) principal(id FamilyID) *auth.Principal {
	return &auth.Principal{
		Subject:         g.Subject,
		Method:          auth.MethodJWT,
		CredentialID:    id.Public(),
		Roles:           g.Roles,
		Scopes:          g.Scopes,
		Factors:         g.Factors,
		AuthenticatedAt: g.AuthenticatedAt,
		Attributes:      g.Attributes,
	}
}
