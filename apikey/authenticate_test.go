package apikey_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/rbac"
)

// ok answers with who the caller is.
var ok = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	p, _ := auth.FromContext(r.Context())
	w.Header().Set("X-Subject", p.Subject)
	w.WriteHeader(http.StatusNoContent)
})

// cookie is the Authenticator of another method, whose credential browsers send.
type cookie struct{ good string }

func (c cookie) Ambient() bool { return true }

func (c cookie) Authenticate(r *http.Request) (*auth.Principal, error) {
	switch k, err := r.Cookie("session"); {
	case err != nil:
		return nil, auth.ErrNoCredentials
	case k.Value != c.good:
		return nil, auth.ErrInvalidCredentials
	}
	return &auth.Principal{Subject: "carol", Method: auth.MethodSession, AuthenticatedAt: time.Now()}, nil
}

// bearer is the Authenticator of tokens that are no keys.
var bearer = auth.AuthenticatorFunc(func(r *http.Request) (*auth.Principal, error) {
	switch h := r.Header.Get("Authorization"); {
	case !strings.HasPrefix(h, "Bearer "):
		return nil, auth.ErrNoCredentials
	case h != "Bearer good":
		return nil, auth.ErrInvalidCredentials
	}
	return &auth.Principal{Subject: "dave", Method: auth.MethodJWT}, nil
})

// TestHeaders says for every way to send a key what becomes of it.
func TestHeaders(t *testing.T) {
	r := newRig(t, func(cfg *apikey.Config) { cfg.Realm = "api" })
	b := newRig(t, func(cfg *apikey.Config) { cfg.Bearer = true; cfg.Header = "x-acme-key" })
	text, _ := r.issue(nil)
	btext, _ := b.issue(nil)
	bad := wrongSecret(text)
	bbad := wrongSecret(btext)
	type h = [][2]string
	for name, tc := range map[string]struct {
		rig     *rig
		headers h
		status  int
		subject string
		code    problem.Code
	}{
		"KEY-08 the header":                              {r, h{{"X-API-Key", text}}, 204, "alice", ""},
		"KEY-08 the header in another case":              {r, h{{"x-api-key", text}}, 204, "alice", ""},
		"nothing":                                        {r, nil, 401, "", problem.Unauthenticated},
		"KEY-08 K01 two headers":                         {r, h{{"X-API-Key", text}, {"X-API-Key", text}}, 401, "", problem.APIKeyMalformed},
		"K01 two keys in one header":                     {r, h{{"X-API-Key", text + ", " + text}}, 401, "", problem.APIKeyMalformed},
		"an empty header is a bad key":                   {r, h{{"X-API-Key", ""}}, 401, "", problem.APIKeyMalformed},
		"K01 a good and an empty one":                    {r, h{{"X-API-Key", text}, {"X-API-Key", ""}}, 401, "", problem.APIKeyMalformed},
		"K04 bearer, which was not chosen":               {r, h{{"Authorization", "Bearer " + text}}, 401, "", problem.InvalidCredentials},
		"K04 the scheme ApiKey":                          {r, h{{"Authorization", "ApiKey " + text}}, 401, "", problem.Unauthenticated},
		"K04 a cookie":                                   {r, h{{"Cookie", "X-API-Key=" + text}}, 401, "", problem.Unauthenticated},
		"H01 a header with underscores":                  {r, h{{"X_API_Key", text}}, 401, "", problem.Unauthenticated},
		"H01 a header that names a subject":              {r, h{{"X-User-Id", "alice"}, {"X-Forwarded-User", "alice"}}, 401, "", problem.Unauthenticated},
		"H01 a header that names another subject":        {r, h{{"X-User-Id", "bob"}, {"X-API-Key", text}}, 204, "alice", ""},
		"K05 a bad key and a good cookie":                {r, h{{"X-API-Key", bad}, {"Cookie", "session=good"}}, 401, "", problem.APIKeyInvalid},
		"K05 a malformed key and a good cookie":          {r, h{{"X-API-Key", "x"}, {"Cookie", "session=good"}}, 401, "", problem.APIKeyMalformed},
		"K05 an empty key and a good cookie":             {r, h{{"X-API-Key", ""}, {"Cookie", "session=good"}}, 401, "", problem.APIKeyMalformed},
		"K05 a bad key and a good token":                 {r, h{{"X-API-Key", bad}, {"Authorization", "Bearer good"}}, 401, "", problem.APIKeyInvalid},
		"K05 a bad token and a good key":                 {r, h{{"X-API-Key", text}, {"Authorization", "Bearer bad"}}, 204, "alice", ""},
		"KEY-08 a good key and a bad cookie":             {r, h{{"X-API-Key", text}, {"Cookie", "session=bad"}}, 204, "alice", ""},
		"a good token":                                   {r, h{{"Authorization", "Bearer good"}}, 204, "dave", ""},
		"KEY-08 bearer by choice":                        {b, h{{"Authorization", "Bearer " + btext}}, 204, "alice", ""},
		"KEY-08 bearer in another case":                  {b, h{{"Authorization", "bEARER " + btext}}, 204, "alice", ""},
		"KEY-08 another header by choice":                {b, h{{"X-Acme-Key", btext}}, 204, "alice", ""},
		"KEY-08 the default header, which is not chosen": {b, h{{"X-API-Key", btext}}, 401, "", problem.Unauthenticated},
		"KEY-08 a key in both headers":                   {b, h{{"X-Acme-Key", btext}, {"Authorization", "Bearer " + btext}}, 401, "", problem.APIKeyMalformed},
		"bearer twice":                                   {b, h{{"Authorization", "Bearer " + btext}, {"Authorization", "Bearer good"}}, 401, "", problem.APIKeyMalformed},
		"bearer behind another":                          {b, h{{"Authorization", "Bearer good"}, {"Authorization", "Bearer " + btext}}, 401, "", problem.APIKeyMalformed},
		"K05 a bad key as bearer":                        {b, h{{"Authorization", "Bearer " + bbad}}, 401, "", problem.APIKeyInvalid},
		"a test key as bearer is a bad key":              {b, h{{"Authorization", "Bearer sk_test_x"}}, 401, "", problem.APIKeyMalformed},
		"a token of another kind is for others":          {b, h{{"Authorization", "Bearer good"}}, 204, "dave", ""},
		"a key in the header and a token":                {b, h{{"X-Acme-Key", btext}, {"Authorization", "Bearer good"}}, 204, "alice", ""},
		"two spaces":                                     {b, h{{"Authorization", "Bearer  " + btext}}, 401, "", problem.APIKeyMalformed},
		"K05 two spaces and a good cookie":               {b, h{{"Authorization", "bearer  " + bbad}, {"Cookie", "session=good"}}, 401, "", problem.APIKeyMalformed},
		"K05 a tab and a good cookie":                    {b, h{{"Authorization", "Bearer\t" + bbad}, {"Cookie", "session=good"}}, 401, "", problem.APIKeyMalformed},
		"K05 a comma and a good cookie":                  {b, h{{"Authorization", "Bearer, " + bbad}, {"Cookie", "session=good"}}, 401, "", problem.APIKeyMalformed},
		"KEY-09 scheme ApiKey where bearer is chosen":    {b, h{{"Authorization", "ApiKey " + btext}}, 401, "", problem.Unauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			req := httptest.NewRequest(http.MethodGet, "/orders", nil)
			for _, line := range tc.headers {
				req.Header.Add(line[0], line[1])
			}
			w, out := serve(t, auth.Require(tc.rig, bearer, cookie{"good"})(ok), req)
			if w.Code != tc.status || w.Header().Get("X-Subject") != tc.subject || tc.status == 401 && out["code"] != string(tc.code) {
				t.Errorf("%d for %q, %v", w.Code, w.Header().Get("X-Subject"), out)
			}
			if tc.status == 401 && len(w.Header().Values("WWW-Authenticate")) == 0 {
				t.Error("no challenge")
			}
		})
	}
	t.Run("K01 KEY-08 never from the query, the path or a form", func(t *testing.T) {
		for _, rig := range []*rig{r, b} {
			text, _ := rig.issue(nil)
			req := httptest.NewRequest(http.MethodPost, "/orders/"+text+"?api_key="+text+"&X-API-Key="+text+"&access_token="+text, strings.NewReader("api_key="+text+"&access_token="+text))
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if _, err := rig.Authenticate(req); !errors.Is(err, auth.ErrNoCredentials) {
				t.Errorf("%v", err)
			}
		}
	})
	t.Run("H03 ten thousand cookies and a huge header", func(t *testing.T) {
		req := withKey(strings.Repeat("x", 1<<20))
		req.Header.Set("Cookie", strings.Repeat("a=b; ", 10_000))
		if _, err := r.Authenticate(req); !errors.Is(err, apikey.ErrMalformed) {
			t.Errorf("%v", err)
		}
	})
}

func TestChallenge(t *testing.T) {
	r := newRig(t, func(cfg *apikey.Config) { cfg.Realm = "api\r\nX: \"y\"" })
	b := newRig(t, func(cfg *apikey.Config) { cfg.Bearer = true })
	for name, tc := range map[string]struct {
		rig  *rig
		err  error
		want string
	}{
		"none":             {r, auth.ErrNoCredentials, `ApiKey realm="api  X: \"y\"", header="X-API-Key"`},
		"bearer, none":     {b, auth.ErrNoCredentials, `Bearer`},
		"invalid":          {b, apikey.ErrInvalid, `Bearer error="invalid_token", error_description="The API key is not valid"`},
		"malformed":        {b, apikey.ErrMalformed, `Bearer error="invalid_token", error_description="The API key is not valid"`},
		"revoked":          {b, apikey.ErrRevoked, `Bearer error="invalid_token", error_description="The API key is no longer good"`},
		"expired":          {b, apikey.ErrExpired, `Bearer error="invalid_token", error_description="The API key is no longer good"`},
		"another 401":      {b, problem.Wrap(problem.TokenInvalid, errors.New("x")), `Bearer error="invalid_token", error_description="The API key is not valid"`},
		"step-up":          {b, &auth.StepUpError{MaxAge: time.Minute}, `Bearer error="insufficient_user_authentication", error_description="a more recent or stronger sign-in is required", max_age="60"`},
		"scope":            {r, &auth.ScopeError{Scope: "a"}, `ApiKey error="insufficient_scope", scope="a"`},
		"no refusal":       {r, errDown, ``},
		"H02 address, 403": {r, apikey.ErrAddress, ``},
	} {
		if got := tc.rig.Challenge(tc.err); got != tc.want || strings.ContainsAny(got, "\r\n") {
			t.Errorf("%s: %s\nwant %s", name, got, tc.want)
		}
	}
}

func TestPlaceInTheChain(t *testing.T) {
	r := newRig(t, nil)
	text, _ := r.issue(nil)
	t.Run("KEY-12 a key is no interactive sign-in", func(t *testing.T) {
		for _, fresh := range []func(http.Handler) http.Handler{auth.RequireFresh(time.Hour), auth.RequireFresh(time.Hour, auth.FactorOTP)} {
			w, out := serve(t, auth.Chain(auth.Require(r), fresh)(ok), withKey(text))
			if w.Code != 401 || out["code"] != string(problem.StepUpRequired) {
				t.Errorf("%d, %v", w.Code, out)
			}
		}
	})
	t.Run("an optional gate admits nobody with a bad key", func(t *testing.T) {
		for _, bad := range []string{wrongSecret(text), "x"} {
			gate := &auth.Gate{Authenticators: []auth.Authenticator{r}, Optional: true}
			if w, _ := serve(t, gate.Handler(ok), withKey(bad)); w.Code != 401 {
				t.Errorf("%d", w.Code)
			}
		}
	})
	t.Run("H04 F16 a panic of the handler is its own, and a client address that cannot be told is none", func(t *testing.T) {
		m := r.another(func(cfg *apikey.Config) {
			cfg.ClientIP = func(*http.Request) (netip.Addr, error) { return netip.MustParseAddr("192.0.2.1"), errDown }
		})
		if _, err := m.Authenticate(withKey(text)); err != nil {
			t.Error(err)
		}
		bound, _ := r.issue(func(q *apikey.Request) { q.Addresses = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} })
		if _, err := m.Authenticate(withKey(bound)); !errors.Is(err, apikey.ErrAddress) {
			t.Errorf("%v", err)
		}
	})
	t.Run("the address is the peer's, or that of trusted proxies", func(t *testing.T) {
		bound, _ := r.issue(func(q *apikey.Request) { q.Addresses = []netip.Prefix{netip.MustParsePrefix("203.0.113.9/32")} })
		req := withKey(bound)
		req.Header.Set("X-Forwarded-For", "203.0.113.9")
		if _, err := r.Authenticate(req); !errors.Is(err, apikey.ErrAddress) {
			t.Errorf("%v", err)
		}
		proxies, err := throttle.NewClientIP(throttle.ClientIPConfig{TrustedProxies: []netip.Prefix{netip.PrefixFrom(home, 32)}})
		if err != nil {
			t.Fatal(err)
		}
		m := r.another(func(cfg *apikey.Config) { cfg.ClientIP = proxies.Address })
		if _, err := m.Authenticate(req); err != nil {
			t.Error(err)
		}
	})
}

// TestRights is K02 as a client sees it, with the permissions of package rbac behind the
// gate.
func TestRights(t *testing.T) {
	policy := rbac.MustPolicy(map[string]rbac.Role{
		"customer": {Permissions: []rbac.Permission{"orders:read"}},
		"manager":  {Permissions: []rbac.Permission{"orders:write"}, Inherits: []string{"customer"}},
	})
	r := newRig(t, func(cfg *apikey.Config) {
		cfg.Permits = func(owner *auth.Principal, scope string) bool { return policy.Allows(owner, rbac.Permission(scope)) }
	})
	narrow, k := r.issue(func(q *apikey.Request) { q.Scopes = []string{"orders:read"} })
	wide, _ := r.issue(nil)
	mux := http.NewServeMux()
	mux.Handle("GET /orders", auth.Chain(auth.Require(r), policy.Require("orders:read"))(ok))
	mux.Handle("POST /orders", auth.Chain(auth.Require(r), policy.Require("orders:write"))(ok))
	ask := func(method, text string, want int) {
		t.Helper()
		req := withKey(text)
		req.Method = method
		if w, _ := serve(t, mux, req); w.Code != want {
			t.Errorf("%s: %d, want %d", method, w.Code, want)
		}
	}
	t.Run("KEY-06 K02 a scope that the key has not is a 403, whatever its owner may", func(t *testing.T) {
		ask("GET", narrow, 204)
		ask("POST", narrow, 403)
		ask("GET", wide, 204)
		ask("POST", wide, 204)
	})
	t.Run("KEY-06 K02 a demoted owner takes the right from his keys, and a promoted one gives none", func(t *testing.T) {
		r.owners.set("alice", "customer")
		ask("GET", wide, 204)
		ask("POST", wide, 403)
		r.owners.set("alice", "manager")
		ask("POST", wide, 204)
		ask("POST", narrow, 403)
	})
	t.Run("KEY-05 K02 a disabled owner, and a revoked key, are a 401", func(t *testing.T) {
		if err := r.Revoke(t.Context(), k.ID); err != nil {
			t.Fatal(err)
		}
		ask("GET", narrow, 401)
		r.owners.disable("alice")
		ask("GET", wide, 401)
	})
	t.Run("KEY-06 no scope of more than the owner may is issued, by a wildcard neither", func(t *testing.T) {
		r.owners.set("alice", "customer")
		for _, scope := range []string{"orders:write", "orders:*", "*", "typo"} {
			if _, _, err := r.Issue(t.Context(), apikey.Request{Subject: "alice", Scopes: []string{scope}}); !errors.Is(err, apikey.ErrScope) {
				t.Errorf("%s: %v", scope, err)
			}
		}
	})
}

func TestOwnerSaysNothingOfLabels(t *testing.T) {
	r := newRig(t, func(cfg *apikey.Config) {
		cfg.Owner = func(ctx context.Context, p *auth.Principal) (*auth.Principal, error) {
			now, err := standing(ctx, p)
			now.Attributes = map[string]string{
				"tenant": "acme", apikey.AttributeEnvironment: "test", apikey.AttributeLabel + "team": "b", apikey.AttributeLabel + "admin": "true",
			}
			return now, err
		}
	})
	text, _ := r.issue(func(q *apikey.Request) { q.Labels = map[string]string{"team": "a"} })
	want := map[string]string{"tenant": "acme", apikey.AttributeEnvironment: "live", apikey.AttributeLabel + "team": "a"}
	if got := r.good(text).Attributes; !maps.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
