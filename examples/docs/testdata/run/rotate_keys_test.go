package rotate

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/jwtauth"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/mfa/passkey"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/oauth/oauthtest"
	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/session"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func secret() []byte {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	return key
}

func current(_ context.Context, p *auth.Principal) (*auth.Principal, error) { return p, nil }

const self, audience = "https://app.example.com", "https://api.example.com"

// Two processes do each step one after the other, and verify each other's tokens, of
// every step so far, between any two.
func TestSigning(t *testing.T) {
	for name, alg := range map[string]jwtauth.Algorithm{"ES256": jwtauth.ES256, "EdDSA": jwtauth.EdDSA} {
		t.Run(name, func(t *testing.T) {
			a, b := must(jwtauth.GenerateKey("a", alg)), must(jwtauth.GenerateKey("b", alg))
			var sets []*jwtauth.KeySet
			var issuers []*jwtauth.Issuer
			var verifiers []*jwtauth.Verifier
			refresh := secret()
			for range 2 {
				keys := must(jwtauth.NewKeySet(a))
				sets = append(sets, keys)
				issuers = append(issuers, must(jwtauth.NewIssuer(keys, nil, jwtauth.IssuerConfig{Issuer: self, Audience: []string{audience}, RefreshKeys: [][]byte{refresh}, Current: current})))
				verifiers = append(verifiers, must(jwtauth.NewVerifier(keys, jwtauth.VerifierConfig{Issuer: self, Audience: audience})))
			}
			var tokens []string
			check := func() {
				t.Helper()
				for _, i := range issuers {
					tokens = append(tokens, must(i.Issue(t.Context(), &auth.Principal{Subject: "1"}, jwtauth.Device{})).Access)
				}
				for _, v := range verifiers {
					for n, token := range tokens {
						if _, err := v.Verify(t.Context(), token); err != nil {
							t.Fatal(n, err)
						}
					}
				}
			}
			check()
			for _, step := range []func(*jwtauth.KeySet, *jwtauth.Key) error{Publish, Use} {
				for _, keys := range sets {
					if err := step(keys, b); err != nil {
						t.Fatal(err)
					}
					check()
				}
			}
			if err := Stolen(sets[0], a, must(jwtauth.GenerateKey("c", alg))); err != nil {
				t.Fatal(err)
			}
			if _, err := verifiers[0].Verify(t.Context(), tokens[0]); err == nil {
				t.Error("a token of a stolen key is good")
			}
		})
	}
}

// One store, and two processes that are one step apart at most.
func TestRefresh(t *testing.T) {
	a, b := secret(), secret()
	keys := must(jwtauth.NewKeySet(must(jwtauth.GenerateKey("k", jwtauth.ES256))))
	families := must(jwtauth.NewMemoryStore(jwtauth.MemoryConfig{}))
	issuer := func(keysOf ...[]byte) *jwtauth.Issuer {
		return must(jwtauth.NewIssuer(keys, families, jwtauth.IssuerConfig{Issuer: self, Audience: []string{audience}, RefreshKeys: keysOf, Current: current}))
	}
	steps := []*jwtauth.Issuer{issuer(a), issuer(a, b), issuer(b, a), issuer(b)}
	begin := func(i *jwtauth.Issuer) string {
		return must(i.Issue(t.Context(), &auth.Principal{Subject: "1"}, jwtauth.Device{})).Refresh
	}
	token := begin(steps[0])
	for n := 1; n < len(steps); n++ {
		for _, process := range []*jwtauth.Issuer{steps[n-1], steps[n], steps[n-1], steps[n]} {
			next, err := process.Refresh(t.Context(), token)
			if err != nil {
				t.Fatal(n, err)
			}
			token = next.Refresh
		}
	}
	if _, err := issuer(b).Refresh(t.Context(), begin(issuer(a))); err == nil {
		t.Error("a token of a key that was taken out is good")
	}
}

// The app of a user goes on through all steps, and stops where the page says so.
func TestFactors(t *testing.T) {
	a, b := secret(), secret()
	clock := time.Now()
	now := func() time.Time { return clock }
	store := must(mfa.NewMemoryStore(mfa.MemoryConfig{Now: now}))
	manager := func(key []byte, old ...[]byte) *mfa.Manager {
		return must(mfa.New(store, mfa.Config{Issuer: "Example", Key: key, OldKeys: old, Now: now}))
	}
	alice := &auth.Principal{Subject: "1", Method: auth.MethodSession, CredentialID: "s", AuthenticatedAt: clock}
	m := manager(a)
	enrolment := must(m.Enrol(t.Context(), alice))
	code := func() string {
		clock = clock.Add(time.Minute)
		return must(totp.GenerateCode(enrolment.Secret, clock))
	}
	if _, err := m.Confirm(t.Context(), alice, code()); err != nil {
		t.Fatal(err)
	}
	if err := manager(b).Verify(t.Context(), "1", code()); err == nil {
		t.Error("a secret opens without its key")
	}
	if err := manager(a, b).Verify(t.Context(), "1", code()); err != nil { // step 1
		t.Error(err)
	}
	if done, err := manager(b, a).Reseal(t.Context(), "1"); err != nil || !done { // step 2
		t.Error(done, err)
	}
	if err := manager(a, b).Verify(t.Context(), "1", code()); err != nil { // a process that is late
		t.Error(err)
	}
	if done, err := manager(b, a).Reseal(t.Context(), "1"); err != nil {
		t.Error(done, err)
	}
	if err := manager(b).Verify(t.Context(), "1", code()); err != nil { // step 3
		t.Error(err)
	}
}

// A sign-in that began before a step is completed after it.
func TestAttempts(t *testing.T) {
	a, b := secret(), secret()
	idp := oauthtest.New(t, oauthtest.Config{SkipConsent: true})
	secretNow := "wrong"
	github := must(oauth.NewGitHub(oauth.GitHubConfig{ClientID: oauthtest.ClientID, URL: idp.URL,
		Auth: oauth.ClientAuthFunc(func(ctx context.Context, r *oauth.TokenRequest) error {
			return oauth.ClientSecretPost(secretNow).Authenticate(ctx, r)
		})}))
	links := must(oauth.NewLinks(nil, oauth.LinksConfig{
		Principal: func(_ context.Context, user string, _ *oauth.Identity) (*auth.Principal, error) {
			return &auth.Principal{Subject: user}, nil
		},
		Register: func(context.Context, *oauth.Identity) (oauth.Registered, error) {
			return oauth.Registered{User: "1"}, nil
		},
	}))
	sessions := must(session.New(nil, session.Config{}))
	process := func(key []byte, old ...[]byte) http.Handler {
		flow := must(oauth.New(github, oauth.Config{RedirectURL: self + "/callback", Key: key, OldKeys: old}))
		mux := http.NewServeMux()
		mux.Handle("/start", flow.Start())
		mux.Handle("/callback", flow.Callback(links, sessions))
		return sessions.Handler(mux)
	}
	try := func(began, ended http.Handler) int {
		w := httptest.NewRecorder()
		began.ServeHTTP(w, httptest.NewRequest("GET", self+"/start", nil))
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		res := must(client.Do(must(http.NewRequestWithContext(t.Context(), "GET", w.Header().Get("Location"), http.NoBody))))
		defer res.Body.Close()
		back := must(url.Parse(res.Header.Get("Location")))
		r := httptest.NewRequest("GET", self+back.RequestURI(), nil)
		for _, c := range w.Result().Cookies() {
			r.AddCookie(c)
		}
		w = httptest.NewRecorder()
		ended.ServeHTTP(w, r)
		return w.Code
	}
	if got := try(process(a), process(a)); got != 502 {
		t.Error(got, "with a wrong client secret")
	}
	secretNow = oauthtest.ClientSecret // no process has restarted
	steps := []http.Handler{process(a), process(a, b), process(b, a), process(b)}
	for n := 1; n < len(steps); n++ {
		for _, pair := range [][2]http.Handler{{steps[n-1], steps[n]}, {steps[n], steps[n-1]}} {
			if got := try(pair[0], pair[1]); got != 303 && got != 204 {
				t.Error(n, got)
			}
		}
	}
	if got := try(steps[0], steps[3]); got != 400 {
		t.Error(got, "with a key that was taken out")
	}
}

// A device is known through all steps: after five wrong guesses of a stranger its owner
// still gets in.
func TestDevices(t *testing.T) {
	a, b := secret(), secret()
	users := must(account.NewMemoryStore(0))
	outbox := must(account.NewOutbox(account.NewCapture(10), account.OutboxConfig{}))
	defer outbox.Close(t.Context())
	sessions := must(session.New(nil, session.Config{}))
	process := func(key []byte, old ...[]byte) http.Handler {
		s := must(account.New(users, account.Config{BaseURL: self, Key: key, OldKeys: old, Outbox: outbox, SkipVerification: true}))
		if err := s.SignUp(t.Context(), account.Client{}, "alice@example.com", "correct horse battery"); err != nil {
			t.Fatal(err)
		}
		return sessions.Handler(s.Login(sessions))
	}
	login := func(h http.Handler, password string, device []*http.Cookie) *http.Response {
		r := httptest.NewRequest("POST", self+"/login", strings.NewReader(string(must(json.Marshal(map[string]string{"email": "alice@example.com", "password": password})))))
		r.Header.Set("Content-Type", "application/json")
		for _, c := range device {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Result()
	}
	first := process(a)
	var device []*http.Cookie
	deadline := time.Now().Add(10 * time.Second)
	for device == nil { // the account is made after the answer
		if res := login(first, "correct horse battery", nil); res.StatusCode == 204 {
			for _, c := range res.Cookies() {
				if c.Name != "__Host-session" {
					device = append(device, c)
				}
			}
		} else if time.Now().After(deadline) {
			t.Fatal(res.Status)
		}
	}
	for n, h := range []http.Handler{process(b, a), process(b)} { // steps 2 and 3
		for range 5 {
			_ = login(h, "a guess of a stranger", nil)
		}
		if got := login(h, "correct horse battery", nil).StatusCode; got != 429 {
			t.Fatal(n, got)
		}
		res := login(h, "correct horse battery", device)
		if want := 204; res.StatusCode != want {
			t.Error(n, res.Status)
		}
		for _, c := range res.Cookies() {
			if c.Name == device[0].Name {
				device = []*http.Cookie{c} // renewed with the key of today
			}
		}
	}
}

// A challenge of a passkey opens in both processes of a step: what is refused then is the
// signature, and not the challenge.
func TestPasskeys(t *testing.T) {
	a, b := secret(), secret()
	sessions := must(session.New(nil, session.Config{}))
	process := func(key []byte, old ...[]byte) *passkey.Manager {
		factors := must(mfa.New(nil, mfa.Config{Issuer: "Example", Key: secret()}))
		return must(passkey.New(nil, factors, passkey.Config{RPID: "app.example.com", Key: key, OldKeys: old, Current: current}))
	}
	try := func(began, ended *passkey.Manager) string {
		w := httptest.NewRecorder()
		began.LoginBeginHandler().ServeHTTP(w, httptest.NewRequest("POST", self+"/begin", nil))
		var options struct {
			State     string
			PublicKey struct{ Challenge string } `json:"publicKey"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &options); err != nil || options.State == "" {
			t.Fatal(w.Body, err)
		}
		text := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
		r := httptest.NewRequest("POST", self+"/finish", strings.NewReader(string(must(json.Marshal(map[string]string{
			"state": options.State, "id": text("an id of sixteen or more bytes"), "signature": text("signature"), "user_handle": text("handle"),
			"client_data_json":   text(`{"type":"webauthn.get","challenge":"` + options.PublicKey.Challenge + `","origin":"` + self + `"}`),
			"authenticator_data": text(strings.Repeat("x", 37)),
		})))))
		r.Header.Set("Content-Type", "application/json")
		for _, c := range w.Result().Cookies() {
			r.AddCookie(c)
		}
		w = httptest.NewRecorder()
		ended.LoginHandler(sessions).ServeHTTP(w, r)
		var answer struct{ Code string }
		_ = json.Unmarshal(w.Body.Bytes(), &answer)
		return answer.Code
	}
	steps := []*passkey.Manager{process(a), process(a, b), process(b, a), process(b)}
	for n := 1; n < len(steps); n++ {
		for _, pair := range [][2]*passkey.Manager{{steps[n-1], steps[n]}, {steps[n], steps[n-1]}} {
			if got := try(pair[0], pair[1]); got != "PASSKEY_INVALID" {
				t.Error(n, got)
			}
		}
	}
	if got := try(steps[0], steps[3]); got != "PASSKEY_CHALLENGE_INVALID" {
		t.Error(got, "with a key that was taken out")
	}
}
