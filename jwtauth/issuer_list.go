package jwtauth

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/go-sallyport/auth"
)

// A FamilyInfo tells the user about one sign-in, so that a stranger's can be
// noticed and ended. It holds nothing that can refresh.
type FamilyInfo struct {
	ID        string // for RevokeFamily; the CredentialID of its principals
	Current   bool   // that of the access token of the request that asks
	Created   time.Time
	Used      time.Time // last refresh
	Expires   time.Time // the end if it is not used again
	ClientID  string
	Address   netip.Addr // at the sign-in; invalid if unknown
	UserAgent string     // at the sign-in, as the client gave it: escape it
}

// List returns the live families of subject: first the one of the access token of
// the request that ctx belongs to, then by last use. Families that cannot be read
// are left out.
//
// Whether the caller may see them is not asked here: pass the Subject of the
// caller, or guard the route for administrators. A store that fails is a 503.
func (i *Issuer) List(ctx context.Context, subject string) ([]FamilyInfo, error) {
	if subject == "" {
		return nil, errNobody
	}
	families, err := i.store.List(ctx, BucketOf(subject))
	if err != nil {
		return nil, storeFailed("list", err)
	}
	current := ""
	if p, ok := auth.FromContext(ctx); ok && p.Method == auth.MethodJWT && p.Subject == subject {
		current = p.CredentialID
	}
	list := make([]FamilyInfo, 0, len(families))
	for _, f := range families {
		g, err := decodeGrant(f.ID, f.Grant)
		if err != nil || f.Ended {
			continue
		}
		list = append(list, FamilyInfo{
			ID:        f.ID.Public(),
			Current:   f.ID.Public() == current,
			Created:   f.CreatedAt,
			Used:      f.UsedAt,
			Expires:   f.ExpiresAt,
			ClientID:  g.ClientID,
			Address:   g.Address,
			UserAgent: g.UserAgent,
		})
	}
	slices.SortFunc(list, func(a, b FamilyInfo) int {
		switch {
		case a.Current:
			return -1
		case b.Current:
			return 1
		}
		if c := b.Used.Compare(a.Used); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list, nil
}
