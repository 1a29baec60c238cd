package jwtauth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/jwtauth"
	"github.com/go-sallyport/auth/problem"
)

func TestRefreshRotation(t *testing.T) {
	t.Run("RFT-02 each use rotates, and the access token is verified", func(t *testing.T) {
		d := newDesk(t, nil)
		tokens := d.signIn()
		seen := map[string]bool{tokens.Refresh: true}
		for range 5 {
			d.clock.Advance(time.Minute)
			next := d.refresh(tokens.Refresh)
			if seen[next.Refresh] || next.Access == tokens.Access || !d.verified(next.Access) || next.Family != tokens.Family {
				t.Fatal("the pair is not a new one of the family")
			}
			seen[next.Refresh] = true
			tokens = next
		}
		c, err := d.verifier.Verify(t.Context(), tokens.Access)
		noErr(t, err)
		p := c.Principal()
		if p.Subject != "u-alice" || p.CredentialID != tokens.Family || p.Method != auth.MethodJWT || !slices.Equal(p.Roles, []string{"customer"}) || c.ID == tokens.Family {
			t.Errorf("%+v", p)
		}
	})
	t.Run("RFT-05 R01 R02 a repeat within the grace gets the same refresh token", func(t *testing.T) {
		for _, after := range []time.Duration{0, 5 * time.Second, 10*time.Second - time.Millisecond} {
			d := newDesk(t, nil)
			tokens := d.signIn()
			next := d.refresh(tokens.Refresh)
			d.clock.Advance(after)
			again := d.refresh(tokens.Refresh)
			if again.Refresh != next.Refresh || !d.verified(again.Access) {
				t.Errorf("after %v: another successor", after)
			}
			d.refresh(next.Refresh)
		}
	})
	t.Run("RFT-03 RFT-05 JWT-19 R02 a repeat after the grace ends the family and its access tokens", func(t *testing.T) {
		d := newDesk(t, nil)
		tokens := d.signIn()
		next := d.refresh(tokens.Refresh)
		d.kinds()
		d.clock.Advance(11 * time.Second)
		d.refused(tokens.Refresh, jwtauth.ErrReused)
		if kinds := d.kinds(); !slices.Equal(kinds, []auth.EventKind{jwtauth.EventReused}) {
			t.Errorf("events %v", kinds)
		}
		d.refused(next.Refresh, jwtauth.ErrNoFamily)
		if _, err := d.verifier.Verify(t.Context(), next.Access); !errors.Is(err, jwtauth.ErrRevoked) {
			t.Errorf("the access token: %v", err)
		}
	})
	t.Run("RFT-03 RFT-06 R04 a parent that is two behind ends the family within the grace, of thief and victim", func(t *testing.T) {
		d := newDesk(t, func(c *jwtauth.IssuerConfig) { c.Reuse = jwtauth.ReuseEndsFamily })
		stolen := d.signIn()
		other := d.signIn()
		second := d.refresh(stolen.Refresh)
		third := d.refresh(second.Refresh)
		d.clock.Advance(time.Second)
		d.refused(stolen.Refresh, jwtauth.ErrReused)
		d.refused(third.Refresh, jwtauth.ErrNoFamily)
		d.refused(second.Refresh, jwtauth.ErrNoFamily)
		for _, access := range []string{stolen.Access, second.Access, third.Access} {
			if d.verified(access) {
				t.Error("an access token of the family is good")
			}
		}
		if next := d.refresh(other.Refresh); !d.verified(next.Access) {
			t.Error("the other device cannot go on")
		}
	})
	t.Run("RFT-06 R05 no token of a revoked family is good, within the grace too", func(t *testing.T) {
		d := newDesk(t, nil)
		first := d.signIn()
		second := d.refresh(first.Refresh)
		noErr(t, d.issuer.Revoke(t.Context(), second.Refresh))
		d.refused(first.Refresh, jwtauth.ErrNoFamily)
		d.refused(second.Refresh, jwtauth.ErrNoFamily)
	})
	t.Run("RFT-05 a grace of none", func(t *testing.T) {
		d := newDesk(t, func(c *jwtauth.IssuerConfig) { c.Grace = -1 })
		tokens := d.signIn()
		next := d.refresh(tokens.Refresh)
		d.refused(tokens.Refresh, jwtauth.ErrReused)
		d.refused(next.Refresh, jwtauth.ErrNoFamily)
	})
	t.Run("RFT-03 a spent token ends every sign-in of the user, and of nobody else, or its family alone", func(t *testing.T) {
		for name, c := range map[string]struct {
			change   func(*jwtauth.IssuerConfig)
			survives bool
		}{
			"zero":             {nil, false},
			"ReuseEndsSubject": {func(c *jwtauth.IssuerConfig) { c.Reuse = jwtauth.ReuseEndsSubject }, false},
			"ReuseEndsFamily":  {func(c *jwtauth.IssuerConfig) { c.Reuse = jwtauth.ReuseEndsFamily }, true},
		} {
			d := newDesk(t, c.change)
			bob := deskUser()
			bob.Subject = "u-bob"
			stranger, err := d.issuer.Issue(t.Context(), bob, jwtauth.Device{})
			noErr(t, err)
			tokens, other := d.signIn(), d.signIn()
			d.refresh(tokens.Refresh)
			d.clock.Advance(jwtauth.DefaultGrace)
			d.refused(tokens.Refresh, jwtauth.ErrReused)
			if _, err := d.issuer.Refresh(t.Context(), other.Refresh); (err == nil) != c.survives {
				t.Errorf("%s: the other device: %v", name, err)
			}
			if next := d.refresh(stranger.Refresh); !d.verified(next.Access) || !d.verified(stranger.Access) {
				t.Errorf("%s: another user is signed out", name)
			}
		}
	})
	t.Run("RFT-07 R12 idle and absolute lifetime", func(t *testing.T) {
		d := newDesk(t, nil)
		tokens := d.signIn()
		d.clock.Advance(jwtauth.DefaultRefreshIdle)
		d.refused(tokens.Refresh, jwtauth.ErrNoFamily)
		d.clock.Advance(-time.Hour)
		d.refused(tokens.Refresh, jwtauth.ErrNoFamily) // F17 not revived

		start := d.clock.Now()
		tokens = d.signIn()
		for d.clock.Now().Sub(start) < jwtauth.DefaultRefreshLifetime-4*24*time.Hour {
			d.clock.Advance(3 * 24 * time.Hour)
			tokens = d.refresh(tokens.Refresh)
			if end := d.clock.Now().Add(tokens.RefreshIn); end.After(start.Add(jwtauth.DefaultRefreshLifetime)) {
				t.Fatalf("good until %v, beyond the end", end.Sub(start))
			}
		}
		d.clock.Set(start.Add(jwtauth.DefaultRefreshLifetime - 5*time.Minute))
		tokens = d.refresh(tokens.Refresh)
		if tokens.ExpiresIn != 5*time.Minute || tokens.RefreshIn != 5*time.Minute {
			t.Errorf("the pair is good for %v and %v, the family for 5m", tokens.ExpiresIn, tokens.RefreshIn)
		}
		d.clock.Advance(5 * time.Minute)
		d.refused(tokens.Refresh, jwtauth.ErrNoFamily)
	})
	t.Run("RFT-07 RFT-16 R12 10000 rotations do not move the end, and take no room", func(t *testing.T) {
		d := newDesk(t, nil)
		tokens := d.signIn()
		rotations := testkit.Volume(10_000)
		step := jwtauth.DefaultRefreshLifetime / time.Duration(rotations+1)
		for range rotations {
			d.clock.Advance(step)
			tokens = d.refresh(tokens.Refresh)
		}
		d.clock.Advance(2 * step)
		d.refused(tokens.Refresh, jwtauth.ErrNoFamily)
	})
	t.Run("JWT-12 an access token lives for 15 minutes, longer only by its name", func(t *testing.T) {
		d := newDesk(t, nil)
		tokens := d.signIn()
		if tokens.ExpiresIn != 15*time.Minute {
			t.Errorf("%v", tokens.ExpiresIn)
		}
		d.clock.Advance(15*time.Minute - time.Second)
		if !d.verified(tokens.Access) {
			t.Error("it ends early")
		}
		d.clock.Advance(2 * time.Second) // of which one is leeway
		if d.verified(tokens.Access) {
			t.Error("it ends late")
		}
		cfg := issuerConfig()
		cfg.AccessLifetime = 16 * time.Minute
		if _, err := jwtauth.NewIssuer(signingKeys(t), nil, cfg); err == nil {
			t.Error("16 minutes are accepted")
		}
		cfg.InsecureLongLived = true
		if _, err := jwtauth.NewIssuer(signingKeys(t), nil, cfg); err != nil {
			t.Error(err)
		}
	})
	t.Run("R13 an access token does not refresh, a refresh token is no access token", func(t *testing.T) {
		d := newDesk(t, nil)
		tokens := d.signIn()
		d.store.count()
		d.refused(tokens.Access, jwtauth.ErrNoFamily)
		if d.verified(tokens.Refresh) {
			t.Error("a refresh token is an access token")
		}
		if n := d.store.count(); n != 0 {
			t.Errorf("RFT-01 junk has cost %d calls of the store", n)
		}
	})
	t.Run("R10 a malformed token costs no call of the store", func(t *testing.T) {
		d := newDesk(t, nil)
		tokens := d.signIn()
		d.store.count()
		for n := range len(tokens.Refresh) {
			d.refused(tokens.Refresh[:n], jwtauth.ErrNoFamily)
		}
		noErr(t, d.issuer.Revoke(t.Context(), tokens.Refresh[1:]))
		if n := d.store.count(); n != 0 {
			t.Errorf("%d calls", n)
		}
	})
}

func TestRFT14Binding(t *testing.T) {
	t.Run("RFT-14 R11 a token of another client, service or transport is nothing", func(t *testing.T) {
		d := newDesk(t, func(c *jwtauth.IssuerConfig) { c.ClientID = "web" })
		tokens := d.signIn()
		for _, change := range []func(*jwtauth.IssuerConfig){
			func(c *jwtauth.IssuerConfig) { c.ClientID = "ios" },
			func(c *jwtauth.IssuerConfig) { c.ClientID = "" },
			func(c *jwtauth.IssuerConfig) { c.ClientID, c.Transport = "web", jwtauth.TransportBody },
			func(c *jwtauth.IssuerConfig) { c.ClientID, c.Issuer = "web", "https://other.example.com" },
			func(c *jwtauth.IssuerConfig) { c.ClientID, c.Audience = "web", []string{"https://other.example.com"} },
		} {
			d.on(change)
			d.refused(tokens.Refresh, jwtauth.ErrNoFamily)
			noErr(t, d.issuer.Revoke(t.Context(), tokens.Refresh))
		}
		d.on(func(c *jwtauth.IssuerConfig) { c.ClientID = "web" })
		d.refresh(tokens.Refresh)
	})
	t.Run("RFT-14 R11 scopes only shrink", func(t *testing.T) {
		d := newDesk(t, nil)
		p := deskUser()
		p.Scopes = []string{"orders:read", "orders:write"}
		tokens, err := d.issuer.Issue(t.Context(), p, jwtauth.Device{})
		noErr(t, err)
		scopes := func(access string) []string {
			c, err := d.verifier.Verify(t.Context(), access)
			noErr(t, err)
			return c.Scopes
		}
		next, err := d.issuer.Refresh(t.Context(), tokens.Refresh, "orders:read")
		noErr(t, err)
		if got := scopes(next.Access); !slices.Equal(got, []string{"orders:read"}) {
			t.Errorf("%q", got)
		}
		if _, err = d.issuer.Refresh(t.Context(), next.Refresh, "orders:read", "users:write"); err == nil || problem.From(err).Status != http.StatusBadRequest {
			t.Errorf("a wider scope: %v", err)
		}
		// Nothing was spent by that, and the refresh token still has all of them.
		next = d.refresh(next.Refresh)
		if got := scopes(next.Access); !slices.Equal(got, p.Scopes) {
			t.Errorf("%q", got)
		}
		for name, c := range map[string]struct{ granted, now, asked, want []string }{
			"today's are wider":     {[]string{"a"}, []string{"a", "b"}, nil, []string{"a"}},
			"today's are unbounded": {[]string{"a"}, nil, nil, []string{"a"}},
			"today's are fewer":     {[]string{"a", "b"}, []string{"b"}, []string{"a", "b"}, []string{"b"}},
			"unbounded":             {nil, nil, []string{"a"}, []string{"a"}},
			"today's are none":      {[]string{"a"}, []string{}, []string{"a"}, []string{}},
			"none were granted":     {[]string{}, nil, nil, []string{}},
		} {
			p.Scopes = c.granted
			tokens, err := d.issuer.Issue(t.Context(), p, jwtauth.Device{})
			noErr(t, err)
			d.user(func(p *auth.Principal) (*auth.Principal, error) { p.Scopes = c.now; return p, nil })
			next, err := d.issuer.Refresh(t.Context(), tokens.Refresh, c.asked...)
			noErr(t, err)
			if got := scopes(next.Access); !slices.Equal(got, c.want) || got == nil {
				t.Errorf("%s: %#v, want %#v", name, got, c.want)
			}
		}
	})
}

func TestRFT13Current(t *testing.T) {
	d := newDesk(t, nil)
	tokens := d.signIn()
	disabled := func(*auth.Principal) (*auth.Principal, error) {
		return nil, fmt.Errorf("%w: disabled", auth.ErrInvalidCredentials)
	}
	t.Run("RFT-13 R07 a user who is disabled gets nothing", func(t *testing.T) {
		d.user(disabled)
		d.refused(tokens.Refresh, auth.ErrInvalidCredentials)
	})
	t.Run("RFT-13 I4 users who cannot be asked for have lost nothing, for however long", func(t *testing.T) {
		d.user(func(*auth.Principal) (*auth.Principal, error) { return nil, errDown })
		for range 3 {
			_, err := d.issuer.Refresh(t.Context(), tokens.Refresh)
			if !errors.Is(err, errDown) || problem.From(err).Status != http.StatusServiceUnavailable {
				t.Errorf("%v", err)
			}
			d.clock.Advance(time.Minute)
		}
		d.user(nil)
		tokens = d.refresh(tokens.Refresh)
	})
	t.Run("RFT-13 a role that was taken away is gone with the next token", func(t *testing.T) {
		d.user(func(p *auth.Principal) (*auth.Principal, error) { p.Roles = nil; return p, nil })
		tokens = d.refresh(tokens.Refresh)
		c, err := d.verifier.Verify(t.Context(), tokens.Access)
		noErr(t, err)
		if len(c.Roles) != 0 {
			t.Errorf("%v", c.Roles)
		}
		d.user(nil)
		tokens = d.refresh(tokens.Refresh)
		if c, err := d.verifier.Verify(t.Context(), tokens.Access); err != nil || len(c.Roles) != 1 {
			t.Errorf("what Current changes is kept: %v, %v", c, err)
		}
	})
	t.Run("RFT-13 the password epoch: a sign-in from before the change", func(t *testing.T) {
		changed := d.clock.Now()
		d.clock.Advance(time.Minute)
		late := d.signIn()
		d.user(func(p *auth.Principal) (*auth.Principal, error) {
			if !p.AuthenticatedAt.After(changed) {
				return nil, auth.ErrInvalidCredentials
			}
			return p, nil
		})
		d.refused(tokens.Refresh, auth.ErrInvalidCredentials)
		d.refresh(late.Refresh)
	})
	t.Run("RFT-13 an answer that is none, or about another user, refuses", func(t *testing.T) {
		for _, answer := range []*auth.Principal{nil, {Subject: "u-bob"}, {}} {
			d.user(func(*auth.Principal) (*auth.Principal, error) { return answer, nil })
			if tokens, err := d.issuer.Refresh(t.Context(), tokens.Refresh); err == nil || tokens != nil {
				t.Errorf("%+v: %v", answer, err)
			}
		}
	})
	t.Run("F16 a panic of a hook leaves nothing locked and nothing spent", func(t *testing.T) {
		d.user(func(*auth.Principal) (*auth.Principal, error) { panic("as it was told") })
		func() {
			defer func() { _ = recover() }()
			_, _ = d.issuer.Refresh(t.Context(), tokens.Refresh)
			t.Error("no panic")
		}()
		d.user(nil)
		d.clock.Advance(time.Minute)
		d.refresh(tokens.Refresh)
	})
}

func TestRFT09StoreFailures(t *testing.T) {
	wantDown := func(t *testing.T, err error) {
		t.Helper()
		if err == nil || problem.From(err).Status != http.StatusServiceUnavailable {
			t.Errorf("%v, want a 503", err)
		}
	}
	t.Run("RFT-09 R09 an error at the rotation gives no tokens and spends nothing that is lost", func(t *testing.T) {
		d := newDesk(t, nil)
		tokens := d.signIn()
		for _, method := range []string{"Find", "Rotate"} {
			d.store.failing(method)
			got, err := d.issuer.Refresh(t.Context(), tokens.Refresh)
			wantDown(t, err)
			if got != nil {
				t.Error("tokens")
			}
		}
		d.store.failing()
		d.clock.Advance(time.Hour)
		d.refresh(tokens.Refresh)
	})
	t.Run("RFT-09 R09 F14 whatever fails after a reuse is made up for, and the family stays blocked", func(t *testing.T) {
		d := newDesk(t, func(c *jwtauth.IssuerConfig) { c.Grace, c.Reuse = -1, jwtauth.ReuseEndsSubject })
		for _, fault := range []string{"RevokeAll", "epochs", "Revoke"} {
			tokens, other := d.signIn(), d.signIn()
			d.clock.Advance(time.Second)
			next := d.refresh(tokens.Refresh)
			d.epochs.set(fault == "epochs")
			if fault != "epochs" {
				d.store.failing(fault)
			}
			for _, token := range []string{tokens.Refresh, next.Refresh, tokens.Refresh} {
				_, err := d.issuer.Refresh(t.Context(), token)
				wantDown(t, err)
			}
			d.store.failing()
			d.epochs.set(false)
			d.refused(next.Refresh, jwtauth.ErrReused)
			d.refused(next.Refresh, jwtauth.ErrNoFamily)
			d.refused(other.Refresh, jwtauth.ErrNoFamily)
			if d.verified(next.Access) || d.verified(other.Access) {
				t.Errorf("%s: an access token is good", fault)
			}
		}
	})
	t.Run("RFT-03 what is left to do after a reuse does not wait for the users", func(t *testing.T) {
		d := newDesk(t, func(c *jwtauth.IssuerConfig) { c.Grace = -1 })
		tokens := d.signIn()
		next := d.refresh(tokens.Refresh)
		d.epochs.set(true)
		_, err := d.issuer.Refresh(t.Context(), tokens.Refresh)
		wantDown(t, err)
		d.epochs.set(false)
		d.user(func(*auth.Principal) (*auth.Principal, error) { return nil, errDown })
		d.refused(next.Refresh, jwtauth.ErrReused)
		if d.verified(next.Access) {
			t.Error("an access token is good")
		}
	})
	t.Run("RFT-09 a revocation that fails is an error, each part of it", func(t *testing.T) {
		d := newDesk(t, nil)
		tokens := d.signIn()
		d.store.failing("Revoke", "RevokeAll", "List")
		wantDown(t, d.issuer.Revoke(t.Context(), tokens.Refresh))
		wantDown(t, d.issuer.RevokeFamily(t.Context(), "u-alice", tokens.Family))
		wantDown(t, d.issuer.RevokeSubject(t.Context(), "u-alice", ""))
		if d.verified(tokens.Access) {
			t.Error("the access tokens were not tried")
		}
		_, err := d.issuer.List(t.Context(), "u-alice")
		wantDown(t, err)
		d.store.failing()
		d.epochs.set(true)
		wantDown(t, d.issuer.RevokeSubject(t.Context(), "u-alice", ""))
		d.refused(tokens.Refresh, jwtauth.ErrNoFamily)
	})
	t.Run("a sign-in that cannot be kept gives nothing", func(t *testing.T) {
		d := newDesk(t, nil)
		d.store.failing("Create")
		tokens, err := d.issuer.Issue(t.Context(), deskUser(), jwtauth.Device{})
		wantDown(t, err)
		if tokens != nil {
			t.Error("tokens")
		}
	})
	t.Run("F11 a family that cannot be read is signed out and told of", func(t *testing.T) {
		d := newDesk(t, nil)
		tokens := d.signIn()
		d.store.FamilyStore = corrupting{d.store.FamilyStore}
		d.kinds()
		d.refused(tokens.Refresh, jwtauth.ErrNoFamily)
		if kinds := d.kinds(); !slices.Equal(kinds, []auth.EventKind{jwtauth.EventCorrupt}) {
			t.Errorf("%v", kinds)
		}
		if list, err := d.issuer.List(t.Context(), "u-alice"); err != nil || len(list) != 0 {
			t.Errorf("%v, %v", list, err)
		}
		noErr(t, d.issuer.Revoke(t.Context(), tokens.Refresh))
	})
}

// corrupting cuts what it returns.
type corrupting struct{ jwtauth.FamilyStore }

func (c corrupting) Find(ctx context.Context, id jwtauth.FamilyID) (*jwtauth.Family, error) {
	f, err := c.FamilyStore.Find(ctx, id)
	if err == nil {
		f.Grant = f.Grant[:len(f.Grant)-1]
	}
	return f, err
}

func (c corrupting) List(ctx context.Context, b jwtauth.Bucket) ([]*jwtauth.Family, error) {
	list, err := c.FamilyStore.List(ctx, b)
	for _, f := range list {
		f.Grant = nil
	}
	return list, err
}

func TestF15Cancelled(t *testing.T) {
	t.Run("F15 a client that is gone before the rotation has spent nothing, one that goes during it finds it done", func(t *testing.T) {
		for _, at := range []string{"Find", "current", "Rotate"} {
			d := newDesk(t, nil)
			tokens := d.signIn()
			ctx, cancel := context.WithCancel(t.Context())
			d.store.before = func(method string) {
				if method == at {
					cancel()
				}
			}
			d.user(func(p *auth.Principal) (*auth.Principal, error) {
				if at == "current" {
					cancel()
				}
				return p, nil
			})
			got, err := d.issuer.Refresh(ctx, tokens.Refresh)
			cancel()
			d.store.before = nil
			if at == "Rotate" {
				if err != nil || got == nil {
					t.Fatalf("%s: %v", at, err)
				}
				if again := d.refresh(tokens.Refresh); again.Refresh != got.Refresh {
					t.Errorf("%s: another successor", at)
				}
				continue
			}
			if err == nil || got != nil {
				t.Errorf("%s: %v", at, err)
			}
			d.clock.Advance(time.Hour)
			d.refresh(tokens.Refresh)
		}
	})
	t.Run("F15 a revocation is not stopped by who asked for it", func(t *testing.T) {
		d := newDesk(t, nil)
		one, two, three := d.signIn(), d.signIn(), d.signIn()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		noErr(t, d.issuer.Revoke(ctx, one.Refresh))
		noErr(t, d.issuer.RevokeFamily(ctx, "u-alice", two.Family))
		d.refused(one.Refresh, jwtauth.ErrNoFamily)
		d.refused(two.Refresh, jwtauth.ErrNoFamily)
		noErr(t, d.issuer.RevokeSubject(ctx, "u-alice", ""))
		d.refused(three.Refresh, jwtauth.ErrNoFamily)
	})
}

func TestRaces(t *testing.T) {
	t.Run("RFT-04 R03 1000 parallel refreshes of one token get one successor", func(t *testing.T) {
		d := newDesk(t, nil)
		tokens := d.signIn()
		var mu sync.Mutex
		successors := make(map[string]int)
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				next, err := d.issuer.Refresh(t.Context(), tokens.Refresh)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				successors[next.Refresh]++
			})
		}
		wg.Wait()
		if len(successors) != 1 {
			t.Fatalf("%d successors", len(successors))
		}
		for token := range successors {
			d.refresh(token)
		}
	})
	t.Run("R06 R07 refresh against sign-out and revocation of the user, 1000 rounds: nothing is good afterwards", func(t *testing.T) {
		d := newDesk(t, nil)
		for round := range testkit.Rounds(1000) {
			tokens := d.signIn()
			var got [3]*jwtauth.Tokens
			var wg sync.WaitGroup
			for i := range got {
				wg.Go(func() { got[i], _ = d.issuer.Refresh(t.Context(), tokens.Refresh) })
			}
			wg.Go(func() {
				var err error
				if round%2 == 0 {
					err = d.issuer.Revoke(t.Context(), tokens.Refresh)
				} else {
					err = d.issuer.RevokeSubject(t.Context(), "u-alice", "")
				}
				if err != nil {
					t.Error(err)
				}
			})
			wg.Wait()
			d.refused(tokens.Refresh, jwtauth.ErrNoFamily)
			for _, next := range got {
				if next == nil {
					continue
				}
				d.refused(next.Refresh, jwtauth.ErrNoFamily)
				if round%2 == 1 && d.verified(next.Access) {
					t.Fatalf("JWT-19 round %d: an access token is good after all of them were revoked", round)
				}
			}
			if t.Failed() {
				return
			}
			d.clock.Advance(time.Millisecond)
		}
		if list, err := d.issuer.List(t.Context(), "u-alice"); err != nil || len(list) != 0 {
			t.Errorf("%d families are left, %v", len(list), err)
		}
	})
}

func TestF18Skew(t *testing.T) {
	t.Run("F17 F18 two processes with clocks 90 s apart share families", func(t *testing.T) {
		for _, skew := range []time.Duration{90 * time.Second, -90 * time.Second, 5 * time.Minute, -time.Hour} {
			d := newDesk(t, nil)
			here := d.issuer
			d.on(func(c *jwtauth.IssuerConfig) { c.Now = func() time.Time { return d.clock.Now().Add(skew) } })
			there := d.issuer
			tokens := d.signIn()
			for i := range 6 {
				first, second := here, there
				if i%2 == 1 {
					first, second = there, here
				}
				next, err := first.Refresh(t.Context(), tokens.Refresh)
				noErr(t, err)
				again, err := second.Refresh(t.Context(), tokens.Refresh)
				noErr(t, err)
				if next.Refresh != again.Refresh {
					t.Fatalf("skew %v: two successors", skew)
				}
				tokens = next
				d.clock.Advance(time.Minute)
			}
		}
	})
	t.Run("F18 JWT-19 after a revocation by a clock that is ahead, a sign-in is good at once", func(t *testing.T) {
		d := newDesk(t, nil)
		here := d.issuer
		d.on(func(c *jwtauth.IssuerConfig) { c.Now = func() time.Time { return d.clock.Now().Add(20 * time.Second) } })
		old := d.signIn()
		spared, err := here.Issue(t.Context(), deskUser(), jwtauth.Device{})
		noErr(t, err)
		noErr(t, d.issuer.RevokeSubject(t.Context(), "u-alice", spared.Family))
		fresh, err := here.Issue(t.Context(), deskUser(), jwtauth.Device{})
		noErr(t, err)
		next, err := here.Refresh(t.Context(), spared.Refresh)
		noErr(t, err)
		v, err := jwtauth.NewVerifier(signingKeys(t), jwtauth.VerifierConfig{Issuer: deskIssuer, Audience: deskAudience, Epochs: d.epochs, Now: d.clock.Now})
		noErr(t, err)
		for name, c := range map[string]struct {
			access string
			good   bool
		}{"old": {old.Access, false}, "spared, before": {spared.Access, false}, "spared, after": {next.Access, true}, "fresh": {fresh.Access, true}} {
			if _, err := v.Verify(t.Context(), c.access); (err == nil) != c.good {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestF22RefreshKeyRotation(t *testing.T) {
	t.Run("F22 R03 while a fleet changes its key every token is good everywhere, and no family forks", func(t *testing.T) {
		d := newDesk(t, nil)
		fleet := func(keys ...byte) *jwtauth.Issuer {
			d.on(func(c *jwtauth.IssuerConfig) {
				c.RefreshKeys = nil
				for _, k := range keys {
					c.RefreshKeys = append(c.RefreshKeys, refreshSecret(k))
				}
			})
			return d.issuer
		}
		one, both, two, done := fleet(1), fleet(1, 2), fleet(2, 1), fleet(2)
		tokens, err := one.Issue(t.Context(), deskUser(), jwtauth.Device{})
		noErr(t, err)
		for _, pair := range [][2]*jwtauth.Issuer{{one, both}, {two, both}, {both, two}, {two, done}} {
			a, err := pair[0].Refresh(t.Context(), tokens.Refresh)
			noErr(t, err)
			b, err := pair[1].Refresh(t.Context(), tokens.Refresh)
			noErr(t, err)
			// The two may be written with two keys. They are one token all the same.
			_, err = pair[1].Refresh(t.Context(), a.Refresh)
			noErr(t, err)
			tokens, err = pair[1].Refresh(t.Context(), b.Refresh)
			noErr(t, err)
			d.clock.Advance(time.Minute)
		}
		if _, err := one.Refresh(t.Context(), tokens.Refresh); !errors.Is(err, jwtauth.ErrNoFamily) {
			t.Errorf("a process that does not know the key: %v", err)
		}
		if list, err := d.issuer.List(t.Context(), "u-alice"); err != nil || len(list) != 1 {
			t.Errorf("%d families, %v", len(list), err)
		}
	})
}
