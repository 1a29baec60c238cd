package browser

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/mfa/passkey"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/session"
)

// passkeyPage has what the test calls, as a page would from its buttons. Every function
// gives a word: what the service says, or how the browser refuses.
const passkeyPage = `<!doctype html><title>Passkeys</title>
<input id="user" autocomplete="username webauthn">
<script type="module">
import { createPasskeys, supported, autofill } from "/passkey.js";
const passkeys = createPasskeys();
const word = (promise) => promise.then((r) => String(r.status), (e) => e.code && typeof e.code === "string" ? e.code : e.name);
Object.assign(window, {
	register: (name) => word(passkeys.register(name)),
	prove: () => word(passkeys.prove()),
	login: (options) => word(passkeys.login(options)),
	cancelled: () => word(passkeys.login({ signal: AbortSignal.timeout(300) })),
	password: (user) => fetch("/login?user=" + user, { method: "POST" }).then((r) => String(r.status)),
	whoami: () => fetch("/whoami").then((r) => r.ok ? r.text() : String(r.status)),
	logout: () => fetch("/logout", { method: "POST" }).then((r) => String(r.status)),
	list: () => fetch("/passkeys").then((r) => r.json()).then((l) => l.data),
	remove: (id) => fetch("/passkeys/" + id, { method: "DELETE" }).then((r) => String(r.status)),
	able: async () => [supported(), await autofill()].join(),
});
document.title = "ready";
</script>`

// passkeySite is a service on http://localhost, which browsers take for secure.
func passkeySite(t *testing.T) (base string, passkeys *passkey.Manager) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var current atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		current.Load().(http.Handler).ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	base = "http://localhost:" + server.URL[strings.LastIndexByte(server.URL, ':')+1:]

	key := []byte("0123456789abcdef0123456789ABCDEF")
	sessions, err := session.New(nil, session.Config{InsecureCookie: true})
	must(err)
	gate := &auth.Gate{Authenticators: []auth.Authenticator{sessions}}
	factors, err := mfa.New(nil, mfa.Config{
		Issuer: "Example", Key: key, InsecureCookie: true, Revokers: auth.Revokers{sessions}, Elevate: sessions.Elevate, SignedIn: gate,
	})
	must(err)
	passkeys, err = passkey.New(nil, factors, passkey.Config{
		RPID: "localhost", Origins: []string{base}, Name: "Example", Key: key, InsecureCookie: true, Elevate: sessions.Elevate,
		Current: func(_ context.Context, p *auth.Principal) (*auth.Principal, error) { return p, nil },
	})
	must(err)

	login := factors.Gate(sessions)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(passkeyPage))
	})
	mux.Handle("GET /passkey.js", passkey.ScriptHandler())
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) { // the password was right
		now := time.Now()
		p := &auth.Principal{Subject: r.URL.Query().Get("user"), AuthenticatedAt: now, Factors: []auth.Factor{{Kind: auth.FactorPassword, At: now}}}
		if err := login.SignIn(w, r, p); err != nil {
			problem.WriteError(w, r, err)
		}
	})
	mux.Handle("POST /logout", sessions.SignOutHandler())
	mux.Handle("GET /whoami", gate.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		words := []string{p.Subject}
		for _, f := range p.Factors {
			words = append(words, f.Kind)
		}
		_, _ = w.Write([]byte(strings.Join(words, " ")))
	})))
	mux.Handle("POST /passkeys/register/begin", gate.Handler(passkeys.RegisterBeginHandler()))
	mux.Handle("POST /passkeys/register/finish", gate.Handler(passkeys.RegisterFinishHandler()))
	mux.Handle("GET /passkeys", gate.Handler(passkeys.ListHandler()))
	mux.Handle("DELETE /passkeys/{id}", gate.Handler(passkeys.RemoveHandler()))
	mux.Handle("POST /passkeys/factor/begin", passkeys.FactorBeginHandler())
	mux.Handle("POST /passkeys/factor/finish", passkeys.FactorFinishHandler())
	mux.Handle("POST /passkeys/login/begin", passkeys.LoginBeginHandler())
	mux.Handle("POST /passkeys/login/finish", passkeys.LoginHandler(login))
	current.Store(sessions.Handler(mux))
	return base, passkeys
}

// TestPasskey uses a virtual authenticator of Chromium, by passkey.js, against the
// handlers.
func TestPasskey(t *testing.T) {
	base, passkeys := passkeySite(t)
	tab := chromium(t)
	do(t, tab, chromedp.Navigate(base), chromedp.WaitVisible("#user"))
	yes := true
	if _, err := chromedp.Call(tab, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	plug := func(o webauthn.VirtualAuthenticatorOptions) webauthn.AuthenticatorID {
		t.Helper()
		o.Protocol, o.AutomaticPresenceSimulation = webauthn.AuthenticatorProtocolCtap2, true
		added, err := chromedp.Call(tab, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &o})
		if err != nil {
			t.Fatal(err)
		}
		return added.AuthenticatorID
	}
	unplug := func(id webauthn.AuthenticatorID) {
		t.Helper()
		if _, err := chromedp.Call(tab, webauthn.RemoveVirtualAuthenticator, webauthn.RemoveVirtualAuthenticatorParams{AuthenticatorID: id}); err != nil {
			t.Fatal(err)
		}
	}
	eval := func(script, want string) {
		t.Helper()
		if got := ask(t, tab, chromedp.Evaluate[string](script, chromedp.EvalAwaitPromise)); got != want {
			t.Fatalf("%s: %q, want %q", script, got, want)
		}
	}
	phone := plug(webauthn.VirtualAuthenticatorOptions{
		Transport: webauthn.AuthenticatorTransportInternal, HasResidentKey: true, HasUserVerification: true, IsUserVerified: true,
		DefaultBackupEligibility: true, DefaultBackupState: true,
	})

	t.Run("MFA-15 a passkey is registered", func(t *testing.T) {
		eval(`able()`, "true,true")
		eval(`password("alice")`, "204")
		eval(`register("My phone")`, "201")
		eval(`register("again")`, "InvalidStateError") // the browser knows that it is there
		eval(`list().then((l) => l.map((p) => [p.name, p.backed_up, p.transports].join()).join(";"))`, "My phone,true,internal")
		eval(`whoami()`, "alice pwd hwk")
		if visible := ask(t, tab, chromedp.Evaluate[string](`document.cookie`)); visible != "" {
			t.Errorf("scripts can read %q", visible)
		}
	})
	t.Run("MFA-15 it is the second factor of a sign-in, and steps up", func(t *testing.T) {
		eval(`logout()`, "204")
		eval(`prove()`, "MFA_CHALLENGE_INVALID")
		eval(`password("alice")`, "401")
		eval(`whoami()`, "401")
		eval(`prove()`, "204")
		eval(`whoami()`, "alice pwd hwk")
		eval(`prove()`, "204")
	})
	t.Run("MFA-15 it signs in alone, past the Gate", func(t *testing.T) {
		eval(`logout()`, "204")
		eval(`login()`, "204")
		eval(`whoami()`, "alice hwk")
		list, err := passkeys.List(t.Context(), "alice")
		if err != nil || len(list) != 1 || list[0].SignCount == 0 || list[0].LastUsedAt.IsZero() || !list[0].UserVerified || !list[0].BackedUp {
			t.Errorf("%+v, %v", list, err)
		}
	})
	t.Run("MFA-15 it signs in from the suggestions of an input", func(t *testing.T) {
		eval(`logout()`, "204")
		eval(`login({ autofill: true })`, "204")
		eval(`whoami()`, "alice hwk")
		eval(`logout()`, "204")
	})
	for name, bits := range map[string]webauthn.SetResponseOverrideBitsParams{
		"a bogus signature": {IsBogusSignature: &yes}, "UV is missing": {IsBadUV: &yes}, "UP is missing": {IsBadUP: &yes},
	} {
		t.Run("MFA-15 an authenticator that lies is refused: "+name, func(t *testing.T) {
			bits.AuthenticatorID = phone
			if _, err := chromedp.Call(tab, webauthn.SetResponseOverrideBits, bits); err != nil {
				t.Fatal(err)
			}
			eval(`login()`, "PASSKEY_INVALID")
			eval(`whoami()`, "401")
			if _, err := chromedp.Call(tab, webauthn.SetResponseOverrideBits, webauthn.SetResponseOverrideBitsParams{AuthenticatorID: phone}); err != nil {
				t.Fatal(err)
			}
		})
	}
	t.Run("a person who does not verify is not signed in", func(t *testing.T) {
		if _, err := chromedp.Call(tab, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: phone, IsUserVerified: false}); err != nil {
			t.Fatal(err)
		}
		eval(`login()`, "NotAllowedError")
		if _, err := chromedp.Call(tab, webauthn.SetUserVerified, webauthn.SetUserVerifiedParams{AuthenticatorID: phone, IsUserVerified: true}); err != nil {
			t.Fatal(err)
		}
		eval(`login()`, "204")
	})
	t.Run("MFA-15 a passkey that was removed is unknown, and the browser is told", func(t *testing.T) {
		eval(`list().then((l) => remove(l[0].id))`, "204")
		eval(`logout()`, "204")
		eval(`login()`, "PASSKEY_UNKNOWN")
		left, err := chromedp.Call(tab, webauthn.GetCredentials, webauthn.GetCredentialsParams{AuthenticatorID: phone})
		if err != nil {
			t.Fatal(err)
		}
		if n := len(left.Credentials); n != 0 {
			t.Errorf("%d passkeys are left on the authenticator", n)
		}
		eval(`password("alice")`, "204") // no factor any more
	})
	t.Run("MFA-15 a security key without a PIN is a second factor, and no login", func(t *testing.T) {
		unplug(phone)
		plug(webauthn.VirtualAuthenticatorOptions{Transport: webauthn.AuthenticatorTransportUsb})
		eval(`register("Key")`, "201")
		eval(`logout()`, "204")
		eval(`password("alice")`, "401")
		eval(`prove()`, "204")
		eval(`whoami()`, "alice pwd hwk")
		eval(`logout()`, "204")
		if got := ask(t, tab, chromedp.Evaluate[string](`cancelled()`, chromedp.EvalAwaitPromise)); got == "204" {
			t.Error("it has signed in alone")
		}
	})
}
