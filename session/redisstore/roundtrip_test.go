package redisstore_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
	"github.com/go-sallyport/auth/session"
	"github.com/go-sallyport/auth/session/redisstore"
)

// A tally is a hook of a client that notes its round trips: a command is one, and
// so is a pipeline.
type tally struct {
	mu    sync.Mutex
	trips []string
}

func (h *tally) note(cmds ...redis.Cmder) {
	names := make([]string, 0, len(cmds))
	for _, cmd := range cmds {
		names = append(names, cmd.Name())
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.trips = append(h.trips, strings.Join(names, "+"))
}

// since returns the round trips since it was last asked.
func (h *tally) since() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	trips := h.trips
	h.trips = nil
	return trips
}

func (h *tally) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (h *tally) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		h.note(cmd)
		return next(ctx, cmd)
	}
}

func (h *tally) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		h.note(cmds...)
		return next(ctx, cmds)
	}
}

func TestRoundTrips(t *testing.T) {
	client := redistest.Start(t).Client()
	count := &tally{}
	client.AddHook(count)
	clock := authtest.NewClock(time.Now())
	cfg := session.Config{Now: clock.Now, IdleTimeout: 30 * time.Minute, TouchEvery: 3 * time.Minute}
	m, err := session.New(newStore(t, client, redisstore.Config{Now: clock.Now}), cfg)
	if err != nil {
		t.Fatal(err)
	}
	cookie := ""
	serve := func(h http.HandlerFunc) []string {
		t.Helper()
		w, r := httptest.NewRecorder(), request(cookie)
		count.since()
		m.Handler(h).ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
		if c, _, ok := strings.Cut(w.Header().Get("Set-Cookie"), ";"); ok {
			cookie = c
		}
		return count.since()
	}
	signIn := func(_ http.ResponseWriter, r *http.Request) {
		if err := m.Begin(r.Context(), &auth.Principal{Subject: "u-alice"}); err != nil {
			t.Error(err)
		}
		m.SCS().Put(r.Context(), "cart", 3)
	}
	protected := auth.Require(m)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		p, ok := auth.FromContext(r.Context())
		if !ok || p.Subject != "u-alice" || m.SCS().GetInt(r.Context(), "cart") != 3 {
			t.Errorf("%v, %v", p, m.SCS().Keys(r.Context()))
		}
		// However often it is asked for.
		if _, err := m.Authenticate(r); err != nil {
			t.Error(err)
		}
	})).ServeHTTP
	serve(signIn)
	serve(signIn) // the scripts are known to the server from here on

	t.Run("SES-09 an authenticated read-only request with an idle timeout is one round trip", func(t *testing.T) {
		for range 10 {
			if trips := serve(protected); !slices.Equal(trips, []string{"hget"}) {
				t.Fatalf("round trips %q", trips)
			}
			clock.Advance(17 * time.Second)
		}
	})
	t.Run("SES-09 the use is noted once in TouchEvery, in one round trip more", func(t *testing.T) {
		serve(protected)
		clock.Advance(cfg.TouchEvery)
		serve(protected) // the script of Touch becomes known
		for range 3 {
			clock.Advance(cfg.TouchEvery)
			if trips := serve(protected); !slices.Equal(trips, []string{"hget", "evalsha"}) {
				t.Fatalf("round trips %q", trips)
			}
			if trips := serve(protected); !slices.Equal(trips, []string{"hget"}) {
				t.Fatalf("round trips %q, though its use was just noted", trips)
			}
		}
	})
	t.Run("a request that does not ask for its session is none", func(t *testing.T) {
		if trips := serve(func(http.ResponseWriter, *http.Request) {}); len(trips) > 0 {
			t.Fatalf("round trips %q", trips)
		}
	})
	t.Run("SES-15 a visitor without a cookie is none", func(t *testing.T) {
		cookie = ""
		if trips := serve(func(_ http.ResponseWriter, r *http.Request) {
			if _, err := m.Authenticate(r); err == nil {
				t.Error("somebody is signed in")
			}
		}); len(trips) > 0 {
			t.Fatalf("round trips %q", trips)
		}
	})
	t.Run("a request that changes a value is two", func(t *testing.T) {
		serve(signIn)
		change := func(_ http.ResponseWriter, r *http.Request) { m.SCS().Put(r.Context(), "cart", 4) }
		serve(change)
		if trips := serve(change); !slices.Equal(trips, []string{"hget", "evalsha"}) {
			t.Fatalf("round trips %q", trips)
		}
	})
}
