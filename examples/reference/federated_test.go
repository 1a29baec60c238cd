package main

import (
	"testing"
	"time"

	"github.com/go-sallyport/auth/oauth/oauthtest"
	"github.com/go-sallyport/auth/password/account"
)

// What is left when the database or the process goes in the midst of a registration or of
// a deletion must lock nobody out.
func TestHalfRegistered(t *testing.T) {
	for name, c := range map[string]struct {
		age      time.Duration
		disabled bool
		status   int
	}{
		"an account that nobody can sign in to is that of whoever proves its address": {2 * orphanAfter, false, 303},
		"one whose link may be about to be written is not":                            {0, false, 409},
		"one that is kept out is not":                                                 {2 * orphanAfter, true, 409},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := startWith(t, oauthtest.User{Subject: "7", Email: alice, EmailVerified: true})
			id, err := s.service.stores.users.Create(t.Context(), account.User{
				ID: "orphan", Email: alice, Canonical: alice, Verified: true, Disabled: c.disabled, Roles: []string{"customer"},
				CreatedAt: time.Now().Add(-c.age).UTC().Truncate(time.Millisecond),
			})
			if err != nil {
				t.Fatal(err)
			}
			b := s.caller()
			b.want(b.roundTrip(b.page("/api/v1/auth/oidc")), c.status)
			if c.status != 303 {
				b.want(b.call("GET", "/api/v1/profile", nil), 401)
				return
			}
			for range 2 { // also the second time, by the link that there is now
				if a := b.want(b.call("GET", "/api/v1/profile", nil), 200); a.text("data", "id") != id {
					t.Errorf("somebody else: %s", a.body)
				}
				b = s.caller()
				b.want(b.roundTrip(b.page("/api/v1/auth/oidc")), 303)
			}
		})
	}
	t.Run("an account with another provider is nobody's to take", func(t *testing.T) {
		s, _ := startWith(t, oauthtest.User{Subject: "7", ID: 8, Email: alice, EmailVerified: true, Username: "alice"})
		b := s.caller()
		b.want(b.roundTrip(b.page("/api/v1/auth/oidc")), 303)
		id := b.call("GET", "/api/v1/profile", nil).text("data", "id")
		if err := s.service.stores.exec(t.Context(), "UPDATE auth_users SET created_at = created_at - ? WHERE id = ?", int64(2*orphanAfter/time.Microsecond), id); err != nil {
			t.Fatal(err)
		}
		other := s.caller()
		other.want(other.roundTrip(other.page("/api/v1/auth/github")), 409)
	})
}

func TestHalfDeleted(t *testing.T) {
	s, _ := startWith(t, oauthtest.User{Subject: "7", Email: alice, EmailVerified: true})
	b := s.caller()
	b.want(b.roundTrip(b.page("/api/v1/auth/oidc")), 303)
	id := b.call("GET", "/api/v1/profile", nil).text("data", "id")
	if err := s.service.stores.users.Delete(t.Context(), id); err != nil { // and not what is in other stores
		t.Fatal(err)
	}
	b = s.caller()
	b.want(b.roundTrip(b.page("/api/v1/auth/oidc")), 401)
	b.want(b.roundTrip(b.page("/api/v1/auth/oidc")), 303)
	if now := b.want(b.call("GET", "/api/v1/profile", nil), 200).text("data", "id"); now == id {
		t.Error("the account that was deleted is back")
	}
}
