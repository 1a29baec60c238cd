package mfa_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/problem"
)

func request(method, target, body string) (*http.Request, *httptest.ResponseRecorder) {
	return httptest.NewRequest(method, target, strings.NewReader(body)), httptest.NewRecorder()
}

func serve(t *testing.T, h http.Handler, body, contentType string) *httptest.ResponseRecorder {
	t.Helper()
	r, w := request("POST", "https://example.com/", body)
	r.Header.Set("Content-Type", contentType)
	h.ServeHTTP(w, r)
	return w
}

// A keyKind is a Kind whose proof is the word "touch".
type keyKind struct {
	enrolled map[string]bool
	err      error
}

func (*keyKind) Name() string { return auth.FactorHardware }

func (k *keyKind) Enrolled(_ context.Context, subject string) (bool, error) {
	return k.enrolled[subject], k.err
}

func (k *keyKind) Remove(_ context.Context, subject string) error {
	delete(k.enrolled, subject)
	return k.err
}

func TestKind(t *testing.T) {
	setup := func(t *testing.T) (*rig, *keyKind, *authtest.Browser) {
		t.Helper()
		g := newRig(t)
		k := &keyKind{enrolled: map[string]bool{}}
		g.factors.Register(k)
		mux := http.NewServeMux()
		login := func(w http.ResponseWriter, r *http.Request) error {
			return g.factors.Gate(g.sessions).SignIn(w, r, g.principal("alice"))
		}
		handle := func(pattern string, h func(w http.ResponseWriter, r *http.Request) error) {
			mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
				if err := h(w, r); err != nil {
					problem.WriteError(w, r, err)
				}
			})
		}
		handle("POST /login", login)
		handle("POST /key/login", func(w http.ResponseWriter, r *http.Request) error {
			ctx := g.factors.WithProof(r.Context(), r.URL.Query().Get("of"), auth.Factor{Kind: r.URL.Query().Get("kind")})
			return login(w, r.WithContext(ctx))
		})
		handle("POST /key/finish", func(w http.ResponseWriter, r *http.Request) error {
			before, err := g.factors.Pending(r)
			if err != nil {
				return err
			}
			return g.factors.Complete(w, r, auth.FactorHardware, func(_ context.Context, p *mfa.Pending) error {
				if fmt.Sprint(*p) != fmt.Sprint(*before) || p.Subject != "alice" {
					t.Errorf("%+v, and before %+v", p, before)
				}
				if r.URL.Query().Get("proof") != "touch" {
					return fmt.Errorf("%w: the key says no", mfa.ErrCode)
				}
				return nil
			})
		})
		mux.Handle("/mfa/challenge", g.factors.ChallengeHandler())
		mux.Handle("/", g.routes(&auth.Gate{Authenticators: []auth.Authenticator{g.sessions}}))
		return g, k, authtest.NewBrowser(t, g.sessions.Handler(mux))
	}
	t.Run("MFA-07 a Gate asks whoever has a key, and Complete signs them in", func(t *testing.T) {
		g, k, b := setup(t)
		g.want(b.PostJSON("/login", "{}"), 204)
		k.enrolled["alice"] = true
		b = b.Another(t)
		res := g.want(b.PostJSON("/login", "{}"), 401, problem.MFARequired)
		if got := fmt.Sprint(res.Problem().Extensions["factors"]); got != "[hwk]" {
			t.Errorf("factors %s", got)
		}
		g.want(b.PostJSON("/key/finish?proof=no", "{}"), 401, problem.MFACodeInvalid)
		g.want(b.Fetch("GET", "/private", nil), 401)
		g.want(b.PostJSON("/key/finish?proof=touch", "{}"), 204)
		g.want(b.Fetch("GET", "/sensitive", nil), 204)
		g.clock.Advance(10 * time.Minute)
		g.want(b.Fetch("GET", "/sensitive", nil), 401, problem.StepUpRequired)
		g.want(b.PostJSON("/key/finish?proof=touch", "{}"), 204)
		g.want(b.Fetch("GET", "/sensitive", nil), 204)
		g.want(b.Another(t).PostJSON("/key/finish?proof=touch", "{}"), 401, problem.MFAChallengeInvalid)
	})
	t.Run("MFA-05 its attempts are counted with all others", func(t *testing.T) {
		g, k, b := setup(t)
		k.enrolled["alice"] = true
		g.want(b.PostJSON("/login", "{}"), 401)
		for range 5 {
			g.want(b.PostJSON("/key/finish?proof=no", "{}"), 401)
		}
		g.want(b.PostJSON("/key/finish?proof=touch", "{}"), 429)
		if _, err := g.factors.Recover(t.Context(), "alice", "x"); !errors.Is(err, throttle.ErrLocked) {
			t.Error(err)
		}
	})
	t.Run("MFA-12 F13 it cannot be looked up", func(t *testing.T) {
		g, k, b := setup(t)
		k.err = errDown
		g.want(b.PostJSON("/login", "{}"), 503)
		if err := g.factors.Remove(t.Context(), "alice"); problem.From(err).Status != 503 {
			t.Error(err)
		}
	})
	t.Run("a key that signs in by itself is not asked for another, and nothing else is believed", func(t *testing.T) {
		g, k, b := setup(t)
		k.enrolled["alice"] = true
		for _, query := range []string{"of=bob&kind=hwk", "of=alice&kind=otp", "of=alice&kind=pwd", "of=alice&kind=", "of=&kind=hwk"} {
			g.want(b.PostJSON("/key/login?"+query, "{}"), 401, problem.MFARequired)
		}
		g.want(b.PostJSON("/key/login?of=alice&kind=hwk", "{}"), 204)
		g.want(b.Fetch("GET", "/sensitive", nil), 204)
		delete(k.enrolled, "alice")
		g.enable("alice")
		for _, kind := range []string{"hwk", "otp", "rcv"} {
			g.want(b.Another(t).PostJSON("/key/login?of=alice&kind="+kind, "{}"), 401, problem.MFARequired)
		}
	})
	t.Run("MFA-08 a key that was removed since it was proved signs nobody in", func(t *testing.T) {
		g, k, b := setup(t)
		k.enrolled["alice"] = true
		g.want(b.PostJSON("/key/login?of=alice&kind=hwk", "{}"), 204)
		delete(k.enrolled, "alice")
		g.want(b.Another(t).PostJSON("/key/login?of=alice&kind=hwk", "{}"), 401, problem.InvalidCredentials)
	})
	t.Run("MFA-08 Change wants a fresh proof, and counts keys as factors", func(t *testing.T) {
		g, k, _ := setup(t)
		done := 0
		do := func(context.Context) error { done++; return nil }
		g.must(g.factors.Change(t.Context(), g.member("alice"), "key.added", do))
		k.enrolled["alice"] = true
		if err := g.factors.Change(t.Context(), g.member("alice"), "key.added", do); !errors.Is(err, auth.ErrStepUp) {
			t.Error(err)
		}
		if _, err := g.factors.Enrol(t.Context(), g.member("alice")); !errors.Is(err, auth.ErrStepUp) {
			t.Error(err)
		}
		g.must(g.factors.Change(t.Context(), g.member("alice", auth.FactorHardware), "key.added", do))
		if told := g.told(); done != 2 || len(told) != 2 || told[0] != "key.added" {
			t.Errorf("done %d, told %v", done, told)
		}
		if err := g.factors.Change(t.Context(), g.member("alice", auth.FactorHardware), "key.added", func(context.Context) error { return errDown }); !errors.Is(err, errDown) || len(g.told()) != 0 {
			t.Error(err)
		}
	})
	t.Run("codes outlast the app of a user with a key", func(t *testing.T) {
		g, k, _ := setup(t)
		k.enrolled["bob"] = true
		mine := g.member("bob", auth.FactorHardware)
		_, err := g.factors.IssueCodes(t.Context(), mine, mfa.Proof{})
		g.must(err)
		e, err := g.factors.Enrol(t.Context(), mine)
		g.must(err)
		f := &phone{g: g, secret: e.Secret}
		codes, err := g.factors.Confirm(t.Context(), mine, f.code())
		g.must(err)
		g.clock.Advance(time.Minute)
		g.must(g.factors.Disable(t.Context(), mine, mfa.Proof{Code: f.code()}))
		if _, err := g.factors.Recover(t.Context(), "bob", codes[0]); err != nil {
			t.Error(err)
		}
		k.enrolled["bob"] = false
		if st, err := g.factors.Status(t.Context(), "bob"); err != nil || st.Enabled() || st.CodesLeft != 9 {
			t.Errorf("codes alone are a second factor: %+v, %v", st, err)
		}
		k.enrolled["bob"] = true
		g.must(g.factors.Remove(t.Context(), "bob"))
		if k.enrolled["bob"] {
			t.Error("Remove has left the key")
		}
	})
	t.Run("MFA-09 M10 codes of factors that are gone are not those of the next key", func(t *testing.T) {
		g, k, _ := setup(t)
		k.enrolled["alice"] = true
		mine := g.member("alice", auth.FactorHardware)
		codes, err := g.factors.IssueCodes(t.Context(), mine, mfa.Proof{})
		g.must(err)
		set := func(there bool) func(context.Context) error {
			return func(context.Context) error { k.enrolled["alice"] = there; return nil }
		}
		g.must(g.factors.Change(t.Context(), mine, "key.removed", set(false)))
		g.must(g.factors.Change(t.Context(), mine, "key.added", set(true)))
		if _, err := g.factors.Recover(t.Context(), "alice", codes[0]); !errors.Is(err, mfa.ErrCode) {
			t.Errorf("an old code: %v", err)
		}
		codes, err = g.factors.IssueCodes(t.Context(), mine, mfa.Proof{})
		g.must(err)
		g.must(g.factors.Change(t.Context(), mine, "key.added", set(true)))
		if _, err := g.factors.Recover(t.Context(), "alice", codes[0]); err != nil {
			t.Errorf("a code beside a second key: %v", err)
		}
	})
	t.Run("Register and Complete are wiring", func(t *testing.T) {
		g, k, _ := setup(t)
		panics(t, "twice", func() { g.factors.Register(k) })
		for _, name := range []string{"", "otp", "rcv", "pwd", "fed"} {
			panics(t, name, func() { g.factors.Register(named{k, name}) })
		}
		panics(t, "Complete", func() {
			r, w := request("POST", "https://example.com/", "")
			_ = g.factors.Complete(w, r, "unknown", nil)
		})
	})
}

type named struct {
	*keyKind
	name string
}

func (n named) Name() string { return n.name }
