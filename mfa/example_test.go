package mfa_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/mfa"
)

// A user enables an authenticator app. From then on the Gate keeps a sign-in back
// until a code was given, and completes exactly that sign-in.
func Example() {
	key := make([]byte, 32) // of the configuration of the service
	_, _ = rand.Read(key)
	clock := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	factors, err := mfa.New(nil, mfa.Config{Issuer: "Example", Key: key, Now: func() time.Time { return clock }})
	if err != nil {
		panic(err)
	}

	// What a session.Manager or a jwtauth.Issuer does.
	sessions := auth.SignInFunc(func(w http.ResponseWriter, _ *http.Request, p *auth.Principal) error {
		fmt.Println("signed in:", p.Subject, "with", len(p.Factors), "factors")
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
	login := factors.Gate(sessions)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		p := &auth.Principal{Subject: "17", AuthenticatedAt: clock, Factors: []auth.Factor{{Kind: auth.FactorPassword, At: clock}}}
		_ = login.SignIn(w, r, p) // after the password was checked
	})
	mux.Handle("POST /mfa/challenge", factors.ChallengeHandler())
	post := func(path, body string, cookies ...*http.Cookie) *http.Response {
		r := httptest.NewRequest(http.MethodPost, "https://example.com"+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		return w.Result()
	}
	post("/login", "{}")

	ctx := context.Background()
	alice := &auth.Principal{Subject: "17", Method: auth.MethodSession, AuthenticatedAt: clock, Attributes: map[string]string{"email": "alice@example.com"}}
	enrolment, err := factors.Enrol(ctx, alice)
	if err != nil {
		panic(err)
	}
	code, _ := totp.GenerateCode(enrolment.Secret, clock) // in the app
	recovery, err := factors.Confirm(ctx, alice, code)
	if err != nil {
		panic(err)
	}
	fmt.Println(len(recovery), "recovery codes")

	clock = clock.Add(time.Minute)
	res := post("/login", "{}")
	fmt.Println(res.StatusCode)
	code, _ = totp.GenerateCode(enrolment.Secret, clock)
	post("/mfa/challenge", `{"code":"`+code+`"}`, res.Cookies()...)
	// Output:
	// signed in: 17 with 1 factors
	// 10 recovery codes
	// 401
	// signed in: 17 with 2 factors
}

// The key that seals secrets is replaced. Users who come are sealed again by
// themselves; before the old key is removed, the others are.
func ExampleManager_Reseal() {
	oldKey, newKey := make([]byte, 32), make([]byte, 32)
	_, _ = rand.Read(oldKey)
	_, _ = rand.Read(newKey)
	store, err := mfa.NewMemoryStore(mfa.MemoryConfig{})
	if err != nil {
		panic(err)
	}
	before, err := mfa.New(store, mfa.Config{Issuer: "Example", Key: oldKey})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	alice := &auth.Principal{Subject: "17", Method: auth.MethodSession, AuthenticatedAt: time.Now()}
	enrolment, err := before.Enrol(ctx, alice)
	if err != nil {
		panic(err)
	}
	code, _ := totp.GenerateCode(enrolment.Secret, time.Now())
	if _, err := before.Confirm(ctx, alice, code); err != nil {
		panic(err)
	}

	after, err := mfa.New(store, mfa.Config{Issuer: "Example", Key: newKey, OldKeys: [][]byte{oldKey}})
	if err != nil {
		panic(err)
	}
	for _, subject := range []string{"17", "18"} { // all users of the service
		done, err := after.Reseal(ctx, subject)
		fmt.Println(subject, done, err)
	}
	// Output:
	// 17 true <nil>
	// 18 false <nil>
}

// A change of password ends trusted devices and sign-ins that wait: the Manager is
// one of its Revokers.
func ExampleManager_RevokeSubject() {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	factors, err := mfa.New(nil, mfa.Config{Issuer: "Example", Key: key, TrustDevices: 30 * 24 * time.Hour})
	if err != nil {
		panic(err)
	}
	revokers := auth.Revokers{factors} // beside the sessions, in account.Config.Revokers
	fmt.Println(revokers.RevokeSubject(context.Background(), "17", ""))
	// Output: <nil>
}
