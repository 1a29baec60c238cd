package session

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/go-sallyport/auth"
)

// An Info tells the user about one session, so that a stranger's can be noticed
// and ended. It holds nothing that opens the session.
type Info struct {
	ID         string // for Revoke; the CredentialID of the session's principal
	Current    bool   // the session of the request that asks
	Created    time.Time
	Seen       time.Time // last use, as exact as Config.TouchEvery
	Expires    time.Time // the end if it is not used again
	Remembered bool
	Address    netip.Addr // at the sign-in; invalid if unknown
	UserAgent  string     // at the sign-in, as the client gave it: escape it
}

// List returns the live sessions of subject: first the one of the request that
// ctx belongs to, then by last use. It works without Handler in the chain, where
// the principal in ctx tells which session is the current one.
//
// Whether the caller may see them is not asked here: pass the Subject of the
// caller, or guard the route for administrators. A store that fails is a 503.
func (m *Manager) List(ctx context.Context, subject string) ([]Info, error) {
	if subject == "" {
		return nil, errNobody
	}
	records, err := m.store.List(ctx, subject)
	if err != nil {
		return nil, unavailable("list", err)
	}
	now, current := m.cfg.Now(), m.current(ctx)
	list := make([]Info, 0, len(records))
	for _, rec := range records {
		if !m.live(rec, now) {
			continue
		}
		list = append(list, Info{
			ID:         rec.ID,
			Current:    rec.ID == current,
			Created:    rec.Created,
			Seen:       rec.Seen,
			Expires:    m.expiry(rec, rec.Seen),
			Remembered: rec.Remembered,
			Address:    rec.Address,
			UserAgent:  rec.UserAgent,
		})
	}
	slices.SortFunc(list, func(a, b Info) int {
		if a.Current != b.Current {
			if a.Current {
				return -1
			}
			return 1
		}
		if c := b.Seen.Compare(a.Seen); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return list, nil
}

// current is the public id of the session of the request, or empty.
func (m *Manager) current(ctx context.Context) string {
	if n := m.nodeOf(ctx); n != nil {
		n.mu.Lock()
		defer n.mu.Unlock()
		if rec, _ := n.load(); rec != nil {
			return rec.ID
		}
		return ""
	}
	if p, ok := auth.FromContext(ctx); ok && p.Method == auth.MethodSession {
		return p.CredentialID
	}
	return ""
}
