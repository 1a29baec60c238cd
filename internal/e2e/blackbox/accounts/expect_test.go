package accounts

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/running"
)

// denied ends the case unless a is the problem with the status and code, and gives
// nobody a credential.
func denied(t testing.TB, a *running.Answer, status int, code string) *running.Answer {
	t.Helper()
	if a.StatusCode != status || a.Code() != code {
		t.Fatalf("%s %s: %d %s, want %d %s", a.Request.Method, a.Request.URL.Path, a.StatusCode, a.Text, status, code)
	}
	if media := a.Header.Get("Content-Type"); media != "application/problem+json" {
		t.Errorf("%s %s: a problem of type %q", a.Request.Method, a.Request.URL.Path, media)
	}
	if n, _ := a.JSON("status").(float64); int(n) != status || a.String("type") == "" || a.String("title") == "" {
		t.Errorf("%s %s: %s", a.Request.Method, a.Request.URL.Path, a.Text)
	}
	if a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s %s: Cache-Control %q", a.Request.Method, a.Request.URL.Path, a.Header.Get("Cache-Control"))
	}
	retry, err := strconv.Atoi(a.Header.Get("Retry-After"))
	if wants := status == 429 || status == 503; wants != (err == nil && retry > 0) {
		t.Errorf("%s %s: %d with Retry-After %q", a.Request.Method, a.Request.URL.Path, status, a.Header.Get("Retry-After"))
	}
	noCredential(t, a)
	return a
}

// noCredential ends the case if an answer signs anybody in. The cookies of a sign-in
// that waits for its factor are none, nor is that of a known device, which says that
// the password was right there, as a 503 of the next step does.
func noCredential(t testing.TB, a *running.Answer) {
	t.Helper()
	for _, c := range a.Cookies() {
		waits := a.Code() == "MFA_REQUIRED" && c.Name == "mfa" || (a.Code() == "MFA_REQUIRED" || a.StatusCode == 503) && c.Name == "known-device"
		if c.Value != "" && !waits {
			t.Fatalf("%s %s: %d sets the cookie %s", a.Request.Method, a.Request.URL.Path, a.StatusCode, c.Name)
		}
	}
	if a.String("access_token") != "" {
		t.Fatalf("%s %s: %d has an access token", a.Request.Method, a.Request.URL.Path, a.StatusCode)
	}
}

// visible is all of an answer but the date, and the seconds of Retry-After, which go
// by.
func visible(a *running.Answer) string {
	h := a.Header.Clone()
	h.Del("Date")
	if h.Get("Retry-After") != "" {
		h.Set("Retry-After", "n")
	}
	var b strings.Builder
	b.WriteString(a.Status + "\n")
	_ = h.Write(&b) // in the order of the names; a strings.Builder takes all
	b.WriteString("\n" + a.Text)
	return b.String()
}

// members ends the case unless a body is one object with just these members.
func members(t testing.TB, a *running.Answer, at []string, want ...string) {
	t.Helper()
	m, _ := a.JSON(at...).(map[string]any)
	var have []string
	for name := range m {
		have = append(have, name)
	}
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Fatalf("%s: the members of %s%q are %q, want %q", a.Request.URL.Path, a.Text, at, have, want)
	}
}

// empty ends the case unless an answer is a status without a body.
func empty(t testing.TB, a *running.Answer, status int) *running.Answer {
	t.Helper()
	if a.StatusCode != status || a.Text != "" || a.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%s %s: %d %q, Cache-Control %q, want an empty %d", a.Request.Method, a.Request.URL.Path, a.StatusCode, a.Text, a.Header.Get("Cache-Control"), status)
	}
	return a
}

// cookie ends the case unless an answer sets the cookie with these attributes.
func cookie(t testing.TB, a *running.Answer, name, path string, site http.SameSite) *http.Cookie {
	t.Helper()
	c := a.Cookie(name)
	if c == nil || c.Value == "" {
		t.Fatalf("%s: no cookie %s in %q", a.Request.URL.Path, name, a.Header["Set-Cookie"])
	}
	if !c.HttpOnly || c.SameSite != site || c.Path != path || c.Domain != "" {
		t.Fatalf("%s: %s", a.Request.URL.Path, c.Raw)
	}
	return c
}

// outcomes counts the answers of requests that ran at once, by status.
func outcomes(answers []*running.Answer) map[int]int {
	n := make(map[int]int)
	for _, a := range answers {
		n[a.StatusCode]++
	}
	return n
}

// replace is for pages that show again what was typed.
func replace(page, typed, by string) string { return strings.ReplaceAll(page, typed, by) }

func mustURL(t testing.TB, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
