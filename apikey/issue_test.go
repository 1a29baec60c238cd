package apikey_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/problem"
)

func TestNew(t *testing.T) {
	good := apikey.Config{Owner: standing, Permits: permits}
	for name, tc := range map[string]struct {
		change func(cfg *apikey.Config)
		says   string
	}{
		"no owner":                 {func(cfg *apikey.Config) { cfg.Owner = nil }, "Owner is nil"},
		"no permits":               {func(cfg *apikey.Config) { cfg.Permits = nil }, "Permits is nil"},
		"prefix with capitals":     {func(cfg *apikey.Config) { cfg.Prefix = "Acme" }, "Prefix"},
		"prefix that ends in _":    {func(cfg *apikey.Config) { cfg.Prefix = "acme_" }, "Prefix"},
		"prefix with a digit":      {func(cfg *apikey.Config) { cfg.Prefix = "1a" }, "Prefix"},
		"prefix of a pattern":      {func(cfg *apikey.Config) { cfg.Prefix = "a.*" }, "Prefix"},
		"long prefix":              {func(cfg *apikey.Config) { cfg.Prefix = strings.Repeat("a", 40) }, "Prefix"},
		"empty environment":        {func(cfg *apikey.Config) { cfg.Environments = []string{""} }, "environment"},
		"environment of two":       {func(cfg *apikey.Config) { cfg.Environments = []string{"eu_test"} }, "environment"},
		"environment twice":        {func(cfg *apikey.Config) { cfg.Environments = []string{"a", "b", "a"} }, "twice"},
		"header Authorization":     {func(cfg *apikey.Config) { cfg.Header = "authorization" }, "Header"},
		"header Cookie":            {func(cfg *apikey.Config) { cfg.Header = "Cookie" }, "Header"},
		"header with a space":      {func(cfg *apikey.Config) { cfg.Header = "X Key" }, "Header"},
		"short lifetime":           {func(cfg *apikey.Config) { cfg.Lifetime = time.Millisecond }, "Lifetime"},
		"lifetime over the most":   {func(cfg *apikey.Config) { cfg.Lifetime = 366 * 24 * time.Hour }, "Lifetime"},
		"overlap over the most":    {func(cfg *apikey.Config) { cfg.Overlap, cfg.MaxOverlap = 2*time.Hour, time.Hour }, "Overlap"},
		"many keys":                {func(cfg *apikey.Config) { cfg.MaxKeys = 1001 }, "MaxKeys"},
		"negative keys":            {func(cfg *apikey.Config) { cfg.MaxKeys = -1 }, "MaxKeys"},
		"a cache of an hour":       {func(cfg *apikey.Config) { cfg.CacheFor = time.Hour }, "CacheFor"},
		"a negative cache":         {func(cfg *apikey.Config) { cfg.CacheFor = -1 }, "CacheFor"},
		"a cache of negative size": {func(cfg *apikey.Config) { cfg.CacheSize = -1 }, "CacheSize"},
		"touch every microsecond":  {func(cfg *apikey.Config) { cfg.TouchEvery = time.Microsecond }, "TouchEvery"},
		"fresh for a week":         {func(cfg *apikey.Config) { cfg.FreshFor = 168 * time.Hour }, "FreshFor"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := good
			tc.change(&cfg)
			if m, err := apikey.New(nil, cfg); m != nil || err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%v, %v", m, err)
			}
		})
	}
	t.Run("all that is wrong is said at once", func(t *testing.T) {
		_, err := apikey.New(nil, apikey.Config{MaxKeys: -1})
		if err == nil || strings.Count(err.Error(), "\n") != 2 {
			t.Errorf("%v", err)
		}
	})
	t.Run("the rest has defaults", func(t *testing.T) {
		for _, cfg := range []apikey.Config{
			good,
			{Owner: standing, Permits: permits, MaxLifetime: time.Hour},
			{Owner: standing, Permits: permits, MaxOverlap: time.Hour},
			{Owner: standing, Permits: permits, Overlap: 30 * 24 * time.Hour},
			{Owner: standing, Permits: permits, Overlap: -1, MaxLifetime: -1, TouchEvery: -1},
		} {
			m, err := apikey.New(nil, cfg)
			if err != nil {
				t.Fatal(err)
			}
			text, _, err := m.Issue(t.Context(), apikey.Request{Subject: "alice", Scopes: []string{"orders:read"}})
			if err != nil || !strings.HasPrefix(text, "sk_live_") {
				t.Errorf("%q, %v", text, err)
			}
			if err := m.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if _, err := apikey.NewMemoryStore(apikey.MemoryConfig{MaxKeys: -1}); err == nil {
			t.Error("a store of -1 keys")
		}
	})
}

func TestIssue(t *testing.T) {
	t.Run("KEY-01 a key is shown once, and the record has what was asked for", func(t *testing.T) {
		r := newRig(t, nil)
		text, k := r.issue(func(q *apikey.Request) {
			q.Scopes = []string{"orders:read", "orders:read"}
			q.Limit = apikey.Limit{Max: 10, Window: time.Minute}
			q.Addresses = []netip.Prefix{netip.MustParsePrefix("192.0.2.99/24")}
		})
		found, err := r.Find(t.Context(), k.ID)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprintf("%+v", found) != fmt.Sprintf("%+v", k) || strings.Contains(fmt.Sprintf("%+v", found), text[len(text)-49:]) {
			t.Errorf("%+v\nwant\n%+v", found, k)
		}
		if !slices.Equal(k.Scopes, []string{"orders:read"}) || k.Addresses[0].String() != "192.0.2.0/24" || k.Environment != "live" || k.Prefix != "sk_live" {
			t.Errorf("%+v", k)
		}
		if !k.CreatedAt.Equal(r.clock.Now()) || k.ExpiresAt.Sub(k.CreatedAt) != apikey.DefaultLifetime {
			t.Errorf("from %v to %v", k.CreatedAt, k.ExpiresAt)
		}
		if e, ok := r.last(apikey.EventIssued); !ok || e.Subject != "alice" || e.CredentialID != k.ID || e.Method != auth.MethodAPIKey {
			t.Errorf("%+v", e)
		}
	})
	t.Run("what the caller changes afterwards is not in the record", func(t *testing.T) {
		r := newRig(t, nil)
		scopes, labels := []string{"orders:read"}, map[string]string{"team": "a"}
		_, k := r.issue(func(q *apikey.Request) { q.Scopes, q.Labels = scopes, labels })
		scopes[0], labels["team"], k.Scopes[0] = "users:write", "b", "users:write"
		found, err := r.Find(t.Context(), k.ID)
		if err != nil || found.Scopes[0] != "orders:read" || found.Labels["team"] != "a" {
			t.Errorf("%+v, %v", found, err)
		}
		found.Scopes[0] = "users:write"
		if again, _ := r.Find(t.Context(), k.ID); again.Scopes[0] != "orders:read" {
			t.Error("Find hands out the record itself")
		}
	})
	t.Run("what is not issued", func(t *testing.T) {
		for name, tc := range map[string]struct {
			change func(q *apikey.Request)
			want   error
			status int
		}{
			"KEY-06 a scope that the owner has not": {func(q *apikey.Request) { q.Scopes = []string{"orders:read", "users:write"} }, apikey.ErrScope, 403},
			"a scope that nobody has":               {func(q *apikey.Request) { q.Scopes = []string{"typo"} }, apikey.ErrScope, 403},
			"an owner who is disabled":              {func(q *apikey.Request) { q.Subject = "mallory" }, apikey.ErrOwner, 401},
			"no subject":                            {func(q *apikey.Request) { q.Subject = "" }, nil, 500},
			"a subject with a line break":           {func(q *apikey.Request) { q.Subject = "a\nb" }, nil, 500},
			"no scopes":                             {func(q *apikey.Request) { q.Scopes = nil }, apikey.ErrRequest, 422},
			"an empty scope":                        {func(q *apikey.Request) { q.Scopes = []string{""} }, apikey.ErrRequest, 422},
			"a scope with a space":                  {func(q *apikey.Request) { q.Scopes = []string{"a b"} }, apikey.ErrRequest, 422},
			"a long scope":                          {func(q *apikey.Request) { q.Scopes = []string{strings.Repeat("a", 129)} }, apikey.ErrRequest, 422},
			"many scopes":                           {func(q *apikey.Request) { q.Scopes = numbered(65) }, apikey.ErrRequest, 422},
			"a long name":                           {func(q *apikey.Request) { q.Name = strings.Repeat("a", 101) }, apikey.ErrRequest, 422},
			"H02 a name with a line break":          {func(q *apikey.Request) { q.Name = "a\r\nX: y" }, apikey.ErrRequest, 422},
			"a name that is no text":                {func(q *apikey.Request) { q.Name = "\xff" }, apikey.ErrRequest, 422},
			"many labels": {func(q *apikey.Request) {
				q.Labels = make(map[string]string)
				for _, s := range numbered(17) {
					q.Labels[s] = s
				}
			}, apikey.ErrRequest, 422},
			"a label without a name": {func(q *apikey.Request) { q.Labels = map[string]string{"": "x"} }, apikey.ErrRequest, 422},
			"a long label":           {func(q *apikey.Request) { q.Labels = map[string]string{"x": strings.Repeat("x", 257)} }, apikey.ErrRequest, 422},
			"more than a record holds": {func(q *apikey.Request) {
				q.Scopes = nil
				for i := range 64 {
					q.Scopes = append(q.Scopes, fmt.Sprint(strings.Repeat("<", 100), i)) // six bytes each in JSON
				}
			}, apikey.ErrRequest, 422},
			"no network":               {func(q *apikey.Request) { q.Addresses = make([]netip.Prefix, 1) }, apikey.ErrRequest, 422},
			"many networks":            {func(q *apikey.Request) { q.Addresses = make([]netip.Prefix, 65) }, apikey.ErrRequest, 422},
			"an environment":           {func(q *apikey.Request) { q.Environment = "test" }, apikey.ErrRequest, 422},
			"a limit without a window": {func(q *apikey.Request) { q.Limit.Max = 1 }, apikey.ErrRequest, 422},
			"a limit that is too high": {func(q *apikey.Request) { q.Limit = apikey.Limit{Max: 1 << 20, Window: time.Second} }, apikey.ErrRequest, 422},
			"a lifetime over the most": {func(q *apikey.Request) { q.Lifetime = apikey.DefaultMaxLifetime + time.Second }, apikey.ErrRequest, 422},
			"a key without an end":     {func(q *apikey.Request) { q.Lifetime = -1 }, apikey.ErrRequest, 422},
			"a lifetime of nothing":    {func(q *apikey.Request) { q.Lifetime = time.Millisecond }, apikey.ErrRequest, 422},
		} {
			t.Run(name, func(t *testing.T) {
				r := newRig(t, nil)
				q := apikey.Request{Subject: "alice", Scopes: []string{"orders:read"}}
				tc.change(&q)
				text, k, err := r.Issue(t.Context(), q)
				if text != "" || k != nil || err == nil || tc.want != nil && !errors.Is(err, tc.want) || problem.From(err).Status != tc.status {
					t.Errorf("%q, %v, %v", text, k, err)
				}
				if r.store.writes.Load() != 0 {
					t.Error("it was written")
				}
			})
		}
	})
	t.Run("the largest key fits its bounds", func(t *testing.T) {
		r := newRig(t, func(cfg *apikey.Config) { cfg.Permits = func(*auth.Principal, string) bool { return true } })
		_, k := r.issue(func(q *apikey.Request) {
			q.Name = strings.Repeat("ü", 50)
			q.Scopes, q.Labels = nil, make(map[string]string)
			for i := range apikey.MaxScopes {
				q.Scopes = append(q.Scopes, fmt.Sprintf("%0128d", i))
				q.Addresses = append(q.Addresses, netip.PrefixFrom(netip.AddrFrom16([16]byte{15: byte(i), 0: 0xff, 5: 0xee, 9: 0xdd}), 128))
			}
			for i := range apikey.MaxLabels {
				q.Labels[fmt.Sprintf("%064d", i)] = strings.Repeat("x", 256)
			}
		})
		grant, err := k.MarshalGrant()
		if err != nil {
			t.Fatal(err)
		}
		var back apikey.Key
		if err := back.UnmarshalGrant(grant); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("a subject has a bounded number of keys", func(t *testing.T) {
		r := newRig(t, func(cfg *apikey.Config) { cfg.MaxKeys = 2 })
		_, k := r.issue(nil)
		r.issue(nil)
		if _, _, err := r.Issue(t.Context(), apikey.Request{Subject: "alice", Scopes: []string{"orders:read"}}); !errors.Is(err, apikey.ErrTooMany) || problem.From(err).Status != 409 {
			t.Errorf("%v", err)
		}
		if err := r.Revoke(t.Context(), k.ID); err != nil {
			t.Fatal(err)
		}
		r.issue(nil)
	})
	t.Run("keys without an end, where they are allowed", func(t *testing.T) {
		r := newRig(t, func(cfg *apikey.Config) { cfg.MaxLifetime = -1 })
		text, k := r.issue(func(q *apikey.Request) { q.Lifetime = -1 })
		if !k.ExpiresAt.IsZero() || !k.ForgetAt().IsZero() {
			t.Errorf("%+v", k)
		}
		r.clock.Advance(50 * 365 * 24 * time.Hour)
		r.good(text)
		if _, k := r.issue(nil); k.ExpiresAt.IsZero() {
			t.Error("that is not the default")
		}
	})
	t.Run("F16 a store in memory that is full refuses, and forgets no live key", func(t *testing.T) {
		store, err := apikey.NewMemoryStore(apikey.MemoryConfig{MaxKeys: 3})
		if err != nil {
			t.Fatal(err)
		}
		r := newRig(t, nil)
		r.store.Store = store
		var texts []string
		for i := range 3 {
			text, _ := r.issue(func(q *apikey.Request) { q.Lifetime = time.Duration(i+1) * time.Hour })
			texts = append(texts, text)
		}
		if _, _, err := r.Issue(t.Context(), apikey.Request{Subject: "bob", Scopes: []string{"orders:read"}}); !errors.Is(err, apikey.ErrFull) || problem.From(err).Status != 503 {
			t.Errorf("%v", err)
		}
		for _, text := range texts {
			r.good(text)
		}
		r.clock.Advance(time.Hour)
		r.issue(func(q *apikey.Request) { q.Subject, q.Scopes = "bob", []string{"orders:read"} })
		r.bad(texts[0], apikey.ErrInvalid)
		r.good(texts[1])
		if store.Len() != 3 {
			t.Errorf("%d records", store.Len())
		}
	})
}

func numbered(n int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprint("s", i))
	}
	return list
}

func TestRotate(t *testing.T) {
	t.Run("both keys are good in the overlap, and the new one after it", func(t *testing.T) {
		r := newRig(t, nil)
		text, k := r.issue(func(q *apikey.Request) {
			q.Labels, q.Limit = map[string]string{"team": "a"}, apikey.Limit{Max: 100, Window: time.Minute}
			q.Addresses = []netip.Prefix{netip.PrefixFrom(home, 32)}
			q.Lifetime = 100 * time.Hour
		})
		r.clock.Advance(time.Hour)
		next, n, err := r.Rotate(t.Context(), k.ID, apikey.RotateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if next == text || n.ID == k.ID || n.Hash == k.Hash || n.Predecessor != k.ID || n.Successor != "" || n.Name != k.Name ||
			!slices.Equal(n.Scopes, k.Scopes) || n.Labels["team"] != "a" || n.Limit != k.Limit || !slices.Equal(n.Addresses, k.Addresses) {
			t.Errorf("%+v", n)
		}
		if n.ExpiresAt.Sub(n.CreatedAt) != 100*time.Hour || !n.CreatedAt.Equal(r.clock.Now()) {
			t.Errorf("from %v to %v", n.CreatedAt, n.ExpiresAt)
		}
		if e, ok := r.last(apikey.EventRotated); !ok || e.CredentialID != n.ID || e.Subject != "alice" {
			t.Errorf("%+v", e)
		}
		r.good(text)
		r.good(next)
		r.clock.Advance(apikey.DefaultOverlap)
		r.bad(text, apikey.ErrExpired)
		r.good(next)
	})
	t.Run("an overlap of nothing ends the old key at once", func(t *testing.T) {
		r := newRig(t, nil)
		text, k := r.issue(nil)
		if _, _, err := r.Rotate(t.Context(), k.ID, apikey.RotateOptions{Overlap: -1}); err != nil {
			t.Fatal(err)
		}
		r.bad(text, apikey.ErrExpired)
	})
	t.Run("rotation never prolongs the old key", func(t *testing.T) {
		r := newRig(t, nil)
		text, k := r.issue(func(q *apikey.Request) { q.Lifetime = time.Hour })
		if _, _, err := r.Rotate(t.Context(), k.ID, apikey.RotateOptions{Overlap: 5 * time.Hour}); err != nil {
			t.Fatal(err)
		}
		r.clock.Advance(time.Hour)
		r.bad(text, apikey.ErrExpired)
	})
	t.Run("the new key may not outlive the policy of now", func(t *testing.T) {
		r := newRig(t, func(cfg *apikey.Config) { cfg.MaxLifetime = -1 })
		for _, lifetime := range []time.Duration{-1, 5000 * time.Hour} {
			_, k := r.issue(func(q *apikey.Request) { q.Lifetime = lifetime })
			strict := r.another(func(cfg *apikey.Config) { cfg.MaxLifetime, cfg.MaxOverlap = 48*time.Hour, time.Hour })
			_, n, err := strict.Rotate(t.Context(), k.ID, apikey.RotateOptions{})
			if err != nil || n.ExpiresAt.Sub(n.CreatedAt) != 48*time.Hour {
				t.Errorf("%+v, %v", n, err)
			}
			if _, _, err := strict.Rotate(t.Context(), n.ID, apikey.RotateOptions{Lifetime: 49 * time.Hour}); !errors.Is(err, apikey.ErrRequest) {
				t.Errorf("%v", err)
			}
			if _, _, err := strict.Rotate(t.Context(), n.ID, apikey.RotateOptions{Overlap: 2 * time.Hour}); !errors.Is(err, apikey.ErrRequest) {
				t.Errorf("%v", err)
			}
		}
	})
	t.Run("a dead key is not rotated, and nothing comes of it", func(t *testing.T) {
		for name, tc := range map[string]struct {
			end func(r *rig, k *apikey.Key) error
			err error
		}{
			"revoked": {func(r *rig, k *apikey.Key) error { return r.Revoke(t.Context(), k.ID) }, apikey.ErrRevoked},
			"expired": {func(r *rig, k *apikey.Key) error { r.clock.Set(k.ExpiresAt); return nil }, apikey.ErrExpired},
		} {
			r := newRig(t, nil)
			text, k := r.issue(nil)
			if err := tc.end(r, k); err != nil {
				t.Fatal(err)
			}
			if _, _, err := r.Rotate(t.Context(), k.ID, apikey.RotateOptions{}); !errors.Is(err, tc.err) || problem.From(err).Status != 404 {
				t.Errorf("%s: %v", name, err)
			}
			if list, err := r.List(t.Context(), "alice"); err != nil || len(list) != 1 {
				t.Errorf("%s: %d keys, %v", name, len(list), err)
			}
			r.bad(text, tc.err)
		}
	})
	t.Run("a key has one successor, and who has lost it rotates that", func(t *testing.T) {
		r := newRig(t, nil)
		_, k := r.issue(nil)
		_, n, err := r.Rotate(t.Context(), k.ID, apikey.RotateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.Rotate(t.Context(), k.ID, apikey.RotateOptions{}); !errors.Is(err, apikey.ErrRotated) || problem.From(err).Status != 409 {
			t.Errorf("%v", err)
		}
		if _, _, err := r.Rotate(t.Context(), n.ID, apikey.RotateOptions{Overlap: -1}); err != nil {
			t.Error(err)
		}
	})
	t.Run("rotations in a row are bounded", func(t *testing.T) {
		r := newRig(t, func(cfg *apikey.Config) { cfg.MaxKeys = 3 })
		_, k := r.issue(nil)
		var err error
		n := 0
		for ; err == nil && n < 100; n++ {
			_, k, err = r.Rotate(t.Context(), k.ID, apikey.RotateOptions{})
		}
		if !errors.Is(err, apikey.ErrTooMany) || n != 6 {
			t.Errorf("%d rotations, %v", n, err)
		}
	})
	t.Run("a disabled owner does not rotate", func(t *testing.T) {
		r := newRig(t, nil)
		_, k := r.issue(nil)
		r.owners.disable("alice")
		if _, _, err := r.Rotate(t.Context(), k.ID, apikey.RotateOptions{}); !errors.Is(err, apikey.ErrOwner) {
			t.Errorf("%v", err)
		}
	})
	t.Run("ids that are none", func(t *testing.T) {
		r := newRig(t, nil)
		for _, id := range []string{"", "x", "../../../etc/passwd", strings.Repeat("x", 1<<20), "V61\x00" + strings.Repeat("a", 15), "V610123456789abcdef"} {
			_, findErr := r.Find(t.Context(), id)
			_, _, rotateErr := r.Rotate(t.Context(), id, apikey.RotateOptions{})
			for _, err := range []error{findErr, rotateErr, r.Revoke(t.Context(), id), r.Expire(t.Context(), id, r.clock.Now())} {
				if !errors.Is(err, apikey.ErrNotFound) || problem.From(err).Status != 404 {
					t.Errorf("%.20q: %v", id, err)
				}
			}
		}
	})
}

func TestRevoke(t *testing.T) {
	t.Run("a key is revoked by who has found it", func(t *testing.T) {
		r := newRig(t, nil)
		text, k := r.issue(nil)
		for _, bad := range []string{wrongSecret(text), forged(apikey.ShardOf("alice") + "0123456789abcdef"), text[1:], ""} {
			if found, err := r.RevokeLeaked(t.Context(), bad); found != nil || !errors.Is(err, auth.ErrInvalidCredentials) {
				t.Errorf("%q: %v, %v", bad, found, err)
			}
		}
		r.good(text)
		found, err := r.RevokeLeaked(t.Context(), text)
		if err != nil || found.ID != k.ID || found.RevokedAt.IsZero() {
			t.Errorf("%+v, %v", found, err)
		}
		r.bad(text, apikey.ErrRevoked)
	})
	t.Run("all keys of a subject but one, and of nobody else", func(t *testing.T) {
		r := newRig(t, nil)
		a, _ := r.issue(nil)
		b, kept := r.issue(nil)
		c, _ := r.issue(func(q *apikey.Request) { q.Subject, q.Scopes = "bob", []string{"orders:read"} })
		var revoker auth.Revoker = r
		if err := revoker.RevokeSubject(t.Context(), "alice", kept.ID); err != nil {
			t.Fatal(err)
		}
		r.bad(a, apikey.ErrRevoked)
		r.good(b)
		r.good(c)
		if err := revoker.RevokeSubject(t.Context(), "alice", "a session's id"); err != nil {
			t.Fatal(err)
		}
		r.bad(b, apikey.ErrRevoked)
		if e, ok := r.last(apikey.EventRevoked); !ok || e.Subject != "alice" || e.CredentialID != "" {
			t.Errorf("%+v", e)
		}
		if err := revoker.RevokeSubject(t.Context(), "", ""); err == nil {
			t.Error("no subject is no error")
		}
	})
	t.Run("F15 a revocation goes on when the client is gone", func(t *testing.T) {
		r := newRig(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		text, k := r.issue(nil)
		if err := r.Revoke(ctx, k.ID); err != nil {
			t.Error(err)
		}
		r.bad(text, apikey.ErrRevoked)
		text, _ = r.issue(nil)
		if err := r.RevokeSubject(ctx, "alice", ""); err != nil {
			t.Error(err)
		}
		r.bad(text, apikey.ErrRevoked)
		text, _ = r.issue(nil)
		if found, err := r.RevokeLeaked(t.Context(), text); err != nil || found == nil {
			t.Error(err)
		}
		text, k = r.issue(nil)
		if err := r.Expire(ctx, k.ID, r.clock.Now()); err != nil {
			t.Error(err)
		}
		r.bad(text, apikey.ErrExpired)
		if e, ok := r.last(apikey.EventExpired); !ok || e.Subject != "alice" || e.CredentialID != k.ID {
			t.Errorf("%+v", e)
		}
	})
	t.Run("F03 a leaked key that is revoked is reported as done, if its record can be read again or not", func(t *testing.T) {
		r := newRig(t, nil)
		text, k := r.issue(nil)
		revoked := false
		r.store.on(func(_ context.Context, method string) error {
			revoked = revoked || method == "Revoke"
			if method == "Find" && revoked {
				return errDown
			}
			return nil
		})
		found, err := r.RevokeLeaked(t.Context(), text)
		if err != nil || found == nil || found.ID != k.ID || found.RevokedAt.IsZero() {
			t.Errorf("%+v, %v", found, err)
		}
		r.store.on(nil)
		r.bad(text, apikey.ErrRevoked)
	})
	t.Run("I2 F01 a revocation that fails is not reported as done", func(t *testing.T) {
		r := newRig(t, nil)
		text, k := r.issue(nil)
		r.store.on(down)
		_, leaked := r.RevokeLeaked(t.Context(), text)
		_, _, rotated := r.Rotate(t.Context(), k.ID, apikey.RotateOptions{})
		_, listed := r.List(t.Context(), "alice")
		_, _, issued := r.Issue(t.Context(), apikey.Request{Subject: "alice", Scopes: []string{"orders:read"}})
		for i, err := range []error{r.Revoke(t.Context(), k.ID), r.RevokeSubject(t.Context(), "alice", ""), leaked, rotated, listed, issued} {
			if problem.From(err).Status != 503 {
				t.Errorf("%d: %v", i, err)
			}
		}
	})
	t.Run("expire takes an earlier end only", func(t *testing.T) {
		r := newRig(t, nil)
		text, k := r.issue(nil)
		if err := r.Expire(t.Context(), k.ID, k.ExpiresAt.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		r.clock.Set(k.ExpiresAt)
		r.bad(text, apikey.ErrExpired)
		if err := r.Expire(t.Context(), k.ID, time.Time{}); !errors.Is(err, apikey.ErrRequest) {
			t.Errorf("%v", err)
		}
	})
	t.Run("the list has the newest first, and forgets", func(t *testing.T) {
		r := newRig(t, nil)
		var ids []string
		for range 5 {
			_, k := r.issue(nil)
			ids = append([]string{k.ID}, ids...)
			r.clock.Advance(time.Second)
		}
		if err := r.Revoke(t.Context(), ids[2]); err != nil {
			t.Fatal(err)
		}
		listed := func() (got []string) {
			list, err := r.List(t.Context(), "alice")
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range list {
				got = append(got, k.ID)
			}
			return got
		}
		if got := listed(); !slices.Equal(got, ids) {
			t.Errorf("%q, want %q", got, ids)
		}
		r.clock.Advance(apikey.Retention)
		if got := listed(); len(got) != 4 || slices.Contains(got, ids[2]) {
			t.Errorf("%q", got)
		}
		if _, err := r.List(t.Context(), ""); err == nil {
			t.Error("no subject is no error")
		}
	})
}
