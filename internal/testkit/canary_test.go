package testkit_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/internal/testkit/faketb"
	"github.com/go-sallyport/auth/problem"
)

// hard is a secret in which every escape changes something: quotes, angle
// brackets, a space, a plus, a percent sign, non-ASCII in and beyond the BMP.
const hard = `p"4\ss <w>&+/%41=é😀'x`

func TestCanaryCatchesEveryForm(t *testing.T) {
	b64 := func(e *base64.Encoding, before, after string) func(string) string {
		return func(s string) string { return e.EncodeToString([]byte(before + s + after)) }
	}
	inJSON := func(escapeHTML bool) func(string) string {
		return func(s string) string {
			var b bytes.Buffer
			e := json.NewEncoder(&b)
			e.SetEscapeHTML(escapeHTML)
			if err := e.Encode(map[string]string{"password": s}); err != nil {
				t.Fatal(err)
			}
			return b.String()
		}
	}
	page := func(text string) func(string) string {
		tmpl := template.Must(template.New("").Parse(text))
		return func(s string) string {
			var b strings.Builder
			if err := tmpl.Execute(&b, s); err != nil {
				t.Fatal(err)
			}
			return b.String()
		}
	}
	forms := map[string]func(string) string{
		"raw":                              func(s string) string { return s },
		"hex":                              func(s string) string { return hex.EncodeToString([]byte(s)) },
		"HEX":                              func(s string) string { return fmt.Sprintf("%X", s) },
		"Go bytes":                         func(s string) string { return fmt.Sprint([]byte(s)) },
		"Go syntax of bytes":               func(s string) string { return fmt.Sprintf("%#v", []byte(s)) },
		"JSON of an array":                 func(s string) string { return strings.ReplaceAll(fmt.Sprint([]byte(s)), " ", ",") },
		"base64, padded":                   b64(base64.StdEncoding, "", ""),
		"base64, unpadded":                 b64(base64.RawStdEncoding, "", ""),
		"base64 after 1 byte":              b64(base64.StdEncoding, "x", ""),
		"base64 after 2 bytes":             b64(base64.StdEncoding, "xy", ""),
		"base64 after 3 bytes":             b64(base64.StdEncoding, "xyz", ""),
		"base64 of user:password":          b64(base64.StdEncoding, "alice:", ""),
		"base64 before 1 byte":             b64(base64.StdEncoding, "", "\xff"),
		"base64 between 1 and 1":           b64(base64.StdEncoding, "\xff", "\xff"),
		"base64 between 2 and 2":           b64(base64.StdEncoding, "\xff\xff", "\xff\xff"),
		"base64url, padded":                b64(base64.URLEncoding, "", ""),
		"base64url, unpadded":              b64(base64.RawURLEncoding, "", ""),
		"base64url after 1 byte":           b64(base64.URLEncoding, "x", ""),
		"base64url after 2 bytes":          b64(base64.RawURLEncoding, "xy", ""),
		"base64url between 2 and 1":        b64(base64.RawURLEncoding, "\xff\xff", "\xff"),
		"query":                            func(s string) string { return "a=b&password=" + url.QueryEscape(s) },
		"path":                             func(s string) string { return "/reset/" + url.PathEscape(s) },
		"form":                             func(s string) string { return url.Values{"password": {s}}.Encode() },
		"every byte in percent, lowercase": func(s string) string { return "%" + strings.Join(strings.Split(fmt.Sprintf("% x", s), " "), "%") },
		"JSON":                             inJSON(true),
		"JSON without HTML escapes":        inJSON(false),
		"JSON in JSON":                     func(s string) string { return inJSON(true)(inJSON(true)(s)) },
		"JSON in ASCII":                    strconv.QuoteToASCII,
		"JSON with surrogates":             func(s string) string { return strings.ReplaceAll(inJSON(true)(s), "😀", `\ud83d\ude00`) },
		"Go quoted":                        strconv.Quote,
		"Go bytes in hexadecimal escapes":  func(s string) string { return `\x` + strings.Join(strings.Split(fmt.Sprintf("% x", s), " "), `\x`) },
		"HTML":                             page(`<p>{{.}}</p>`),
		"HTML attribute":                   page(`<input value="{{.}}">`),
		"HTML attribute without quotes":    page(`<input value={{.}}>`),
		"HTML link":                        page(`<a href="/reset?token={{.}}">reset</a>`),
		"HTML script":                      page(`<script>var x = {{.}}</script>`),
		"URL in JSON":                      func(s string) string { return inJSON(true)("/reset?token=" + url.QueryEscape(s)) },
		"URL error": func(s string) string {
			return (&url.Error{Op: "Get", URL: "/?" + url.QueryEscape(s), Err: io.EOF}).Error()
		},
		"base64 in a URL": func(s string) string { return url.QueryEscape(b64(base64.StdEncoding, "", "")(s)) },
	}
	for _, s := range []string{hard, "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "12345678"} {
		for name, encode := range forms {
			t.Run(fmt.Sprintf("PWD-15 I7 %s of %d bytes", name, len(s)), func(t *testing.T) {
				text := encode(s)
				r := faketb.Run("TestX", func(t testing.TB) {
					c := testkit.NewCanary(t)
					c.Watch("bait", s)
					_, _ = io.WriteString(c.Writer("the log"), "something before "+text+" and after")
				})
				caught(t, r, s, "bait", "the log")
			})
		}
		t.Run("I7 something else is not caught", func(t *testing.T) {
			other := strings.Replace(s, s[1:2], "~", 1)
			r := faketb.Run("TestX", func(t testing.TB) {
				c := testkit.NewCanary(t)
				c.Watch("bait", s)
				for _, encode := range forms {
					_, _ = io.WriteString(c.Writer("the log"), encode(other)+encode(s[:len(s)-2])+encode(s[2:]))
				}
			})
			if r.Failed {
				t.Error(r.Log)
			}
		})
	}
}

// caught asserts that a run failed for one secret, and says so without saying it.
func caught(t *testing.T, r faketb.Result, secret string, mentions ...string) {
	t.Helper()
	if !r.Failed || len(r.Log) != 1 {
		t.Fatalf("not caught once: %+v", r)
	}
	for _, want := range mentions {
		if !strings.Contains(r.Log[0], want) {
			t.Errorf("%q does not mention %q", r.Log[0], want)
		}
	}
	again := faketb.Run("TestX", func(t testing.TB) {
		c := testkit.NewCanary(t)
		c.Watch("bait", secret)
		_, _ = io.WriteString(c.Writer("the message"), r.Log[0])
	})
	if again.Failed {
		t.Errorf("the message itself shows the secret: %q", r.Log[0])
	}
}

// A holder hides its secret from %v but has it.
type holder struct{ token string }

func (holder) String() string { return "holder" }

// A carrier is an error that keeps a secret in a field.
type carrier struct{ token string }

func (*carrier) Error() string { return "carrier" }

func TestCanarySinks(t *testing.T) {
	handle := func(h http.HandlerFunc) func(*testkit.Canary, string) {
		return func(c *testkit.Canary, _ string) {
			defer func() { _ = recover() }()
			c.Handler(h).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/x", nil))
		}
	}
	var s string // the secret, for handlers
	sinks := map[string]struct {
		leak func(c *testkit.Canary, s string)
		sink string
	}{
		"log message":             {func(c *testkit.Canary, s string) { c.Logger().Debug(s) }, "log as"},
		"log attribute":           {func(c *testkit.Canary, s string) { c.Logger().With("k", s).WithGroup("g").Info("x") }, "log as"},
		"log of a struct":         {func(c *testkit.Canary, s string) { c.Logger().Info("x", "v", struct{ t string }{s}) }, "log as text"},
		"log of a JSON value":     {func(c *testkit.Canary, s string) { c.Logger().Info("x", "v", jsonOnly(s)) }, "log as JSON"},
		"log of bytes":            {func(c *testkit.Canary, s string) { c.Logger().Info("x", "v", []byte(s)) }, "log as"},
		"log of the lowest level": {func(c *testkit.Canary, s string) { c.Logger().Log(context.Background(), slog.Level(-100), s) }, "log as"},
		"event subject":           {func(c *testkit.Canary, s string) { c.OnEvent(context.Background(), auth.Event{Subject: s}) }, "event"},
		"event resource":          {func(c *testkit.Canary, s string) { c.OnEvent(context.Background(), auth.Event{Resource: s}) }, "event"},
		"event error":             {func(c *testkit.Canary, s string) { c.OnEvent(context.Background(), auth.Event{Err: errors.New(s)}) }, "event"},
		"field of an event error": {func(c *testkit.Canary, s string) {
			c.OnEvent(context.Background(), auth.Event{Kind: "k", Err: fmt.Errorf("x: %w", &carrier{s})})
		}, "error of event k"},
		"error":                {func(c *testkit.Canary, s string) { _ = c.Error(errors.New(s)) }, "error"},
		"cause of an error":    {func(c *testkit.Canary, s string) { _ = c.Error(problem.Wrap(problem.Internal, errors.New(s))) }, "error"},
		"field of an error":    {func(c *testkit.Canary, s string) { _ = c.Error(fmt.Errorf("x: %w", &carrier{s})) }, "error"},
		"one of joined errors": {func(c *testkit.Canary, s string) { _ = c.Error(errors.Join(io.EOF, &carrier{s})) }, "error"},
		"writer":               {func(c *testkit.Canary, s string) { _, _ = io.WriteString(c.Writer("metrics"), s) }, "metrics"},
		"two writes": {func(c *testkit.Canary, s string) {
			w := c.Writer("metrics")
			fmt.Fprint(w, s[:9])
			fmt.Fprint(w, s[9:])
		}, "metrics"},
		"response body":         {handle(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, s) }), "response to GET /x"},
		"response body in two":  {handle(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, s[:9]); fmt.Fprint(w, s[9:]) }), "response to GET /x"},
		"response header":       {handle(func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X-Y", s); w.WriteHeader(204) }), "response to GET /x"},
		"header without a body": {handle(func(w http.ResponseWriter, r *http.Request) { w.Header().Set("X-Y", s) }), "response to GET /x"},
		"header name":           {handle(func(w http.ResponseWriter, r *http.Request) { w.Header()[s] = []string{"x"} }), "response to GET /x"},
		"early hints": {handle(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Link", s)
			w.WriteHeader(103)
			w.Header().Del("Link")
		}), "response to GET /x"},
		"header after early hints": {handle(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(103)
			w.Header().Set("X-Y", s)
			w.WriteHeader(204)
		}), "response to GET /x"},
		"header flushed early": {handle(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Y", s)
			_ = http.NewResponseController(w).Flush()
			w.Header().Del("X-Y")
		}), "response to GET /x"},
		"trailer": {handle(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "x")
			w.Header().Set(http.TrailerPrefix+"X-Y", s)
		}), "response to GET /x"},
		"announced trailer": {handle(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Trailer", "A, x-y")
			fmt.Fprint(w, "x")
			w.Header().Set("X-Y", s)
		}), "response to GET /x"},
		"problem": {handle(func(w http.ResponseWriter, r *http.Request) {
			d := problem.Details{Status: 400, Detail: s}
			d.ServeHTTP(w, r)
		}), "response to GET /x"},
		"panic":          {handle(func(http.ResponseWriter, *http.Request) { panic("x " + s) }), "panic of GET /x"},
		"panic of error": {handle(func(http.ResponseWriter, *http.Request) { panic(errors.New(s)) }), "panic of GET /x"},
	}
	for name, test := range sinks {
		t.Run("PWD-15 I7 "+name, func(t *testing.T) {
			r := faketb.Run("TestX", func(t testing.TB) {
				c := testkit.NewCanary(t)
				s = c.Secret("bait")
				test.leak(c, s)
			})
			// The log is there twice, and errors are in the records of those that
			// wrap them: the first one to tell is enough.
			if len(r.Log) > 1 && (strings.HasPrefix(test.sink, "log") || strings.HasPrefix(test.sink, "e")) {
				r.Log = r.Log[:1]
			}
			caught(t, r, s, "bait", test.sink)
		})
	}
	t.Run("I7 what hides its secret everywhere is not caught", func(t *testing.T) {
		r := faketb.Run("TestX", func(t testing.TB) {
			c := testkit.NewCanary(t)
			h := holder{c.Secret("bait")}
			_ = c.Error(fmt.Errorf("of %v", h))
			c.Logger().Info("x", "v", h)
		})
		if r.Failed {
			t.Error(r.Log)
		}
	})
	t.Run("a header set too late is not sent and not caught", func(t *testing.T) {
		r := faketb.Run("TestX", func(t testing.TB) {
			c := testkit.NewCanary(t)
			s = c.Secret("bait")
			handle(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "x"); w.Header().Set("X-Y", s) })(c, s)
		})
		if r.Failed {
			t.Error(r.Log)
		}
	})
}

// jsonOnly shows what it is to JSON alone.
type jsonOnly string

func (j jsonOnly) MarshalJSON() ([]byte, error) { return json.Marshal(string(j)) }
func (jsonOnly) MarshalText() ([]byte, error)   { return []byte("hidden"), nil }

func TestCanaryHash(t *testing.T) {
	const token = "a-reset-token-of-alice"
	sum := sha256.Sum256([]byte(token))
	for name, text := range map[string]string{
		"hex":       hex.EncodeToString(sum[:]),
		"base64":    base64.StdEncoding.EncodeToString(sum[:]),
		"base64url": base64.RawURLEncoding.EncodeToString(sum[:]),
		"numbers":   fmt.Sprint(sum),
	} {
		leak := func(watch func(c *testkit.Canary)) faketb.Result {
			return faketb.Run("TestX", func(t testing.TB) {
				c := testkit.NewCanary(t)
				watch(c)
				c.Logger().Info("x", "hash", text)
			})
		}
		if r := leak(func(c *testkit.Canary) { c.WatchHash("hash", token) }); !r.Failed {
			t.Errorf("the hash in %s is not caught", name)
		}
		if r := leak(func(c *testkit.Canary) { c.Watch("token", token) }); r.Failed {
			t.Errorf("the hash in %s is caught unasked", name)
		}
	}
}

func TestCanaryAllow(t *testing.T) {
	serve := func(c *testkit.Canary, s, method, path string) {
		h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "{%q:%q,%q}", "key", s, s) }))
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, path, nil))
	}
	tests := []struct {
		name   string
		use    func(c *testkit.Canary, s string)
		failed bool
	}{
		{"once is fine, however often in the one response", func(c *testkit.Canary, s string) {
			c.Allow("key", "POST /keys")
			serve(c, s, "POST", "/keys")
		}, false},
		{"a second response is not", func(c *testkit.Canary, s string) {
			c.Allow("key", "POST /keys")
			serve(c, s, "POST", "/keys")
			serve(c, s, "POST", "/keys")
		}, true},
		{"twice if allowed twice", func(c *testkit.Canary, s string) {
			c.Allow("key", "POST /keys")
			serve(c, s, "POST", "/keys")
			c.Check()
			serve(c, s, "POST", "/keys")
			c.Allow("key", "POST /keys")
		}, false},
		{"another method is not", func(c *testkit.Canary, s string) {
			c.Allow("key", "POST /keys")
			serve(c, s, "GET", "/keys")
		}, true},
		{"another path is not", func(c *testkit.Canary, s string) {
			c.Allow("key", "POST /keys")
			serve(c, s, "POST", "/keys/1")
		}, true},
		{"another label is not", func(c *testkit.Canary, s string) {
			c.Allow("password", "POST /keys")
			serve(c, s, "POST", "/keys")
		}, true},
		{"the log is not", func(c *testkit.Canary, s string) {
			c.Allow("key", "POST /keys")
			serve(c, s, "POST", "/keys")
			c.Logger().Info(s)
		}, true},
		{"two secrets of one label in one response are one", func(c *testkit.Canary, s string) {
			c.Allow("key", "POST /keys")
			serve(c, s+c.Secret("key"), "POST", "/keys")
		}, false},
		{"not a request", func(c *testkit.Canary, s string) { c.Allow("key", "/keys") }, true},
	}
	for _, test := range tests {
		t.Run("I7 "+test.name, func(t *testing.T) {
			r := faketb.Run("TestX", func(t testing.TB) {
				c := testkit.NewCanary(t)
				serve(c, "harmless", "GET", "/")
				test.use(c, c.Secret("key"))
			})
			if r.Failed != test.failed {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestCanaryChecksItself(t *testing.T) {
	for name, test := range map[string]struct {
		run    func(testing.TB)
		failed bool
	}{
		"no secret": {func(t testing.TB) { testkit.NewCanary(t).Logger().Info("x") }, true},
		"nothing recorded": {func(t testing.TB) {
			c := testkit.NewCanary(t)
			c.Secret("bait")
			c.Writer("w")
			_ = c.Error(nil)
		}, true},
		"a short secret":         {func(t testing.TB) { c := testkit.NewCanary(t); c.Logger().Info("x"); c.Watch("code", "1234567") }, true},
		"no secret, but skipped": {func(t testing.TB) { testkit.NewCanary(t); t.SkipNow() }, false},
		"all well":               {func(t testing.TB) { c := testkit.NewCanary(t); c.Secret("bait"); c.Logger().Info("x") }, false},
	} {
		if r := faketb.Run("TestX", test.run); r.Failed != test.failed {
			t.Errorf("%s: %+v", name, r)
		}
	}
	t.Run("a secret is reported once per record, by Check or at the end", func(t *testing.T) {
		r := faketb.Run("TestX", func(tb testing.TB) {
			c := testkit.NewCanary(tb)
			s := c.Secret("bait")
			w := c.Writer("one")
			_, _ = io.WriteString(w, s)
			c.Check()
			if !tb.Failed() {
				t.Error("Check passes")
			}
			_, _ = io.WriteString(w, s)
			_, _ = io.WriteString(c.Writer("two"), s)
		})
		if len(r.Log) != 2 || !strings.Contains(r.Log[0], "in one") || !strings.Contains(r.Log[1], "in two") {
			t.Errorf("%q", r.Log)
		}
	})
	t.Run("the message shows where, with the label in place of the secret", func(t *testing.T) {
		r := faketb.Run("TestX", func(t testing.TB) {
			c := testkit.NewCanary(t)
			fmt.Fprintf(c.Writer("one"), "%s and user=alice password=%s!", strings.Repeat("x", 99), c.Secret("bait"))
		})
		want := `canary: bait (raw) in one: "` + strings.Repeat("x", 15) + ` and user=alice password=[bait]!"`
		if len(r.Log) != 1 || r.Log[0] != want {
			t.Errorf("got  %q\nwant %q", r.Log, want)
		}
	})
	t.Run("a secret may be registered after it leaked", func(t *testing.T) {
		const s = "registered too late"
		r := faketb.Run("TestX", func(t testing.TB) {
			c := testkit.NewCanary(t)
			c.Logger().Info(s)
			c.Watch("bait", s)
		})
		if !r.Failed {
			t.Error("not caught")
		}
	})
	t.Run("a secret in the path does not get into the message", func(t *testing.T) {
		const s = "reset token & more"
		r := faketb.Run("TestX", func(t testing.TB) {
			c := testkit.NewCanary(t)
			c.Watch("bait", s)
			h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, url.QueryEscape(s), s) }))
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/"+url.PathEscape(url.PathEscape(s)), nil))
		})
		caught(t, r, s, "bait")
	})
}

func newHTTP2Browser(t testing.TB, h http.Handler) *authtest.Browser {
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return authtest.NewBrowserAt(t, s.URL, s.Client().Transport)
}

func TestCanaryHandlerThroughAServer(t *testing.T) {
	for _, open := range []func(testing.TB, http.Handler) *authtest.Browser{authtest.NewBrowser, newHTTP2Browser} {
		var proto string
		r := faketb.Run("TestX", func(t testing.TB) {
			c := testkit.NewCanary(t)
			s := c.Secret("session")
			c.Allow("session", "POST /login")
			b := open(t, c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				http.SetCookie(w, &http.Cookie{Name: "__Host-session", Value: s, Path: "/", Secure: true})
				fmt.Fprint(w, "welcome")
			})))
			resp := b.Post("/login", nil)
			if resp.Body != "welcome" || b.Cookie("__Host-session").Value != s {
				t.Errorf("got %q, %v", resp.Body, b.Cookie("__Host-session"))
			}
			b.Get("/")
			proto = resp.Proto
		})
		if len(r.Log) != 1 || !strings.Contains(r.Log[0], "canary: session (raw) in the response to GET /") {
			t.Errorf("%s: %+v", proto, r)
		}
	}
}

func TestCanaryKeepsFlushAndHijack(t *testing.T) {
	var leaked string
	r := faketb.Run("TestX", func(t testing.TB) {
		c := testkit.NewCanary(t)
		leaked = c.Secret("bait")
		mux := http.NewServeMux()
		release := make(chan struct{})
		mux.HandleFunc("/flush", func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "first")
			w.(http.Flusher).Flush()
			<-release
		})
		mux.HandleFunc("/hijack", func(w http.ResponseWriter, r *http.Request) {
			conn, buf, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			fmt.Fprintf(buf, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n%s", leaked[:9])
			_ = buf.Flush()
			fmt.Fprint(conn, leaked[9:])
		})
		s := httptest.NewServer(c.Handler(mux))
		defer s.Close()
		resp, err := s.Client().Get(s.URL + "/flush")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if _, err := io.ReadFull(resp.Body, make([]byte, 5)); err != nil {
			t.Error(err)
		}
		close(release)
		hijacked, err := s.Client().Get(s.URL + "/hijack")
		if err != nil {
			t.Fatal(err)
		}
		defer hijacked.Body.Close()
		if body, err := io.ReadAll(hijacked.Body); string(body) != leaked || err != nil {
			t.Errorf("got %d bytes, %v", len(body), err)
		}
	})
	caught(t, r, leaked, "response to GET /hijack")
}

func TestCanaryConcurrently(t *testing.T) {
	r := faketb.Run("TestX", func(t testing.TB) {
		c := testkit.NewCanary(t)
		w := c.Writer("shared")
		h := c.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "x") }))
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				s := c.Secret(strconv.Itoa(i))
				c.Logger().Info("x")
				c.OnEvent(context.Background(), auth.Event{Kind: auth.EventSignIn})
				fmt.Fprint(w, "x")
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
				if i == 100 {
					fmt.Fprint(w, s)
				}
				if i%50 == 0 {
					c.Check()
				}
			})
		}
		wg.Wait()
	})
	if len(r.Log) != 1 || !strings.Contains(r.Log[0], "canary: 100 (raw) in shared") {
		t.Errorf("%+v", r)
	}
}
