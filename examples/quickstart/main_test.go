package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// A browser is a client with cookies that stays where a redirect sends it.
type browser struct {
	t      *testing.T
	client *http.Client
	base   string
}

func newBrowser(t *testing.T, base string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, &http.Client{Jar: jar}, base}
}

// do returns the status and the body of the page where the request ends, and its
// path.
func (b *browser) do(method, path string, form url.Values, header ...string) (status int, body, at string) {
	b.t.Helper()
	req, err := http.NewRequest(method, b.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Accept", "text/html")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if form != nil {
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
	return res.StatusCode, string(page), res.Request.URL.Path
}

func (b *browser) get(path string) (int, string, string) { return b.do("GET", path, nil) }

func (b *browser) post(path string, fields ...string) (int, string, string) {
	form := url.Values{}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return b.do("POST", path, form)
}

func (b *browser) signIn(a account) {
	b.t.Helper()
	if status, page, at := b.post("/login", "email", a.Email, "password", a.Password, "return_to", "/orders"); status != 200 || at != "/orders" {
		b.t.Fatalf("sign-in of %s: %d at %s: %s", a.Email, status, at, page)
	}
}

func newTestSite(t *testing.T, redisURL string) (string, *bytes.Buffer) {
	t.Helper()
	prefix := "quickstart-test-" + rand.Text() + ":"
	store, err := sessionStore(redisURL, prefix)
	if err != nil {
		t.Fatal(err)
	}
	if redisURL != "" {
		t.Cleanup(func() { forget(t, redisURL, prefix) })
	}
	var log bytes.Buffer
	site, err := newSite(store, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(site)
	t.Cleanup(srv.Close)
	return srv.URL, &log
}

// forget deletes what the test has left in a Redis that is not its own.
func forget(t *testing.T, redisURL, prefix string) {
	opts, err := redis.ParseURL(redisURL)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(opts)
	defer client.Close()
	ctx := context.Background()
	for keys := client.Scan(ctx, 0, prefix+"*", 1000).Iterator(); keys.Next(ctx); {
		if err := client.Del(ctx, keys.Val()).Err(); err != nil {
			t.Error(err)
		}
	}
}

func TestSite(t *testing.T) {
	t.Run("memory", func(t *testing.T) { testSite(t, "") })
	if url := os.Getenv("REDIS_URL"); url != "" {
		t.Run("redis", func(t *testing.T) { testSite(t, url) })
	}
}

func testSite(t *testing.T, redisURL string) {
	base, log := newTestSite(t, redisURL)
	admin, manager, customer := demoAccounts[0], demoAccounts[1], demoAccounts[2]

	t.Run("a visitor is sent to the login form and then where they wanted to go", func(t *testing.T) {
		b := newBrowser(t, base)
		if status, page, at := b.get("/"); status != 200 || at != "/" || !strings.Contains(page, "Sign in") {
			t.Errorf("%d at %s", status, at)
		}
		status, page, at := b.get("/account")
		if status != 200 || at != "/login" || !strings.Contains(page, `name="return_to" value="/account"`) {
			t.Fatalf("%d at %s: %s", status, at, page)
		}
		status, page, at = b.post("/login", "email", "Carol@Example.com", "password", customer.Password, "return_to", "/account")
		if status != 200 || at != "/account" || !strings.Contains(page, customer.Email) || !strings.Contains(page, "orders:read") {
			t.Errorf("%d at %s: %s", status, at, page)
		}
	})

	t.Run("an unknown account and a wrong password get the same answer", func(t *testing.T) {
		b := newBrowser(t, base)
		_, unknown, _ := b.post("/login", "email", "nobody@example.com", "password", "wrong")
		status, wrong, _ := b.post("/login", "email", admin.Email, "password", "wrong")
		if status != 401 || unknown != wrong || !strings.Contains(wrong, "Unknown e-mail or wrong password.") {
			t.Errorf("%d\n%s\n%s", status, unknown, wrong)
		}
		if len(b.client.Jar.Cookies(mustParse(t, base))) != 0 {
			t.Error("a failed login sets a cookie")
		}
	})

	t.Run("what a role may do is what the page offers and what the server allows", func(t *testing.T) {
		for _, tc := range []struct {
			who         account
			write, kill int
		}{{admin, 200, 200}, {manager, 200, 403}, {customer, 403, 403}} {
			keeper := newBrowser(t, base)
			keeper.signIn(admin)
			_, page, _ := keeper.post("/orders", "item", "A chair")
			id := regexp.MustCompile(`/orders/(\d+)/delete`).FindAllStringSubmatch(page, -1)
			victim := id[len(id)-1][1]

			b := newBrowser(t, base)
			b.signIn(tc.who)
			_, page, _ = b.get("/orders")
			if got := strings.Contains(page, `action="/orders"`); got != (tc.write == 200) {
				t.Errorf("%s: the form is offered: %v", tc.who.Role, got)
			}
			if got := strings.Contains(page, "/delete"); got != (tc.kill == 200) {
				t.Errorf("%s: the button is offered: %v", tc.who.Role, got)
			}
			if status, _, _ := b.post("/orders", "item", "A table"); status != tc.write {
				t.Errorf("%s writes: %d", tc.who.Role, status)
			}
			if status, _, _ := b.post("/orders/" + victim + "/delete"); status != tc.kill {
				t.Errorf("%s deletes: %d", tc.who.Role, status)
			}
		}
	})

	t.Run("sign-out ends the session on the server", func(t *testing.T) {
		b := newBrowser(t, base)
		b.signIn(customer)
		old := b.client.Jar.Cookies(mustParse(t, base))
		if status, _, at := b.post("/logout"); status != 200 || at != "/" {
			t.Errorf("%d at %s", status, at)
		}
		b.client.Jar.SetCookies(mustParse(t, base), old) // a thief's copy
		if _, _, at := b.get("/account"); at != "/login" {
			t.Errorf("the old cookie leads to %s", at)
		}
	})

	t.Run("another origin can do nothing in the visitor's name", func(t *testing.T) {
		b := newBrowser(t, base)
		b.signIn(admin)
		for _, path := range []string{"/orders", "/logout", "/login"} {
			form := url.Values{"item": {"x"}, "email": {customer.Email}, "password": {customer.Password}}
			if status, _, _ := b.do("POST", path, form, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"); status != 403 {
				t.Errorf("%s: %d", path, status)
			}
		}
		if _, page, _ := b.get("/account"); !strings.Contains(page, admin.Email) {
			t.Error("the visitor is somebody else now")
		}
	})

	t.Run("a return path to another site is not followed", func(t *testing.T) {
		b := newBrowser(t, base)
		if _, _, at := b.post("/login", "email", customer.Email, "password", customer.Password, "return_to", "//evil.example"); at != "/" {
			t.Errorf("led to %s", at)
		}
	})

	t.Run("bad input is refused in words", func(t *testing.T) {
		b := newBrowser(t, base)
		b.signIn(admin)
		if status, page, _ := b.post("/orders", "item", " "); status != 400 || !strings.Contains(page, "An order needs a name") {
			t.Errorf("%d %s", status, page)
		}
		for _, id := range []string{"0", "x", "999999999999999999999"} {
			if status, _, _ := b.post("/orders/" + id + "/delete"); status != 404 {
				t.Errorf("%s: %d", id, status)
			}
		}
		if status, page, _ := b.post("/orders", "item", "<script>alert(1)</script>"); status != 200 || strings.Contains(page, "<script>") {
			t.Errorf("%d %s", status, page)
		}
	})

	t.Run("guessing is limited, also for accounts that do not exist", func(t *testing.T) {
		for _, email := range []string{manager.Email, "dave@example.com"} {
			b := newBrowser(t, base)
			var status int
			for range 6 {
				status, _, _ = b.post("/login", "email", email, "password", "guess")
			}
			if status != 429 {
				t.Errorf("%s: %d", email, status)
			}
		}
	})

	for _, a := range demoAccounts {
		if strings.Contains(log.String(), a.Password) {
			t.Errorf("the password of %s is in the log", a.Email)
		}
	}
	if !strings.Contains(log.String(), "request.denied") || !strings.Contains(log.String(), "signin.failed") {
		t.Error("refusals are not in the log")
	}
}

// asProgram is in the environment of a test binary that is to be the program.
const asProgram = "QUICKSTART_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// program is the program in a process of its own, without another build of it.
func program(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	return cmd
}

// TestProgram starts the program as `go run` does.
func TestProgram(t *testing.T) {
	t.Run("a bad flag is an error in words", func(t *testing.T) {
		out, err := program("-redis", "http://nowhere").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "quickstart: ") {
			t.Errorf("%v %s", err, out)
		}
	})
	t.Run("it says where it is and who may enter", func(t *testing.T) {
		taken := httptest.NewServer(http.NotFoundHandler())
		addr := strings.TrimPrefix(taken.URL, "http://")
		taken.Close()
		var out bytes.Buffer
		cmd := program("-addr", addr)
		cmd.Stdout = &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var res *http.Response
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
			var err error
			if res, err = http.Get("http://" + addr + "/"); err == nil {
				break
			}
			<-time.After(20 * time.Millisecond)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if res == nil || res.StatusCode != 200 {
			t.Fatalf("no answer: %s", &out)
		}
		_ = res.Body.Close()
		for _, want := range []string{"http://" + addr, demoAccounts[0].Email, demoAccounts[2].Password} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%q is not announced: %s", want, &out)
			}
		}
	})
}

func mustParse(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}
