package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/internal/testkit/faultproxy"
	"github.com/go-sallyport/auth/internal/testkit/loopback"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
	"github.com/go-sallyport/auth/session"
	"github.com/go-sallyport/auth/session/redisstore"
)

func TestCutConnections(t *testing.T) {
	const most = 200 // bytes before the cut
	for name, direction := range map[string]faultproxy.Direction{"command": faultproxy.Up, "reply": faultproxy.Down} {
		t.Run("F04 I1 I3 connections that are cut within a "+name+" lose and mix up nothing", func(t *testing.T) {
			t.Parallel()
			store, proxy, server := behindProxy(t, redisstore.Config{})
			direct := newStore(t, server.Client(), redisstore.Config{})
			ctx, soon := t.Context(), time.Now().Add(time.Hour)
			for n := 0; n < most; n += most / testkit.Rounds(most) {
				rec, other := subjectRecord("u-alice"), subjectRecord("u-bob")
				from, to, bob := randomID("u-alice"), randomID("u-alice"), randomID("u-bob")
				if err := direct.Create(ctx, bob, other, soon, 1); err != nil {
					t.Fatal(err)
				}
				proxy.CutAfter(direction, n)
				// What is told as done is done, and answers are those of the question.
				if err := store.Create(ctx, from, rec, soon, 1); err != nil {
					t.Fatalf("%d: Create: %v", n, err)
				}
				if got, err := store.Find(ctx, from); err != nil || got.ID != rec.ID {
					t.Fatalf("%d: Find: %v, %v", n, got, err)
				}
				if got, err := store.Find(ctx, bob); err != nil || got.ID != other.ID {
					t.Fatalf("%d: Find of another: %v, %v", n, got, err)
				}
				if err := store.Rename(ctx, from, to, rec, soon); err != nil {
					t.Fatalf("%d: Rename: %v", n, err)
				}
				if list, err := store.List(ctx, "u-alice"); err != nil || len(list) != 1 || list[0].ID != rec.ID {
					t.Fatalf("%d: List: %v, %v", n, list, err)
				}
				if err := store.Revoke(ctx, "u-alice", rec.ID); err != nil {
					t.Fatalf("%d: Revoke: %v", n, err)
				}
				for _, id := range []session.ID{from, to} {
					if _, err := direct.Find(ctx, id); !errors.Is(err, session.ErrNoSession) {
						t.Fatalf("%d: after the revocation: %v", n, err)
					}
				}
				proxy.Pass()
			}
			if proxy.Faults() == 0 {
				t.Error("no connection was cut")
			}
		})
	}
}

func TestLatency(t *testing.T) {
	t.Run("F05 I6 with slow replies every call ends in time, and there is no storm of retries", func(t *testing.T) {
		server := redistest.Start(t)
		proxy := faultproxy.New(t, server.Addr())
		client := redis.NewClient(&redis.Options{Addr: proxy.Addr(), ContextTimeoutEnabled: true})
		defer client.Close()
		const timeout = 300 * time.Millisecond
		store := newStore(t, client, redisstore.Config{Timeout: timeout})
		id, rec := randomID("u-alice"), subjectRecord("u-alice")
		if err := store.Create(t.Context(), id, rec, time.Now().Add(time.Hour), 1); err != nil {
			t.Fatal(err)
		}
		forget(t, server)
		proxy.RandomLatency(2 * timeout)
		const calls = 40
		late := make(chan error, calls)
		for range calls {
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), timeout+30*time.Second)
				defer cancel()
				_, err := store.Find(ctx, id)
				if ctx.Err() != nil {
					err = errors.New("it did not end by itself")
				} else if err == nil || failure(err) {
					err = nil
				}
				late <- err
			}()
		}
		for range calls {
			if err := <-late; err != nil {
				t.Error(err)
			}
		}
		proxy.Pass()
		for _, line := range ran(t, server) {
			var sent int
			if _, err := fmt.Sscanf(line, "hget calls=%d", &sent); err == nil && sent > 2*calls {
				t.Errorf("%d commands for %d calls", sent, calls)
			}
		}
		if _, err := store.Find(t.Context(), id); err != nil {
			t.Errorf("I8 after the fault: %v", err)
		}
	})
}

func TestBusy(t *testing.T) {
	t.Run("F11 I1 a server that runs a script for too long is a failure, and then goes on", func(t *testing.T) {
		server := redistest.Start(t)
		if !server.Real() {
			t.Log("does not apply: miniredis is never busy")
			return
		}
		client, other := server.Client(), server.Client()
		store := newStore(t, client, redisstore.Config{Timeout: 10 * time.Second})
		id, rec := randomID("u-alice"), subjectRecord("u-alice")
		if err := store.Create(t.Context(), id, rec, time.Now().Add(time.Hour), 1); err != nil {
			t.Fatal(err)
		}
		server.Config("busy-reply-threshold", "1")
		running := make(chan error, 1)
		go func() { running <- other.Eval(context.Background(), "while true do end", nil).Err() }()
		for end := time.Now().Add(30 * time.Second); ; {
			_, err := store.Find(t.Context(), id)
			if err != nil {
				if !failure(err) {
					t.Errorf("BUSY: %v, want a failure", err)
				}
				break
			}
			if time.Now().After(end) {
				t.Fatal("the server is not busy")
			}
		}
		if err := store.RevokeSubject(t.Context(), "u-alice", ""); !failure(err) {
			t.Errorf("a revocation on a server that is busy: %v, want a failure", err)
		}
		if err := client.ScriptKill(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		<-running
		if _, err := store.Find(t.Context(), id); err != nil {
			t.Errorf("I8 after the fault: %v", err)
		}
	})
	t.Run("F11 I1 a server that is loading is a failure", func(t *testing.T) {
		l, err := loopback.Listen()
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go loading(l)
		store := newStore(t, redistest.Client(t, l.Addr().String()), redisstore.Config{Timeout: 300 * time.Millisecond})
		id := randomID("u-alice")
		if _, err := store.Find(t.Context(), id); !failure(err) {
			t.Errorf("Find: %v, want a failure", err)
		}
		if err := store.Delete(t.Context(), id); !failure(err) {
			t.Errorf("Delete: %v, want a failure", err)
		}
	})
}

// loading answers all commands as a server does while it reads its file.
func loading(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			for b := make([]byte, 4096); ; {
				if _, err := c.Read(b); err != nil {
					return
				}
				if _, err := io.WriteString(c, "-LOADING Redis is loading the dataset in memory\r\n"); err != nil {
					return
				}
			}
		}()
	}
}

func TestSkew(t *testing.T) {
	server := redistest.Start(t)
	client := server.Client()
	at := func(off time.Duration) *redisstore.Store { return redisstoreAt(t, client, off) }
	t.Run("F17 five minutes between a service and Redis move no end: keys are given durations", func(t *testing.T) {
		for _, off := range []time.Duration{-5 * time.Minute, 5 * time.Minute, -time.Hour, time.Hour} {
			store, now := at(off), time.Now().Add(off)
			id := randomID("u-alice")
			if err := store.Create(t.Context(), id, subjectRecord("u-alice"), now.Add(30*time.Minute), 1); err != nil {
				t.Fatal(err)
			}
			if _, err := store.Find(t.Context(), id); err != nil {
				t.Errorf("%v: %v", off, err)
			}
			for _, ttl := range server.Keys() {
				if ttl > 30*time.Minute || ttl < 29*time.Minute {
					t.Errorf("%v: TTL %v", off, ttl)
				}
			}
			server.AssertTTL(t)
			if err := store.RevokeSubject(t.Context(), "u-alice", ""); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("F18 two processes whose clocks are 90 s apart: none revives what is over, none writes a key for ever", func(t *testing.T) {
		slow, fast := at(-45*time.Second), at(45*time.Second)
		rec := subjectRecord("u-alice")
		id := randomID("u-alice")
		// Fifteen seconds from now is a minute away for one, and over for the other.
		expiry := time.Now().Add(15 * time.Second)
		if err := slow.Create(t.Context(), id, rec, expiry, 1); err != nil {
			t.Fatal(err)
		}
		if _, err := fast.Find(t.Context(), id); !errors.Is(err, session.ErrNoSession) {
			t.Errorf("fast: %v", err)
		}
		if _, err := slow.Find(t.Context(), id); err != nil {
			t.Errorf("slow: %v", err)
		}
		for doing, err := range map[string]error{
			"Touch":  fast.Touch(t.Context(), id, rec.Seen, time.Now().Add(time.Hour)),
			"Update": fast.Update(t.Context(), id, rec, time.Now().Add(time.Hour)),
			"Rename": fast.Rename(t.Context(), id, randomID("u-alice"), rec, time.Now().Add(time.Hour)),
		} {
			if !errors.Is(err, session.ErrNoSession) {
				t.Errorf("%s by the fast clock of a session that is over by it: %v", doing, err)
			}
		}
		server.AssertTTL(t)
		// Revocation knows no clock.
		if err := fast.Revoke(t.Context(), "u-alice", rec.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := slow.Find(t.Context(), id); !errors.Is(err, session.ErrNoSession) {
			t.Errorf("after the revocation: %v", err)
		}
	})
}
