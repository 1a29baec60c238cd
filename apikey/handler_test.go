package apikey_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/problem"
)

// A desk is the self-service of a rig, for whoever is signed in.
type desk struct {
	*rig
	http.Handler
	caller *auth.Principal
}

func newDesk(t *testing.T, change func(cfg *apikey.Config)) *desk {
	d := &desk{rig: newRig(t, change)}
	d.caller = &auth.Principal{Subject: "alice", Method: auth.MethodSession, CredentialID: "s1", AuthenticatedAt: d.clock.Now()}
	gate := auth.Require(d.rig, auth.AuthenticatorFunc(func(*http.Request) (*auth.Principal, error) {
		if d.caller == nil {
			return nil, auth.ErrNoCredentials
		}
		return d.caller, nil
	}))
	mux := http.NewServeMux()
	mux.Handle("/api-keys", gate(byMethod{http.MethodPost: d.CreateHandler(), http.MethodGet: d.ListHandler(), http.MethodHead: d.ListHandler()}))
	mux.Handle("/api-keys/{id}", gate(d.RevokeHandler()))
	mux.Handle("/api-keys/{id}/rotate", gate(d.RotateHandler()))
	d.Handler = mux
	return d
}

// byMethod is what a router does.
type byMethod map[string]http.Handler

func (m byMethod) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h := m[r.Method]; h != nil {
		h.ServeHTTP(w, r)
		return
	}
	m[http.MethodPost].ServeHTTP(w, r)
}

// do sends a request, with a JSON body if there is one, and holds it to a status.
func (d *desk) do(method, target, body string, status int) map[string]any {
	d.t.Helper()
	req := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	w, out := serve(d.t, d.Handler, req)
	if w.Code != status {
		d.t.Fatalf("%s %s %s: %d, want %d: %s", method, target, body, w.Code, status, w.Body)
	}
	if status < 300 && w.Header().Get("Cache-Control") != "no-store" {
		d.t.Errorf("%s %s: Cache-Control %q", method, target, w.Header().Get("Cache-Control"))
	}
	return out
}

// create makes a key and returns its text and id.
func (d *desk) create() (text, id string) {
	d.t.Helper()
	out := d.do("POST", "/api-keys", `{"name":"backup","scopes":["orders:read"],"expires_in":3600}`, 201)
	text, _ = out["key"].(string)
	id, _ = out["id"].(string)
	return text, id
}

func (d *desk) listed() []map[string]any {
	d.t.Helper()
	var list []map[string]any
	for _, e := range d.do("GET", "/api-keys", "", 200)["data"].([]any) {
		list = append(list, e.(map[string]any))
	}
	return list
}

// A thief begins a request with a session that the owner ends meanwhile.
func TestHeldBody(t *testing.T) {
	for target, body := range map[string]string{"/api-keys": `{"scopes":["orders:read"]}`, "/api-keys/%s/rotate": `{"overlap":0}`} {
		synctest.Test(t, func(t *testing.T) {
			d := newDesk(t, nil)
			_, id := d.create()
			if strings.Contains(target, "%s") {
				target = fmt.Sprintf(target, id)
			}
			for after, status := range map[time.Duration]int{11 * time.Second: 400, 9 * time.Second: 201} {
				held, send := io.Pipe()
				go func() {
					<-time.After(after)
					_, _ = io.WriteString(send, body)
					_ = send.Close()
				}()
				req := httptest.NewRequest(http.MethodPost, target, held)
				req.Header.Set("Content-Type", "application/json")
				before := len(d.listed())
				w, out := serve(t, d.Handler, req)
				if w.Code != status || status == 400 && (out["code"] != string(problem.BodyInvalid) || len(d.listed()) != before) {
					t.Errorf("KEY-07 %s after %s: %d, %v", target, after, w.Code, out)
				}
			}
		})
	}
}

func TestHandlers(t *testing.T) {
	t.Run("KEY-01 create, use, list, rotate and revoke", func(t *testing.T) {
		d := newDesk(t, nil)
		if list := d.do("GET", "/api-keys", "", 200); fmt.Sprint(list) != "map[data:[]]" {
			t.Errorf("%v", list)
		}
		out := d.do("POST", "/api-keys", `{"name":"backup","scopes":["orders:read"],"expires_in":3600,"addresses":["192.0.2.0/24","::1"]}`, 201)
		text, id := out["key"].(string), out["id"].(string)
		want := map[string]any{
			"key": text, "id": id, "name": "backup", "prefix": "sk_live", "environment": "live", "scopes": []any{"orders:read"},
			"created_at": "2026-01-02T15:04:05Z", "expires_at": "2026-01-02T16:04:05Z", "addresses": []any{"192.0.2.0/24", "::1/128"},
		}
		if fmt.Sprint(out) != fmt.Sprint(want) {
			t.Errorf("%v\nwant\n%v", out, want)
		}
		d.good(text)
		next := d.do("POST", "/api-keys/"+id+"/rotate", "", 201)
		if next["predecessor"] != id || next["id"] == id || next["key"] == text {
			t.Errorf("%v", next)
		}
		d.good(text)
		d.good(next["key"].(string))
		list := d.listed()
		if len(list) != 2 {
			t.Fatalf("%v", list)
		}
		raw, _ := json.Marshal(list)
		for _, secret := range []string{text, text[len(text)-49:], next["key"].(string)[29:], `"key"`, "hash", "Hash"} {
			if strings.Contains(string(raw), secret) {
				t.Errorf("the list shows %q: %s", secret, raw)
			}
		}
		if out := d.do("DELETE", "/api-keys/"+id, "", 204); out != nil {
			t.Errorf("%v", out)
		}
		d.bad(text, apikey.ErrRevoked)
		d.good(next["key"].(string))
		d.do("DELETE", "/api-keys/"+id, "", 204)
		for _, e := range d.listed() {
			if (e["revoked_at"] != nil) != (e["id"] == id) {
				t.Errorf("%v", e)
			}
		}
	})
	t.Run("last use is in the list", func(t *testing.T) {
		d := newDesk(t, func(cfg *apikey.Config) { cfg.TouchEvery = time.Hour })
		text, _ := d.create()
		d.good(text)
		if err := d.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if e := d.listed()[0]; e["last_used_at"] != "2026-01-02T15:04:05Z" || e["last_used_from"] != home.String() {
			t.Errorf("%v", e)
		}
	})
	t.Run("a form does as well as JSON", func(t *testing.T) {
		d := newDesk(t, nil)
		req := httptest.NewRequest("POST", "/api-keys", strings.NewReader("name=x&scopes=orders:read&scopes=orders:write"))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if w, out := serve(t, d, req); w.Code != 201 || len(out["scopes"].([]any)) != 2 {
			t.Errorf("%d %v", w.Code, out)
		}
	})
	t.Run("K03 KEY-07 the owner is never that of the body", func(t *testing.T) {
		d := newDesk(t, nil)
		for _, member := range []string{"userId", "user_id", "subject", "Subject", "owner", "sub", "id", "rateLimitMax", "permissions", "labels", "limit", "NAME"} {
			out := d.do("POST", "/api-keys", `{"name":"x","scopes":["orders:read"],"`+member+`":"bob"}`, 400)
			if out["code"] != string(problem.BodyInvalid) {
				t.Errorf("%s: %v", member, out)
			}
		}
		d.do("POST", "/api-keys?userId=bob&user_id=bob", `{"scopes":["orders:read"]}`, 201)
		for subject, want := range map[string]int{"alice": 1, "bob": 0} {
			if list, err := d.List(t.Context(), subject); err != nil || len(list) != want {
				t.Errorf("%s has %d keys, %v", subject, len(list), err)
			}
		}
	})
	t.Run("K03 KEY-07 KEY-12 a key manages no keys", func(t *testing.T) {
		d := newDesk(t, nil)
		text, id := d.create()
		writes := d.store.writes.Load()
		for _, tc := range [][2]string{{"POST", "/api-keys"}, {"GET", "/api-keys"}, {"DELETE", "/api-keys/" + id}, {"POST", "/api-keys/" + id + "/rotate"}} {
			req := jsonRequest(tc[0], tc[1], `{"name":"wider","scopes":["orders:read","orders:write"]}`)
			req.Header.Set("X-API-Key", text)
			if w, out := serve(t, d, req); w.Code != 403 || out["code"] != string(problem.Forbidden) {
				t.Errorf("%v: %d %v", tc, w.Code, out)
			}
		}
		if d.store.writes.Load() != writes {
			t.Error("something was written")
		}
	})
	t.Run("KEY-07 a sign-in that is old, or none, manages no keys", func(t *testing.T) {
		d := newDesk(t, func(cfg *apikey.Config) { cfg.FreshFactors = []string{auth.FactorOTP} })
		at := d.clock.Now()
		fresh := &auth.Principal{Subject: "alice", Method: auth.MethodSession, AuthenticatedAt: at, Factors: []auth.Factor{{Kind: auth.FactorOTP, At: at}}}
		d.caller = fresh
		_, id := d.create()
		old, never, factor := fresh.Clone(), fresh.Clone(), fresh.Clone()
		old.AuthenticatedAt, old.Factors[0].At = at.Add(-apikey.DefaultFreshFor-time.Second), at.Add(-apikey.DefaultFreshFor-time.Second)
		never.AuthenticatedAt, never.Factors = time.Time{}, nil
		factor.Factors = nil
		for name, tc := range map[string]struct {
			p    *auth.Principal
			code problem.Code
		}{"old": {old, problem.StepUpRequired}, "never": {never, problem.StepUpRequired}, "factor": {factor, problem.StepUpRequired}, "nobody": {nil, problem.Unauthenticated}} {
			d.caller = tc.p
			for _, route := range [][2]string{{"POST", "/api-keys"}, {"GET", "/api-keys"}, {"DELETE", "/api-keys/" + id}, {"POST", "/api-keys/" + id + "/rotate"}} {
				if out := d.do(route[0], route[1], `{"scopes":["orders:read"]}`, 401); out["code"] != string(tc.code) {
					t.Errorf("%s %v: %v", name, route, out)
				}
			}
		}
		w := httptest.NewRecorder()
		d.CreateHandler().ServeHTTP(w, jsonRequest("POST", "/api-keys", `{}`))
		if w.Code != 401 {
			t.Errorf("without a gate: %d", w.Code)
		}
	})
	t.Run("KEY-06 K03 no key is wider than its owner, nor than the credential that makes it", func(t *testing.T) {
		d := newDesk(t, nil)
		d.do("POST", "/api-keys", `{"scopes":["orders:read","users:write"]}`, 403)
		_, wide := func() (string, string) {
			out := d.do("POST", "/api-keys", `{"scopes":["orders:read","orders:write"]}`, 201)
			return out["key"].(string), out["id"].(string)
		}()
		d.caller = d.caller.Clone()
		d.caller.Scopes = []string{"orders:read"}
		d.do("POST", "/api-keys", `{"scopes":["orders:read","orders:write"]}`, 403)
		d.do("POST", "/api-keys/"+wide+"/rotate", "", 403)
		d.do("POST", "/api-keys", `{"scopes":["orders:read"]}`, 201)
		d.caller.Scopes = []string{}
		d.do("POST", "/api-keys", `{"scopes":["orders:read"]}`, 403)
	})
	t.Run("KEY-07 the keys of others are not there", func(t *testing.T) {
		d := newDesk(t, nil)
		text, id := d.create()
		d.caller = &auth.Principal{Subject: "bob", Method: auth.MethodSession, AuthenticatedAt: d.clock.Now()}
		theirs := d.do("DELETE", "/api-keys/"+id, "", 404)
		nobodys := d.do("DELETE", "/api-keys/"+id[:18]+"~", "", 404)
		if fmt.Sprint(theirs) != fmt.Sprint(nobodys) {
			t.Errorf("%v, %v", theirs, nobodys)
		}
		d.do("POST", "/api-keys/"+id+"/rotate", "", 404)
		if len(d.listed()) != 0 {
			t.Error("they are listed")
		}
		d.good(text)
	})
	t.Run("bodies that are refused change nothing", func(t *testing.T) {
		d := newDesk(t, nil)
		_, id := d.create()
		writes := d.store.writes.Load()
		for body, status := range map[string]int{
			``: 415, `{`: 400, `[]`: 400, `{"scopes":"orders:read"}`: 400, `{"scopes":["orders:read"],"expires_in":"1"}`: 400, `{"scopes":["orders:read"],"expires_in":1.5}`: 400,
			`{}`: 422, `{"scopes":[]}`: 422, `{"scopes":["orders:read"],"expires_in":0}`: 422, `{"scopes":["orders:read"],"expires_in":-1}`: 422,
			`{"scopes":["orders:read"],"expires_in":9223372036854775807}`: 422, `{"scopes":["orders:read"],"expires_in":31536001}`: 422,
			`{"scopes":["orders:read"],"addresses":["x"]}`: 422, `{"scopes":["orders:read"],"addresses":["fe80::1%eth0"]}`: 422, `{"scopes":["orders:read"],"environment":"test"}`: 422,
			`{"scopes":["orders:read"],"name":"a\nb"}`: 422, `{"scopes":["orders:read"],"name":"` + strings.Repeat("x", 20<<10) + `"}`: 413,
			`{"scopes":["orders:read"],"addresses":[` + strings.TrimSuffix(strings.Repeat(`"::1",`, 65), ",") + `]}`: 422,
		} {
			d.do("POST", "/api-keys", body, status)
		}
		for body, status := range map[string]int{
			`{"overlap":-1}`: 422, `{"overlap":604801}`: 422, `{"expires_in":0}`: 422, `{"scopes":["orders:write"]}`: 400, `{"overlap":"1"}`: 400, `{"overlap":9223372036854775807}`: 422,
		} {
			d.do("POST", "/api-keys/"+id+"/rotate", body, status)
		}
		if d.store.writes.Load() != writes {
			t.Error("something was written")
		}
	})
	t.Run("rotation by what the body says", func(t *testing.T) {
		d := newDesk(t, nil)
		text, id := d.create()
		out := d.do("POST", "/api-keys/"+id+"/rotate", `{"overlap":0,"expires_in":60}`, 201)
		if out["expires_at"] != "2026-01-02T15:05:05Z" {
			t.Errorf("%v", out)
		}
		d.bad(text, apikey.ErrExpired)
		d.do("POST", "/api-keys/"+id+"/rotate", `{}`, 404)
		next := d.do("POST", "/api-keys/"+out["id"].(string)+"/rotate", `{"overlap":30}`, 201)
		if again := d.do("POST", "/api-keys/"+out["id"].(string)+"/rotate", `{"overlap":30}`, 409); again["code"] != string(problem.APIKeyRotated) {
			t.Errorf("%v", again)
		}
		d.clock.Advance(30 * time.Second)
		d.bad(out["key"].(string), apikey.ErrExpired)
		d.good(next["key"].(string))
	})
	t.Run("too many keys", func(t *testing.T) {
		d := newDesk(t, func(cfg *apikey.Config) { cfg.MaxKeys = 1 })
		d.create()
		if out := d.do("POST", "/api-keys", `{"scopes":["orders:read"]}`, 409); out["code"] != string(problem.APIKeyLimit) {
			t.Errorf("%v", out)
		}
	})
	t.Run("B03 other methods", func(t *testing.T) {
		d := newDesk(t, nil)
		_, id := d.create()
		for route, allow := range map[string]string{"PUT /api-keys": "POST", "GET /api-keys/" + id: "DELETE", "POST /api-keys/" + id: "DELETE", "DELETE /api-keys/" + id + "/rotate": "POST"} {
			method, target, _ := strings.Cut(route, " ")
			req := httptest.NewRequest(method, target, nil)
			req.Header.Set("X-HTTP-Method-Override", "DELETE")
			if w, _ := serve(t, d, req); w.Code != 405 || w.Header().Get("Allow") != allow {
				t.Errorf("%s: %d, Allow %q", route, w.Code, w.Header().Get("Allow"))
			}
		}
		if w, _ := serve(t, d, httptest.NewRequest("HEAD", "/api-keys", nil)); w.Code != 200 {
			t.Errorf("HEAD: %d", w.Code)
		}
		if len(d.listed()) != 1 {
			t.Error("something has changed")
		}
	})
	t.Run("F01 I2 a store that fails", func(t *testing.T) {
		d := newDesk(t, nil)
		_, id := d.create()
		for _, method := range []string{"Find", "Revoke", "List", "Create", "Rotate"} {
			d.store.on(func(_ context.Context, m string) error {
				if m == method {
					return errDown
				}
				return nil
			})
			switch method {
			case "Find", "Revoke":
				d.do("DELETE", "/api-keys/"+id, "", 503)
			case "List":
				d.do("GET", "/api-keys", "", 503)
			case "Create":
				d.do("POST", "/api-keys", `{"scopes":["orders:read"]}`, 503)
			case "Rotate":
				d.do("POST", "/api-keys/"+id+"/rotate", "", 503)
			}
		}
	})
	t.Run("the owner is disabled, or the hook is down, while the session lives", func(t *testing.T) {
		d := newDesk(t, nil)
		_, id := d.create()
		d.owners.disable("alice")
		d.do("POST", "/api-keys", `{"scopes":["orders:read"]}`, 401)
		d.do("POST", "/api-keys/"+id+"/rotate", "", 401)
		d.owners.fail(errDown)
		d.do("POST", "/api-keys", `{"scopes":["orders:read"]}`, 503)
	})
	t.Run("an error handler of one's own", func(t *testing.T) {
		var got error
		d := newDesk(t, func(cfg *apikey.Config) {
			cfg.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, err error) { got = err; w.WriteHeader(418) }
		})
		d.do("POST", "/api-keys", `{"scopes":["users:write"]}`, 418)
		if !errors.Is(got, apikey.ErrScope) {
			t.Errorf("%v", got)
		}
	})
	t.Run("a pattern without an id is a fault of the service", func(t *testing.T) {
		d := newDesk(t, nil)
		h := auth.Require(auth.AuthenticatorFunc(func(*http.Request) (*auth.Principal, error) { return d.caller, nil }))(d.RevokeHandler())
		if w, _ := serve(t, h, httptest.NewRequest("DELETE", "/api-keys/x", nil)); w.Code != 500 {
			t.Errorf("%d", w.Code)
		}
	})
}

func TestZeroManagerHandlers(t *testing.T) {
	var m apikey.Manager
	for method, h := range map[string]http.Handler{"POST": m.CreateHandler(), "GET": m.ListHandler(), "DELETE": m.RevokeHandler(), "PUT": m.RotateHandler()} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, "/", strings.NewReader("{}")))
		if w.Code != http.StatusInternalServerError && w.Code != http.StatusMethodNotAllowed {
			t.Errorf("%s: %d", method, w.Code)
		}
	}
}
