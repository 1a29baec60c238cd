package testkit_test

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/internal/testkit/faketb"
)

func ExampleAs() {
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		fmt.Fprintf(w, "hello %s", p.Subject)
	})
	w := httptest.NewRecorder()
	hello.ServeHTTP(w, testkit.As(httptest.NewRequest("GET", "/", nil), &auth.Principal{Subject: "alice"}))
	fmt.Println(w.Body)
	// Output: hello alice
}

func ExampleClock() {
	clock := testkit.NewClock(time.Date(2026, time.January, 1, 23, 59, 0, 0, time.UTC))
	clock.Advance(2 * time.Minute)
	fmt.Println(clock.Now().Format(time.DateTime))
	// Output: 2026-01-02 00:01:00
}

func ExampleBrowser() {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "__Host-session", Value: "s1", Path: "/", Secure: true})
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		_, err := r.Cookie("__Host-session")
		fmt.Fprintf(w, "signed in: %v", err == nil)
	})
	faketb.Run("TestLogin", func(t testing.TB) { // in a test, t is there already
		b := testkit.NewBrowser(t, mux)
		resp := b.Post("/login", nil)
		fmt.Println(resp.StatusCode, b.Cookie("__Host-session").Value)
		fmt.Println(b.Follow(resp).Body)
		fmt.Println(b.Another(t).Get("/").Body)
	})
	// Output:
	// 303 s1
	// signed in: true
	// signed in: false
}

func ExampleCanary() {
	login := func(log *slog.Logger, user, password string) {
		credentials := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
		log.Warn("login failed", "header", "Basic "+credentials)
	}
	r := faketb.Run("TestLogin", func(t testing.TB) {
		canary := testkit.NewCanary(t)
		login(canary.Logger(), "alice", canary.Secret("password of alice"))
	})
	for _, line := range r.Log {
		_, line, _ = strings.Cut(line, "canary: ")
		line, _, _ = strings.Cut(line, ":")
		fmt.Println(line)
	}
	// Output:
	// password of alice (base64) in log as text
	// password of alice (base64) in log as JSON
}
