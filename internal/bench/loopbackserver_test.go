package bench

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
	"github.com/gorilla/sessions"
	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/session"
	"github.com/go-sallyport/auth/session/redisstore"
)

// What BenchmarkLoopback tells its children, and what a child says when it serves.
const (
	stackEnv = "SALLYPORT_BENCH_STACK"
	usersEnv = "SALLYPORT_BENCH_USERS"
	redisEnv = "SALLYPORT_BENCH_REDIS"
	ready    = "ready"
)

// body is what the handler behind every stack answers.
const body = `{"id":"u-alice"}`

var page = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
	w.Header()["Content-Type"] = []string{"application/json"}
	_, _ = io.WriteString(w, body)
})

// A stack guards page and signs users in: login returns the header of their
// requests.
type stack struct {
	handler http.Handler
	login   func(user int) string
}

// TestServeStack is the program that BenchmarkLoopback starts; by itself it does
// nothing.
func TestServeStack(t *testing.T) {
	name := os.Getenv(stackEnv)
	if name == "" {
		return
	}
	users, err := strconv.Atoi(os.Getenv(usersEnv))
	if err != nil {
		t.Fatal(err)
	}
	var client *redis.Client
	if url := os.Getenv(redisEnv); url != "" {
		o, err := redis.ParseURL(url)
		if err != nil {
			t.Fatal(err)
		}
		o.ContextTimeoutEnabled = true
		client = redis.NewClient(o)
	}
	s := newStack(t, name, client)
	out := bufio.NewWriter(os.Stdout)
	before := kept(t, client)
	for i := range users {
		_, _ = fmt.Fprintln(out, "header", s.login(i))
	}
	_, _ = fmt.Fprintln(out, "bytes", (kept(t, client)-before)/float64(users))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = fmt.Fprintf(out, "addr %s\n%s\n", l.Addr(), ready)
	if err := out.Flush(); err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: s.handler, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }()
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = server.Close()
}

// kept is how many bytes this process and Redis hold.
func kept(t *testing.T, client *redis.Client) float64 {
	t.Helper()
	runtime.GC()
	runtime.GC() // what finalizers let go of
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	bytes := float64(m.HeapAlloc)
	if client == nil {
		return bytes
	}
	for line := range strings.Lines(client.Info(t.Context(), "memory").Val()) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "used_memory:"); ok {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatal(err)
			}
			bytes += n
		}
	}
	return bytes
}

func newStack(t *testing.T, name string, client *redis.Client) stack {
	t.Helper()
	switch name {
	case "floor-bearer", "floor-cookie":
		return stack{page, func(int) string { return "X-Unused: 1" }}
	case "bare-get":
		return bareGetStack(t, client)
	case "limit-memory":
		return limitStack()
	case "sallyport-memory":
		return sallyportStack(t, nil)
	case "sallyport-redis":
		store, err := redisstore.New(client, redisstore.Config{})
		if err != nil {
			t.Fatal(err)
		}
		return sallyportStack(t, store)
	case "scs-memory":
		return scsStack(memstore.NewWithCleanupInterval(0))
	case "scs-redis":
		return scsStack(goredisstore.New(client))
	case "gorilla-cookie":
		return gorillaStack()
	}
	i := strings.LastIndex(name, "-")
	who, alg := name[:i], name[i+1:]
	for _, s := range signers(t) {
		if strings.EqualFold(s.method.Alg(), alg) {
			return stack{s.gates(t, page)[who], func(user int) string { return "Authorization: Bearer " + s.token(t, "u-"+strconv.Itoa(user)) }}
		}
	}
	t.Fatalf("there is no stack %q", name)
	return stack{}
}

// cookieOf serves a login and returns the header of later requests.
func cookieOf(h http.Handler) string {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "https://shop.example/login", nil))
	cookie, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
	return "Cookie: " + cookie
}

func sallyportStack(t *testing.T, store session.Store) stack {
	t.Helper()
	m, err := session.New(store, session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return stack{m.Handler(auth.Require(m)(page)), func(user int) string {
		return cookieOf(m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			p := principal()
			p.Subject = "u-" + strconv.Itoa(user)
			if err := m.Begin(r.Context(), p); err != nil {
				t.Error(err)
			}
		})))
	}}
}

func scsStack(store scs.Store) stack {
	m := scs.New()
	m.Store = store
	return stack{
		m.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, ok := m.Get(r.Context(), "user").(user); !ok {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			page(w, r)
		})),
		func(number int) string {
			u := peerUser()
			u.Subject = "u-" + strconv.Itoa(number)
			return cookieOf(m.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { m.Put(r.Context(), "user", u) })))
		},
	}
}

func gorillaStack() stack {
	store := sessions.NewCookieStore([]byte("0123456789abcdef0123456789abcdef"))
	return stack{
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s, err := store.Get(r, "session")
			if _, ok := s.Values["user"].(user); !ok || err != nil {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			page(w, r)
		}),
		func(number int) string {
			u := peerUser()
			u.Subject = "u-" + strconv.Itoa(number)
			return cookieOf(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				s, _ := store.Get(r, "session") // there is none
				s.Values["user"] = u
				_ = s.Save(r, w)
			}))
		},
	}
}

// limitStack is the cookie, the hash of its token, a map and a context.
func limitStack() stack {
	l := newMinimum()
	return stack{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { page(w, l.load(r)) }), func(user int) string {
		return "Cookie: session=" + l.add(user)
	}}
}

// bareGetStack reads as many bytes from Redis as a session of ours has, for each request,
// of the key that its cookie names.
func bareGetStack(t *testing.T, client *redis.Client) stack {
	t.Helper()
	value := strings.Repeat("v", 200)
	return stack{
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if got, err := client.Get(r.Context(), "plain").Bytes(); err != nil || len(got) != len(value) {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			page(w, r)
		}),
		func(int) string {
			if err := client.Set(t.Context(), "plain", value, time.Hour).Err(); err != nil {
				t.Error(err)
			}
			return "X-Unused: 1"
		},
	}
}
