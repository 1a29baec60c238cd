package apikey_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/problem"
)

// wrongSecret is a key with the id of text and another secret.
func wrongSecret(text string) string {
	return signed(text[:len(text)-49] + strings.Repeat("q", 43))
}

func TestVerify(t *testing.T) {
	t.Run("a good key is its owner as the owner is now", func(t *testing.T) {
		r := newRig(t, nil)
		text, k := r.issue(func(q *apikey.Request) { q.Labels = map[string]string{"team": "billing"} })
		want := &auth.Principal{
			Subject: "alice", Method: auth.MethodAPIKey, CredentialID: k.ID, Roles: []string{"manager"}, Scopes: []string{"orders:read", "orders:write"},
			Attributes: map[string]string{"tenant": "acme", apikey.AttributeEnvironment: "live", apikey.AttributeLabel + "team": "billing"},
		}
		if p := r.good(text); !p.Equal(want) {
			t.Fatalf("%+v\nwant\n%+v", p, want)
		}
	})
	t.Run("KEY-02 the store has the SHA-256 of the secret and nothing of it", func(t *testing.T) {
		r := newRig(t, nil)
		text, k := r.issue(nil)
		secret := text[len(text)-49 : len(text)-6]
		kept, err := r.store.Store.Find(t.Context(), k.ID)
		if err != nil {
			t.Fatal(err)
		}
		if kept.Hash != sha256.Sum256([]byte(secret)) {
			t.Error("the hash is another")
		}
		grant, err := kept.MarshalGrant()
		if err != nil {
			t.Fatal(err)
		}
		dump := strings.Join([]string{kept.ID, kept.Subject, kept.Successor, string(grant)}, " ")
		for i := range len(secret) - 8 {
			if strings.Contains(dump, secret[i:i+8]) || bytes.Contains(kept.Hash[:], []byte(secret[i:i+8])) {
				t.Fatalf("the store has a part of the secret: %s", dump)
			}
		}
	})
	t.Run("KEY-03 an id that is not there and a wrong secret are one answer after the same work", func(t *testing.T) {
		r := newRig(t, func(cfg *apikey.Config) { cfg.OnEvent = nil })
		text, _ := r.issue(nil)
		asked := r.owners.asked.Load()
		unknown, wrong := forged(apikey.ShardOf("alice")+"0123456789abcdef"), wrongSecret(text)
		var allocs [2]float64
		for i, bad := range []string{unknown, wrong} {
			finds := r.store.finds.Load()
			_, err := r.Verify(t.Context(), bad, netip.Addr{})
			if !errors.Is(err, apikey.ErrInvalid) || codeOf(err) != problem.APIKeyInvalid || err.Error() != apikey.ErrInvalid.Error() {
				t.Fatalf("%v", err)
			}
			if n := r.store.finds.Load() - finds; n != 1 {
				t.Fatalf("%d look-ups", n)
			}
			allocs[i] = testing.AllocsPerRun(100, func() { _, _ = r.Verify(t.Context(), bad, netip.Addr{}) })
		}
		if allocs[0] != allocs[1] {
			t.Errorf("%v allocations for an unknown id, %v for a wrong secret", allocs[0], allocs[1])
		}
		if r.owners.asked.Load() != asked {
			t.Error("Owner was asked for somebody without the secret")
		}
		// The times of 400 of each, in turn: the medians are of one work. The bounds are
		// wide, the machine is shared; an early return would be a factor of two.
		var times [2][]time.Duration
		for range 400 {
			for i, bad := range []string{unknown, wrong} {
				start := time.Now()
				for range 20 {
					_, _ = r.Verify(t.Context(), bad, netip.Addr{})
				}
				times[i] = append(times[i], time.Since(start))
			}
		}
		slices.Sort(times[0])
		slices.Sort(times[1])
		if ratio := float64(times[0][200]) / float64(times[1][200]); ratio < 0.6 || ratio > 1.7 {
			t.Errorf("an unknown id takes %.2f times as long as a wrong secret", ratio)
		}
	})
	t.Run("K02 why a key is refused is told to who has its secret, and to nobody else", func(t *testing.T) {
		for name, tc := range map[string]struct {
			end    func(r *rig, k *apikey.Key) error
			err    error
			code   problem.Code
			status int
		}{
			"KEY-05 revoked":        {func(r *rig, k *apikey.Key) error { return r.Revoke(t.Context(), k.ID) }, apikey.ErrRevoked, problem.APIKeyRevoked, 401},
			"KEY-05 all revoked":    {func(r *rig, k *apikey.Key) error { return r.RevokeSubject(t.Context(), k.Subject, "") }, apikey.ErrRevoked, problem.APIKeyRevoked, 401},
			"KEY-05 expired":        {func(r *rig, k *apikey.Key) error { r.clock.Set(k.ExpiresAt); return nil }, apikey.ErrExpired, problem.APIKeyExpired, 401},
			"KEY-05 expired early":  {func(r *rig, k *apikey.Key) error { return r.Expire(t.Context(), k.ID, r.clock.Now()) }, apikey.ErrExpired, problem.APIKeyExpired, 401},
			"KEY-05 owner disabled": {func(r *rig, k *apikey.Key) error { r.owners.disable(k.Subject); return nil }, apikey.ErrOwner, problem.APIKeyRevoked, 401},
			"owner refused as absent": {func(r *rig, _ *apikey.Key) error {
				r.owners.fail(auth.ErrNoCredentials)
				return nil
			}, apikey.ErrOwner, problem.APIKeyRevoked, 401},
		} {
			t.Run(name, func(t *testing.T) {
				r := newRig(t, nil)
				text, k := r.issue(nil)
				r.good(text)
				if err := tc.end(r, k); err != nil {
					t.Fatal(err)
				}
				p, err := r.Verify(t.Context(), text, home)
				if d := problem.From(err); p != nil || !errors.Is(err, tc.err) || d.Code != tc.code || d.Status != tc.status {
					t.Fatalf("%v, %v (%s, %d)", p, err, d.Code, d.Status)
				}
				if !errors.Is(err, auth.ErrInvalidCredentials) || errors.Is(err, auth.ErrNoCredentials) {
					t.Errorf("%v reads as something else than a refusal", err)
				}
				if e, ok := r.last(apikey.EventRefused); !ok || e.Subject != "alice" || e.CredentialID != k.ID || e.Address != home || !errors.Is(e.Err, tc.err) {
					t.Errorf("event %+v", e)
				}
				r.bad(wrongSecret(text), apikey.ErrInvalid)
				if e, _ := r.last(apikey.EventRefused); e.Subject != "" {
					t.Errorf("the event of a wrong secret names the owner: %+v", e)
				}
			})
		}
	})
	t.Run("KEY-05 the last moment of a key", func(t *testing.T) {
		r := newRig(t, nil)
		text, k := r.issue(nil)
		r.clock.Set(k.ExpiresAt.Add(-time.Microsecond))
		r.good(text)
		r.clock.Advance(time.Microsecond)
		r.bad(text, apikey.ErrExpired)
	})
	t.Run("F17 a revoked key stays so when the clock is set back", func(t *testing.T) {
		r := newRig(t, nil)
		text, k := r.issue(nil)
		if err := r.Revoke(t.Context(), k.ID); err != nil {
			t.Fatal(err)
		}
		for _, jump := range []time.Duration{-time.Hour, -1000 * time.Hour, 5000 * time.Hour} {
			r.clock.Advance(jump)
			r.bad(text, apikey.ErrRevoked)
		}
	})
	t.Run("KEY-06 K02 rights are those of the key that the owner has now", func(t *testing.T) {
		r := newRig(t, nil)
		text, _ := r.issue(nil)
		for _, tc := range []struct{ roles, scopes []string }{
			{[]string{"manager"}, []string{"orders:read", "orders:write"}},
			{[]string{"customer"}, []string{"orders:read"}},
			{[]string{}, []string{}},
			{[]string{"admin"}, []string{"orders:read", "orders:write"}},
		} {
			r.owners.set("alice", tc.roles...)
			p := r.good(text)
			if p.Scopes == nil || !slices.Equal(p.Scopes, tc.scopes) || !slices.Equal(p.Roles, tc.roles) {
				t.Errorf("as %q: roles %q and scopes %#v", tc.roles, p.Roles, p.Scopes)
			}
		}
	})
	t.Run("KEY-06 KEY-12 an Owner cannot widen a key, nor make it a sign-in", func(t *testing.T) {
		var answer auth.Principal
		r := newRig(t, func(cfg *apikey.Config) {
			cfg.Owner = func(context.Context, *auth.Principal) (*auth.Principal, error) { p := answer; return &p, nil }
		})
		answer = auth.Principal{Subject: "alice", Roles: []string{"admin"}}
		text, k := r.issue(func(q *apikey.Request) { q.Scopes = []string{"orders:read", "orders:write"} })
		answer = auth.Principal{
			Subject: "alice", Method: auth.MethodSession, CredentialID: "other", Roles: []string{"admin"}, Scopes: []string{"users:write", "orders:read"},
			AuthenticatedAt: r.clock.Now(), Factors: []auth.Factor{{Kind: auth.FactorOTP, At: r.clock.Now()}},
			Attributes: map[string]string{apikey.AttributeEnvironment: "test"},
		}
		p := r.good(text)
		if !slices.Equal(p.Scopes, []string{"orders:read"}) || p.Method != auth.MethodAPIKey || p.CredentialID != k.ID || !p.AuthenticatedAt.IsZero() || p.Factors != nil {
			t.Errorf("%+v", p)
		}
		if p.Attributes[apikey.AttributeEnvironment] != "live" {
			t.Errorf("attributes %v", p.Attributes)
		}
		answer.Subject = "bob"
		if _, err := r.Verify(t.Context(), text, home); err == nil || problem.From(err).Status != 500 {
			t.Errorf("a principal of another: %v", err)
		}
	})
	t.Run("an allow-list of addresses", func(t *testing.T) {
		r := newRig(t, nil)
		text, _ := r.issue(func(q *apikey.Request) {
			q.Addresses = []netip.Prefix{netip.MustParsePrefix("192.0.2.129/25"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("::ffff:198.51.100.0/120")}
		})
		for from, good := range map[string]bool{
			"192.0.2.129": true, "192.0.2.255": true, "::ffff:192.0.2.200": true, "192.0.2.7": false, "2001:db8:1::1": true, "2001:db9::1": false,
			"2001:db8::1%eth0": true, "198.51.100.7": true, "::1": false,
		} {
			_, err := r.Verify(t.Context(), text, netip.MustParseAddr(from))
			if good != (err == nil) || !good && (!errors.Is(err, apikey.ErrAddress) || problem.From(err).Status != 403) {
				t.Errorf("from %s: %v", from, err)
			}
		}
		if _, err := r.Verify(t.Context(), text, netip.Addr{}); !errors.Is(err, apikey.ErrAddress) {
			t.Errorf("from nowhere: %v", err)
		}
		if _, err := r.Verify(t.Context(), wrongSecret(text), netip.MustParseAddr("::1")); !errors.Is(err, apikey.ErrInvalid) {
			t.Errorf("a stranger is told of the list: %v", err)
		}
	})
	t.Run("KEY-10 verification does not write", func(t *testing.T) {
		r := newRig(t, nil)
		text, _ := r.issue(nil)
		writes := r.store.writes.Load()
		for range 10 {
			r.good(text)
			r.bad(wrongSecret(text), apikey.ErrInvalid)
		}
		if r.store.writes.Load() != writes || r.store.touches.Load() != 0 {
			t.Error("it does")
		}
	})
}

func TestVerifyFaults(t *testing.T) {
	t.Run("F01 F04 F11 F13 I1 a store that fails refuses with 503", func(t *testing.T) {
		r := newRig(t, nil)
		text, _ := r.issue(nil)
		for name, fault := range map[string]error{
			"an error that reads as no credential": auth.ErrNoCredentials,
			"down":                                 errDown, "deadline": context.DeadlineExceeded,
			"an error that looks like a refusal": errors.Join(errors.New("x"), auth.ErrInvalidCredentials),
			"an error that looks like absence":   errors.Join(errors.New("x"), errors.New("sql: no rows in result set")),
		} {
			r.store.on(func(context.Context, string) error { return fault })
			p, err := r.Verify(t.Context(), text, home)
			if p != nil || problem.From(err).Status != http.StatusServiceUnavailable || errors.Is(err, auth.ErrNoCredentials) {
				t.Errorf("%s: %v, %v", name, p, err)
			}
		}
		r.store.on(nil)
		r.good(text)
	})
	t.Run("F04 a store that answers with another key refuses", func(t *testing.T) {
		r := newRig(t, nil)
		text, _ := r.issue(nil)
		other, _ := r.issue(nil)
		m, err := apikey.New(swapped{r.store}, apikey.Config{Owner: r.owners.current, Permits: permits, TouchEvery: -1, Now: r.clock.Now})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{text, other} {
			if p, err := m.Verify(t.Context(), text, home); p != nil || problem.From(err).Status != 503 {
				t.Errorf("%v, %v", p, err)
			}
			_, id, err := apikey.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			found, err := m.Find(t.Context(), id)
			if found != nil || problem.From(err).Status != 503 {
				t.Errorf("Find: %v, %v", found, err)
			}
			next, _, err := m.Rotate(t.Context(), id, apikey.RotateOptions{})
			if next != "" || problem.From(err).Status != 503 {
				t.Errorf("Rotate: %v", err)
			}
		}
		if list, err := m.List(t.Context(), "bob"); list != nil || problem.From(err).Status != 503 {
			t.Errorf("List: %v, %v", list, err)
		}
	})
	t.Run("I1 an Owner that cannot tell refuses, with 503 or what it says", func(t *testing.T) {
		r := newRig(t, nil)
		text, _ := r.issue(nil)
		for _, tc := range []struct {
			err    error
			status int
		}{
			{errDown, 503}, {context.DeadlineExceeded, 503}, {problem.Wrap(problem.TooManyRequests, errDown), 429}, {auth.ErrForbidden, 403},
		} {
			r.owners.fail(tc.err)
			if p, err := r.Verify(t.Context(), text, home); p != nil || problem.From(err).Status != tc.status {
				t.Errorf("%v: %v, %v", tc.err, p, err)
			}
		}
	})
	t.Run("F16 H04 a panic of a hook refuses, whatever its value, and the next request is fine", func(t *testing.T) {
		for name, cacheFor := range map[string]time.Duration{"no cache": 0, "cache": cacheFor} {
			t.Run(name, func(t *testing.T) {
				r := newRig(t, func(cfg *apikey.Config) { cfg.CacheFor = cacheFor })
				text, _ := r.issue(nil)
				for _, v := range []any{"boom", errDown, auth.ErrNoCredentials, auth.ErrInvalidCredentials} {
					r.owners.panic = v
					p, err := r.Verify(t.Context(), text, home)
					if p != nil || problem.From(err).Status != 500 || errors.Is(err, auth.ErrNoCredentials) {
						t.Errorf("panic(%v): %v, %v", v, p, err)
					}
				}
				r.owners.panic = nil
				r.good(text)
			})
		}
	})
	t.Run("F16 H04 a panic of the store leaves nothing locked", func(t *testing.T) {
		r := newRig(t, func(cfg *apikey.Config) { cfg.CacheFor = cacheFor })
		text, _ := r.issue(nil)
		r.store.on(func(context.Context, string) error { panic("boom") })
		gate := &auth.Gate{Authenticators: []auth.Authenticator{r}}
		if _, err := gate.Authenticate(withKey(text)); problem.From(err).Status != 500 {
			t.Errorf("%v", err)
		}
		r.store.on(nil)
		r.good(text)
	})
	t.Run("the zero Manager refuses", func(t *testing.T) {
		var m apikey.Manager
		if _, err := m.Verify(t.Context(), "x", home); err == nil {
			t.Error("Verify")
		}
		if _, err := m.Authenticate(withKey("x")); err == nil || errors.Is(err, auth.ErrNoCredentials) {
			t.Error("Authenticate")
		}
	})
}

// swapped is a Store that returns the record of somebody else.
type swapped struct{ *faults }

func (s swapped) Find(ctx context.Context, id string) (*apikey.Key, error) {
	list, err := s.faults.List(ctx, "alice")
	if err != nil {
		return nil, err
	}
	for _, k := range list {
		if k.ID != id {
			return k, nil
		}
	}
	return nil, nil //nolint:nilnil // a store that is broken
}

func (s swapped) List(ctx context.Context, _ string) ([]*apikey.Key, error) {
	return s.faults.List(ctx, "alice")
}
