package mfa_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/session"
)

// A fastHasher is a password.Hasher without the work.
type fastHasher struct{}

func (fastHasher) Hash(_ context.Context, pw string) (string, error) {
	sum := sha256.Sum256([]byte(pw))
	return "fast$" + hex.EncodeToString(sum[:]), nil
}

func (h fastHasher) Verify(ctx context.Context, encoded, pw string) (ok, outdated bool, err error) {
	hash, err := h.Hash(ctx, pw)
	return hash == encoded, false, err
}

// TestRoad walks the whole road of a service: an account, its password, its second
// factor, and a reset of the password by mail.
func TestRoad(t *testing.T) {
	clock := authtest.NewClock(time.Time{})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	mail := make(chan account.Message, 100)
	outbox, err := account.NewOutbox(account.MailerFunc(func(_ context.Context, m account.Message) error { mail <- m; return nil }), account.OutboxConfig{})
	must(err)
	defer func() { must(outbox.Close(context.Background())) }()
	receive := func(kind account.MessageKind) account.Message {
		t.Helper()
		for {
			select {
			case m := <-mail:
				if m.Kind == kind {
					return m
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("no mail %s", kind)
			}
		}
	}
	sessions, err := session.New(nil, session.Config{Now: clock.Now})
	must(err)
	var accounts *account.Service
	gate := &auth.Gate{Authenticators: []auth.Authenticator{sessions}, Current: func(ctx context.Context, p *auth.Principal) (*auth.Principal, error) {
		return accounts.Current(ctx, p)
	}}
	factors, err := mfa.New(nil, mfa.Config{
		Issuer: "Example", Key: sealKey, Now: clock.Now, TrustDevices: 24 * time.Hour,
		Revokers: auth.Revokers{sessions}, Elevate: sessions.Elevate, SignedIn: gate, Remember: session.Remember,
		Notify: func(ctx context.Context, n mfa.Notice) {
			kind := account.MessageFactorChanged
			if n.Kind == mfa.EventCodeUsed {
				kind = account.MessageRecoveryUsed
			}
			must(accounts.Notify(ctx, n.Subject, kind))
		},
	})
	must(err)
	accounts, err = account.New(nil, account.Config{
		BaseURL: "https://app.example.com", Key: sealKey, Outbox: outbox, Hasher: fastHasher{}, Now: clock.Now,
		Revokers: auth.Revokers{sessions, factors}, Claim: factors.Remove, Remember: factors.Remember,
	})
	must(err)
	mux := http.NewServeMux()
	mux.Handle("/register", accounts.Register())
	mux.Handle("/verify-email", accounts.VerifyEmail())
	mux.Handle("/login", accounts.Login(factors.Gate(sessions)))
	mux.Handle("/forgot", accounts.Forgot())
	mux.Handle("/reset", accounts.Reset())
	mux.Handle("/change-password", gate.Handler(accounts.ChangePassword()))
	mux.Handle("/mfa/challenge", factors.ChallengeHandler())
	mux.Handle("/mfa/enable", gate.Handler(factors.EnableHandler()))
	mux.Handle("/mfa/verify", gate.Handler(factors.VerifyHandler()))
	mux.Handle("/private", gate.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) })))
	b := authtest.NewBrowser(t, sessions.Handler(mux))
	g := &rig{t: t, clock: clock}
	var pw string
	newPassword := func() string { pw = "correct horse " + rand.Text(); return pw }
	credentials := func() object { return object{"email": "alice@example.com", "password": pw} }

	g.want(b.PostJSON("/register", object{"email": "alice@example.com", "password": newPassword()}), 202)
	g.want(b.PostJSON("/verify-email", object{"token": receive(account.MessageVerify).Token}), 204)
	g.want(b.PostJSON("/login", credentials()), 204)
	var out struct {
		Secret string
		Codes  []string `json:"recovery_codes"`
	}
	g.want(b.PostJSON("/mfa/enable", "{}"), 200).JSON(&out)
	f := &phone{g: g, secret: out.Secret}
	g.want(b.PostJSON("/mfa/verify", object{"code": f.code()}), 200).JSON(&out)
	receive(account.MessageFactorChanged)

	t.Run("MFA-07 a trusted browser, and one that waits", func(t *testing.T) {
		clock.Advance(time.Minute)
		g.want(b.Post("/login", form("email", "alice@example.com", "password", pw, "remember", "true", "return_to", "/orders")), 401, problem.MFARequired)
		res := g.want(b.Post("/mfa/challenge", form("code", f.code(), "trust_device", "on")), 303)
		if c := res.Cookie("__Host-session"); res.Header.Get("Location") != "/orders" || c == nil || c.MaxAge == 0 {
			t.Errorf("led to %q with %v", res.Header.Get("Location"), c)
		}
		receive(account.MessageFactorChanged)
		g.want(b.PostJSON("/login", credentials()), 204)
	})
	t.Run("RST-07 M08 MFA-13 a reset ends all that, and skips no factor", func(t *testing.T) {
		clock.Advance(time.Minute)
		waiting := b.Another(t)
		g.want(waiting.PostJSON("/login", credentials()), 401, problem.MFARequired)
		other := b.Another(t)
		g.want(other.PostJSON("/forgot", object{"email": "alice@example.com"}), 202)
		g.want(other.PostJSON("/reset", object{"token": receive(account.MessageReset).Token, "password": newPassword()}), 204)
		g.want(b.Fetch("GET", "/private", nil), 401)
		g.want(waiting.PostJSON("/mfa/challenge", object{"code": f.code()}), 401, problem.MFAChallengeInvalid)
		for _, browser := range []*authtest.Browser{b, other} {
			g.want(browser.PostJSON("/login", credentials()), 401, problem.MFARequired)
			g.want(browser.Fetch("GET", "/private", nil), 401)
		}
		g.want(other.PostJSON("/mfa/challenge", object{"recovery_code": strings.ToLower(out.Codes[0])}), 204)
		receive(account.MessageRecoveryUsed)
		g.want(other.Fetch("GET", "/private", nil), 204)
	})
	t.Run("MFA-07 F23 a sign-in that is completed around a change of password is refused by Current", func(t *testing.T) {
		clock.Advance(time.Minute)
		late := b.Another(t)
		g.want(late.PostJSON("/login", credentials()), 401, problem.MFARequired)
		c := late.Cookie(challengeCookie)
		first := b.Another(t)
		g.want(first.PostJSON("/login", credentials()), 401)
		g.want(first.PostJSON("/mfa/challenge", object{"code": f.code()}), 204)
		clock.Advance(time.Minute)
		old := pw
		g.want(first.PostJSON("/change-password", object{"current_password": old, "password": newPassword()}), 204)
		late.SetCookie(c)
		g.want(late.PostJSON("/mfa/challenge", object{"code": f.code()}), 401, problem.MFAChallengeInvalid)
		g.want(late.Fetch("GET", "/private", nil), 401)
	})
}
