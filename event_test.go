package auth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sallyport/auth"
)

func TestLogEvents(t *testing.T) {
	var out bytes.Buffer
	log := auth.LogEvents(slog.New(slog.NewTextHandler(&out, nil)))
	log.Emit(context.Background(), auth.Event{Kind: auth.EventSignIn, Subject: "u1"})
	if s := out.String(); !strings.Contains(s, "level=INFO") || !strings.Contains(s, "event.subject=u1") || strings.Contains(s, "error") {
		t.Error(s)
	}
	out.Reset()
	log.Emit(context.Background(), auth.Event{
		Kind: auth.EventRefused, Method: "jwt", CredentialID: "c1", Resource: "orders:read",
		Address: netip.MustParseAddr("192.0.2.1"), Err: errors.New("bad"),
	})
	for _, want := range []string{"level=WARN", "msg=request.refused", "event.method=jwt", "event.credential=c1", "event.resource=orders:read", "event.address=192.0.2.1", "event.error=bad", "event.at="} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in %s", want, &out)
		}
	}
}

func TestLogEventsOfAStranger(t *testing.T) {
	t.Run("XCT-04 what a stranger chose begins no line and no member of its own", func(t *testing.T) {
		const hostile = "eve\r\nlevel=INFO msg=signin event.subject=admin\u2028\"} \x1b[2J"
		for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
			"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
			"JSON": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		} {
			var out bytes.Buffer
			auth.LogEvents(slog.New(handler(&out))).Emit(context.Background(), auth.Event{
				Kind: auth.EventRefused, Subject: hostile, CredentialID: hostile, Resource: hostile, Err: errors.New(hostile),
			})
			line := out.String()
			if strings.Count(line, "\n") != 1 || strings.ContainsAny(line, "\r\x1b") || strings.Contains(line, "\nlevel=INFO") {
				t.Errorf("%s: %q", name, line)
			}
			var members map[string]any
			if name == "JSON" && (json.Unmarshal(out.Bytes(), &members) != nil || members["msg"] != "request.refused") {
				t.Errorf("%q", line)
			}
		}
	})
}

func TestEventQueue(t *testing.T) {
	t.Run("XCT-04 F29 a stuck sink does not hold up requests, and drops are counted", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			var seen []string
			q := auth.NewEventQueue(func(_ context.Context, e auth.Event) {
				<-release
				seen = append(seen, e.Subject)
			}, 3)
			q.OnEvent(context.Background(), auth.Event{Subject: "0"})
			synctest.Wait() // the sink holds the first; three more fit
			for _, s := range []string{"1", "2", "3", "4", "5"} {
				q.OnEvent(context.Background(), auth.Event{Subject: s})
			}
			if q.Dropped() != 2 {
				t.Errorf("dropped %d", q.Dropped())
			}
			close(release)
			if err := q.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(seen, ""); got != "0123" {
				t.Errorf("seen %s", got)
			}
		})
	})

	t.Run("XCT-06 Close gives up at its deadline, and later events are counted", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			q := auth.NewEventQueue(func(context.Context, auth.Event) { <-release }, 1)
			q.OnEvent(context.Background(), auth.Event{})
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			if err := q.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
			q.OnEvent(context.Background(), auth.Event{})
			if q.Dropped() != 1 {
				t.Errorf("dropped %d", q.Dropped())
			}
			close(release)
			if err := q.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
	})

	t.Run("the sink sees values but not the end of the request, and may panic", func(t *testing.T) {
		type key struct{}
		var got []any
		q := auth.NewEventQueue(func(ctx context.Context, _ auth.Event) {
			got = append(got, ctx.Value(key{}), ctx.Err())
			panic("sink")
		}, 4)
		ctx, cancel := context.WithCancel(context.WithValue(context.Background(), key{}, 7))
		cancel()
		q.OnEvent(ctx, auth.Event{})
		q.OnEvent(ctx, auth.Event{})
		if err := q.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		if len(got) != 4 || got[0] != 7 || got[1] != nil {
			t.Errorf("got %v", got)
		}
	})

	t.Run("concurrent senders and Close", func(t *testing.T) {
		var n int
		q := auth.NewEventQueue(func(context.Context, auth.Event) { n++ }, 10_000)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				for range 50 {
					q.OnEvent(context.Background(), auth.Event{})
				}
			})
		}
		_ = q.Close(context.Background())
		wg.Wait()
		if total := n + int(q.Dropped()); total != 5000 {
			t.Errorf("%d events accounted for", total)
		}
	})
}

func TestRevokers(t *testing.T) {
	var asked []string
	down := errors.New("down")
	revoker := func(name string, err error) auth.Revoker {
		return auth.RevokerFunc(func(_ context.Context, subject, except string) error {
			asked = append(asked, name+subject+except)
			return err
		})
	}
	all := auth.Revokers{revoker("a", nil), revoker("b", down), revoker("c", nil)}
	if err := all.RevokeSubject(context.Background(), "u", "x"); !errors.Is(err, down) {
		t.Errorf("a failed revocation is reported as done: %v", err)
	}
	if got := strings.Join(asked, " "); got != "aux bux cux" {
		t.Errorf("asked %s", got)
	}
	if err := (auth.Revokers{revoker("a", nil)}).RevokeSubject(context.Background(), "u", ""); err != nil {
		t.Error(err)
	}
}
