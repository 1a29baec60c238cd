package main

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
)

// A world is the site, and its clock.
type world struct {
	t     *testing.T
	base  string
	log   *buffer
	ahead atomic.Int64 // of the clock of this machine
}

func newWorld(t *testing.T) *world {
	t.Helper()
	wd := &world{t: t, log: &buffer{}}
	srv := httptest.NewUnstartedServer(nil)
	wd.base = "http://" + srv.Listener.Addr().String()
	_, port, _ := strings.Cut(srv.Listener.Addr().String(), ":")
	handler, err := newSite("http://localhost:"+port, wd.now, slog.New(slog.NewTextHandler(wd.log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	srv.Config.Handler = handler
	srv.Start()
	t.Cleanup(srv.Close)
	return wd
}

func (wd *world) now() time.Time { return time.Now().Add(time.Duration(wd.ahead.Load())) }

func (wd *world) pass(d time.Duration) { wd.ahead.Add(int64(d)) }

// code is what an authenticator app shows, after it has shown the last one.
func (wd *world) code(secret string) string {
	wd.t.Helper()
	wd.pass(30 * time.Second)
	code, err := totp.GenerateCode(secret, wd.now())
	if err != nil {
		wd.t.Fatal(err)
	}
	return code
}

// A browser is a client with cookies that stays where a redirect sends it.
type browser struct {
	*world
	client *http.Client
}

func (wd *world) browser() *browser {
	wd.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		wd.t.Fatal(err)
	}
	return &browser{wd, &http.Client{Jar: jar}}
}

// A seen page is where a request ends.
type seen struct {
	status   int
	at, body string
	header   http.Header
}

func (b *browser) do(method, path, fields string, header ...string) seen {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, strings.NewReader(fields))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return seen{status: res.StatusCode, at: res.Request.URL.Path, body: string(page), header: res.Header}
}

func (b *browser) get(path string) seen { b.t.Helper(); return b.do("GET", path, "") }

func (b *browser) post(path string, fields ...string) seen {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return b.do("POST", path, form.Encode())
}

// ends checks where a request has led, and that the page has these words.
func (b *browser) ends(s seen, status int, at string, words ...string) seen {
	b.t.Helper()
	if s.status != status || s.at != at {
		b.t.Fatalf("%d at %s, want %d at %s: %s", s.status, s.at, status, at, s.body)
	}
	for _, w := range words {
		if !strings.Contains(s.body, w) {
			b.t.Fatalf("the page does not say %q: %s", w, s.body)
		}
	}
	return s
}

func (b *browser) password(a account, returnTo string) seen {
	b.t.Helper()
	return b.post("/login", "email", a.Email, "password", a.Password, "return_to", returnTo)
}

// enable sets up an app, as somebody who has just signed in.
func (b *browser) enable() (secret string, recovery []string) {
	b.t.Helper()
	page := b.ends(b.post("/account/app/enable"), 200, "/account/app/enable", `src="data:image/png;base64,`)
	found := regexp.MustCompile(`id="secret">([A-Z2-7]+)<`).FindStringSubmatch(page.body)
	if found == nil {
		b.t.Fatal(page.body)
	}
	page = b.ends(b.post("/account/app/verify", "code", b.code(found[1])), 200, "/account/app/verify")
	for _, m := range regexp.MustCompile(`<li><code>([^<]+)</code>`).FindAllStringSubmatch(page.body, -1) {
		recovery = append(recovery, m[1])
	}
	if len(recovery) != 10 {
		b.t.Fatal(page.body)
	}
	return found[1], recovery
}

// A buffer is a log that many write and one reads.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
