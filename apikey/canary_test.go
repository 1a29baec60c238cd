package apikey_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/problem"
)

// TestNoSecretLeaks walks every way of a key with a canary on every sink.
func TestNoSecretLeaks(t *testing.T) {
	t.Run("KEY-01 KEY-02 I7", func(t *testing.T) {
		canary := testkit.NewCanary(t)
		r := newRig(t, nil)
		inside := canary.Secret("text of an internal error")
		onError := problem.Log(canary.Logger(), func(w http.ResponseWriter, req *http.Request, err error) {
			problem.WriteError(w, req, canary.Error(err))
		})
		m := r.another(func(cfg *apikey.Config) {
			cfg.OnEvent, cfg.ErrorHandler, cfg.CacheFor, cfg.TouchEvery = canary.OnEvent, onError, cacheFor, time.Hour
		})
		signedIn := func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				p := &auth.Principal{Subject: "alice", Method: auth.MethodSession, AuthenticatedAt: r.clock.Now()}
				h.ServeHTTP(w, authtest.As(req, p))
			})
		}
		gate := &auth.Gate{Authenticators: []auth.Authenticator{m}, OnEvent: canary.OnEvent, ErrorHandler: onError}
		mux := http.NewServeMux()
		mux.Handle("POST /api-keys", signedIn(m.CreateHandler()))
		mux.Handle("GET /api-keys", signedIn(m.ListHandler()))
		mux.Handle("DELETE /api-keys/{id}", signedIn(m.RevokeHandler()))
		mux.Handle("POST /api-keys/{id}/rotate", signedIn(m.RotateHandler()))
		mux.Handle("GET /orders", gate.Handler(ok))
		h := canary.Handler(mux)

		watch := func(out map[string]any) (text, id string) {
			text, _ = out["key"].(string)
			id, _ = out["id"].(string)
			if len(text) < 50 {
				t.Fatalf("%v", out)
			}
			secret := text[len(text)-49 : len(text)-6]
			canary.Watch("key", secret)
			canary.WatchHash("hash of the key", secret)
			return text, id
		}
		canary.Allow("key", "POST /api-keys")
		_, out := serve(t, h, jsonRequest("POST", "/api-keys", `{"name":"x","scopes":["orders:read"]}`))
		text, id := watch(out)
		use := func(text string, want int) {
			t.Helper()
			if w, _ := serve(t, h, withKey(text)); w.Code != want {
				t.Errorf("%d, want %d", w.Code, want)
			}
		}
		use(text, 204)
		use(wrongSecret(text), 401)
		use(text[:len(text)-1], 401)
		use(text+","+text, 401)
		use(text+" ", 401)
		serve(t, h, httptest.NewRequest("GET", "/api-keys", nil))
		r.store.on(func(context.Context, string) error { return errDown })
		serve(t, h, httptest.NewRequest("GET", "/api-keys", nil))
		r.clock.Advance(cacheFor)
		use(text, 503)
		_ = canary.Error(m.Close(t.Context()))
		r.store.on(nil)
		r.owners.fail(errors.New("the users table cannot be read"))
		use(text, 503)
		r.owners.fail(nil)
		canary.Allow("key", "POST /api-keys/"+id+"/rotate")
		_, out = serve(t, h, httptest.NewRequest("POST", "/api-keys/"+id+"/rotate", nil))
		next, _ := watch(out)
		serve(t, h, httptest.NewRequest("POST", "/api-keys/"+id+"/rotate", nil))
		use(next, 204)
		_, err := m.RevokeLeaked(t.Context(), strings.ToUpper(next))
		_ = canary.Error(err)
		if _, err := m.RevokeLeaked(t.Context(), next); err != nil {
			t.Error(err)
		}
		use(next, 401)
		serve(t, h, httptest.NewRequest("DELETE", "/api-keys/"+id, nil))
		use(text, 401)
		r.owners.panic = errors.New(inside)
		use(text, 401)
		r.owners.panic = nil
	})
}
