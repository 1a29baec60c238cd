package account_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/problem"
)

var errMailDown = errors.New("421 try later")

// An outboxRig records the events of an Outbox.
type outboxRig struct {
	*account.Outbox
	mu     sync.Mutex
	events []auth.Event
}

func newOutbox(t *testing.T, mailer account.MailerFunc, cfg account.OutboxConfig) *outboxRig {
	t.Helper()
	rig := &outboxRig{}
	cfg.OnEvent = func(_ context.Context, e auth.Event) {
		rig.mu.Lock()
		defer rig.mu.Unlock()
		rig.events = append(rig.events, e)
	}
	o, err := account.NewOutbox(mailer, cfg)
	if err != nil {
		t.Fatal(err)
	}
	rig.Outbox = o
	return rig
}

// kinds are those of the events, counted: "mail.failed 1, mail.sent 2".
func (r *outboxRig) kinds() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	counts := map[auth.EventKind]int{}
	for _, e := range r.events {
		counts[e.Kind]++
	}
	var list []string
	for kind, n := range counts {
		list = append(list, fmt.Sprint(kind, " ", n))
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

func (r *outboxRig) wantKinds(t *testing.T, want string) {
	t.Helper()
	if got := r.kinds(); got != want {
		t.Errorf("events: %s; want %s", got, want)
	}
}

func mailJob(messages ...account.Message) account.Job {
	return func(context.Context) ([]account.Message, error) { return messages, nil }
}

func toReset(to string) account.Message {
	return account.Message{Kind: account.MessageReset, To: to, Token: "secret-token-" + to, Link: "https://shop.example/reset#secret-token-" + to}
}

// pass lets time pass in a bubble, and all be done by then.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func closeOutbox(t *testing.T, o *outboxRig, within time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	return o.Close(ctx)
}

func TestOutbox(t *testing.T) {
	t.Run("RST-01 F28 an answer does not wait for the mail server", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var sent atomic.Int64
			o := newOutbox(t, func(context.Context, account.Message) error {
				<-time.After(2 * time.Second)
				sent.Add(1)
				return nil
			}, account.OutboxConfig{Workers: 1})
			begin := time.Now()
			for i := range 50 {
				if !o.Enqueue(t.Context(), mailJob(toReset(fmt.Sprint(i, "@example.com")))) {
					t.Fatal("a job was dropped")
				}
			}
			if took := time.Since(begin); took != 0 {
				t.Errorf("the answers took %s", took)
			}
			if err := o.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(begin); sent.Load() != 50 || took != 100*time.Second {
				t.Errorf("%d sent in %s", sent.Load(), took)
			}
			o.wantKinds(t, "mail.sent 50")
		})
	})

	t.Run("RST-01 a job, its look-up too, runs after the request has ended", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			type key struct{}
			got := make(chan any, 3)
			o := newOutbox(t, func(ctx context.Context, _ account.Message) error {
				got <- ctx.Err()
				return nil
			}, account.OutboxConfig{})
			ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "trace"), time.Second)
			cancel()
			o.Enqueue(ctx, func(ctx context.Context) ([]account.Message, error) {
				got <- ctx.Value(key{})
				got <- ctx.Err()
				return []account.Message{{}}, nil
			})
			if err := closeOutbox(t, o, time.Minute); err != nil {
				t.Fatal(err)
			}
			if a, b, c := <-got, <-got, <-got; a != "trace" || b != nil || c != nil {
				t.Error(a, b, c)
			}
		})
	})

	t.Run("F28 a full queue drops, counts and tells, and forgets nothing that it took", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			o := newOutbox(t, func(context.Context, account.Message) error { <-release; return nil }, account.OutboxConfig{Workers: 1, Queue: 3})
			taken := 0
			for range 10 {
				if o.Enqueue(t.Context(), mailJob(toReset("a@example.com"))) {
					taken++
				}
			}
			synctest.Wait()
			if taken != 3 || o.Dropped() != 7 {
				t.Errorf("%d taken, %d dropped", taken, o.Dropped())
			}
			o.wantKinds(t, "mail.dropped 7")
			if !errors.Is(o.events[0].Err, account.ErrOutboxFull) {
				t.Error(o.events[0].Err)
			}
			close(release)
			synctest.Wait()
			if !o.Enqueue(t.Context(), mailJob()) {
				t.Error("there is room again")
			}
			if err := closeOutbox(t, o, time.Minute); err != nil {
				t.Error(err)
			}
			o.wantKinds(t, "mail.dropped 7, mail.sent 3")
		})
	})

	for _, c := range []struct{ most, second, third, fourth, fifth time.Duration }{
		{5000, 2000, 4000, 5000, 5000}, {1900, 1900, 1900, 1900, 1900}, {100_000, 2000, 4000, 8000, 16_000},
	} {
		t.Run(fmt.Sprintf("F28 what fails is tried again, with pauses that grow up to %d ms, so often and no more", c.most), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var at []time.Time
				o := newOutbox(t, func(context.Context, account.Message) error {
					at = append(at, time.Now())
					return errMailDown
				}, account.OutboxConfig{Attempts: 6, Backoff: time.Second, MaxBackoff: c.most * time.Millisecond})
				o.Enqueue(t.Context(), mailJob(toReset("a@example.com")))
				pass(time.Hour)
				if len(at) != 6 {
					t.Fatalf("%d tries", len(at))
				}
				for i, most := range []time.Duration{1000, c.second, c.third, c.fourth, c.fifth} {
					most *= time.Millisecond
					if pause := at[i+1].Sub(at[i]); pause < most/2 || pause > most {
						t.Errorf("pause %d: %s, want %s to %s", i+1, pause, most/2, most)
					}
				}
				o.wantKinds(t, "mail.delayed 5, mail.failed 1")
				if err := closeOutbox(t, o, 0); err != nil {
					t.Errorf("what was given up is not lost by Close: %v", err)
				}
			})
		})
	}

	t.Run("what failed together does not come back together", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			at := map[string][]time.Time{}
			o := newOutbox(t, func(_ context.Context, m account.Message) error {
				mu.Lock()
				defer mu.Unlock()
				at[m.To] = append(at[m.To], time.Now())
				return errMailDown
			}, account.OutboxConfig{Workers: 100, Attempts: 2})
			for i := range 100 {
				o.Enqueue(t.Context(), mailJob(toReset(fmt.Sprint(i))))
			}
			pass(time.Minute)
			second := map[time.Time]int{}
			for _, list := range at {
				second[list[1]]++
			}
			if len(second) < 90 {
				t.Errorf("100 second tries at %d times", len(second))
			}
		})
	})

	t.Run("F28 what waits for another try holds back nobody", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var sent time.Time
			o := newOutbox(t, func(_ context.Context, m account.Message) error {
				if m.To == "greylisted" {
					return errMailDown
				}
				sent = time.Now()
				return nil
			}, account.OutboxConfig{Workers: 1})
			begin := time.Now()
			for range 20 {
				o.Enqueue(t.Context(), mailJob(toReset("greylisted")))
			}
			o.Enqueue(t.Context(), mailJob(toReset("greylisted"), toReset("a@example.com")))
			synctest.Wait()
			if !sent.Equal(begin) {
				t.Errorf("sent after %s", sent.Sub(begin))
			}
			pass(time.Hour)
		})
	})

	t.Run("ErrPermanent is not tried again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			tries := 0
			o := newOutbox(t, func(context.Context, account.Message) error {
				tries++
				return fmt.Errorf("550: %w", account.ErrPermanent)
			}, account.OutboxConfig{})
			o.Enqueue(t.Context(), mailJob(toReset("a@example.com")))
			pass(time.Hour)
			if tries != 1 {
				t.Errorf("%d tries", tries)
			}
			o.wantKinds(t, "mail.failed 1")
		})
	})

	t.Run("F13 a job that fails runs again; one that has succeeded does not, whatever its messages do", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			jobs, sends := 0, 0
			o := newOutbox(t, func(context.Context, account.Message) error {
				if sends++; sends < 3 {
					return errMailDown
				}
				return nil
			}, account.OutboxConfig{})
			o.Enqueue(t.Context(), func(context.Context) ([]account.Message, error) {
				if jobs++; jobs < 3 {
					return []account.Message{{}, {}}, errors.New("database is down")
				}
				return []account.Message{toReset("a@example.com")}, nil
			})
			pass(time.Hour)
			if jobs != 3 || sends != 3 {
				t.Errorf("%d jobs, %d sends", jobs, sends)
			}
			o.wantKinds(t, "mail.delayed 4, mail.sent 1")
		})
	})

	t.Run("each try has a deadline", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			o := newOutbox(t, func(ctx context.Context, _ account.Message) error {
				<-ctx.Done()
				return ctx.Err()
			}, account.OutboxConfig{Attempts: 1, Timeout: 7 * time.Second})
			begin := time.Now()
			o.Enqueue(t.Context(), func(ctx context.Context) ([]account.Message, error) {
				if d, ok := ctx.Deadline(); !ok || d.Sub(begin) != 7*time.Second {
					t.Errorf("the job has %s", d.Sub(begin))
				}
				return []account.Message{toReset("a@example.com")}, nil
			})
			if err := closeOutbox(t, o, time.Minute); err != nil || time.Since(begin) != 7*time.Second {
				t.Error(err, time.Since(begin))
			}
		})
	})
}

func TestOutboxPanics(t *testing.T) {
	for name, blow := range map[string]func(){
		"a panic":         func() { panic("boom") },
		"an error":        func() { panic(errors.New("boom")) },
		"an abort":        func() { panic(http.ErrAbortHandler) },
		"a nil":           func() { panic(nil) }, //nolint:govet // on purpose
		"a goroutine end": runtime.Goexit,
	} {
		t.Run("F16 F28 contained: "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sent := 0
				o := newOutbox(t, func(_ context.Context, m account.Message) error {
					if m.To == "boom" {
						blow()
					}
					sent++
					return nil
				}, account.OutboxConfig{Workers: 1, Attempts: 2})
				for range 3 {
					o.Enqueue(t.Context(), mailJob(toReset("boom")))
					o.Enqueue(t.Context(), func(context.Context) ([]account.Message, error) { blow(); return nil, nil })
					o.Enqueue(t.Context(), mailJob(toReset("a@example.com")))
				}
				if o.Enqueue(t.Context(), nil) {
					t.Error("a nil job was taken")
				}
				pass(time.Hour)
				if sent != 3 {
					t.Errorf("%d sent", sent)
				}
				o.wantKinds(t, "mail.delayed 6, mail.dropped 1, mail.failed 6, mail.sent 3")
				if err := closeOutbox(t, o, 0); err != nil {
					t.Error(err)
				}
			})
		})
	}
	t.Run("F16 a sink and a clock that panic", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			sent := 0
			send := func(context.Context, account.Message) error { sent++; return nil }
			for _, cfg := range []account.OutboxConfig{
				{OnEvent: func(context.Context, auth.Event) { panic("sink") }},
				{OnEvent: func(context.Context, auth.Event) {}, Now: func() time.Time { panic("clock") }},
			} {
				cfg.Workers, cfg.Queue = 1, 1
				o, err := account.NewOutbox(account.MailerFunc(send), cfg)
				if err != nil {
					t.Fatal(err)
				}
				o.Enqueue(t.Context(), mailJob(account.Message{}))
				o.Enqueue(t.Context(), mailJob(account.Message{})) // dropped
				if err := o.Close(t.Context()); err != nil {
					t.Error(err)
				}
			}
			if sent != 2 {
				t.Errorf("%d sent", sent)
			}
		})
	})
}

func TestOutboxClose(t *testing.T) {
	t.Run("F30 it drains, and tries at once what waits for another try", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			up := false
			o := newOutbox(t, func(context.Context, account.Message) error {
				if !up {
					return errMailDown
				}
				return nil
			}, account.OutboxConfig{Backoff: time.Hour, MaxBackoff: time.Hour})
			for range 20 {
				o.Enqueue(t.Context(), mailJob(toReset("a@example.com")))
			}
			synctest.Wait()
			up = true
			begin := time.Now()
			if err := closeOutbox(t, o, time.Second); err != nil || time.Since(begin) != 0 {
				t.Error(err, time.Since(begin))
			}
			o.wantKinds(t, "mail.delayed 20, mail.sent 20")
			if o.Enqueue(t.Context(), mailJob()) || o.Dropped() != 1 {
				t.Error("a job was taken after Close")
			}
			if last := o.events[len(o.events)-1]; !errors.Is(last.Err, account.ErrOutboxClosed) {
				t.Error(last)
			}
			if err := o.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	})

	t.Run("F30 at its deadline it stops what runs and says what was lost", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			o := newOutbox(t, func(ctx context.Context, m account.Message) error {
				if m.To == "waits" {
					return errMailDown
				}
				<-ctx.Done()
				return ctx.Err()
			}, account.OutboxConfig{Workers: 2})
			o.Enqueue(t.Context(), mailJob(toReset("waits")))
			synctest.Wait()
			for range 5 {
				o.Enqueue(t.Context(), mailJob(toReset("hangs")))
			}
			begin := time.Now()
			err := closeOutbox(t, o, 3*time.Second)
			if took := time.Since(begin); took != 3*time.Second {
				t.Errorf("Close took %s", took)
			}
			if !errors.Is(err, account.ErrUnsent) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "6 lost") {
				t.Error(err)
			}
			lost := 0
			for _, e := range o.events {
				if e.Kind == account.EventMailLost {
					lost++
				}
			}
			if lost != 6 {
				t.Errorf("%d events of losses: %s", lost, o.kinds())
			}
			if err := o.Close(context.Background()); !errors.Is(err, account.ErrUnsent) {
				t.Errorf("the second Close: %v", err)
			}
		}) // no goroutine is left, or synctest fails
	})

	t.Run("XCT-06 it does not wait for a mailer that ignores its context", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			o := newOutbox(t, func(context.Context, account.Message) error { <-release; return nil }, account.OutboxConfig{Workers: 1})
			o.Enqueue(t.Context(), mailJob(toReset("a"), toReset("b")))
			begin := time.Now()
			err := closeOutbox(t, o, time.Second)
			if took := time.Since(begin); took != 2*time.Second || err == nil || !strings.Contains(err.Error(), "2 lost") {
				t.Errorf("%v after %s", err, took)
			}
			close(release)
		})
	})

	t.Run("what was under way and went out is not lost", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			o := newOutbox(t, func(ctx context.Context, _ account.Message) error { <-ctx.Done(); return nil }, account.OutboxConfig{})
			o.Enqueue(t.Context(), mailJob(toReset("a")))
			synctest.Wait()
			if err := closeOutbox(t, o, time.Second); err != nil {
				t.Error(err)
			}
			o.wantKinds(t, "mail.sent 1")
		})
	})

	t.Run("messages of a job that ends after the deadline are lost, and that is told", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			o := newOutbox(t, func(context.Context, account.Message) error { t.Error("sent after Close"); return nil }, account.OutboxConfig{})
			o.Enqueue(t.Context(), func(ctx context.Context) ([]account.Message, error) {
				<-ctx.Done()
				return []account.Message{toReset("a"), toReset("b")}, nil
			})
			synctest.Wait()
			if err := closeOutbox(t, o, time.Second); err == nil || !strings.Contains(err.Error(), "2 lost") {
				t.Error(err)
			}
			o.wantKinds(t, "mail.lost 2")
		})
	})

	t.Run("F23 many senders and Close at once: each job is sent or refused", func(t *testing.T) {
		var tries, sent, taken, refused atomic.Int64
		o := newOutbox(t, func(context.Context, account.Message) error {
			if tries.Add(1)%3 == 0 {
				return errMailDown
			}
			sent.Add(1)
			return nil
		}, account.OutboxConfig{Queue: 100_000, Backoff: time.Microsecond, Attempts: 1000})
		var all sync.WaitGroup
		for i := range 200 {
			all.Go(func() {
				for range 20 {
					if o.Enqueue(t.Context(), mailJob(toReset("a"), toReset("b"))) {
						taken.Add(1)
					} else {
						refused.Add(1)
					}
				}
				if i == 100 {
					if err := o.Close(t.Context()); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		if err := o.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if taken.Load()+refused.Load() != 4000 || sent.Load() != 2*taken.Load() || uint64(refused.Load()) != o.Dropped() {
			t.Errorf("%d taken, %d refused, %d sent", taken.Load(), refused.Load(), sent.Load())
		}
	})
}

func TestOutboxSecrets(t *testing.T) {
	t.Run("XCT-04 PWD-15 no event quotes the secret of a message", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := toReset("a@example.com")
			down := fmt.Errorf("554 refused: looks like spam: %s", m.Link)
			o := newOutbox(t, func(_ context.Context, m account.Message) error {
				if m.To == "panic" {
					panic(m.Token)
				}
				return down
			}, account.OutboxConfig{Attempts: 2})
			bad := toReset("panic")
			o.Enqueue(t.Context(), mailJob(m, bad))
			pass(time.Hour)
			seen := 0
			for _, e := range o.events {
				if strings.Contains(fmt.Sprint(e.Err), "secret-token") || strings.Contains(fmt.Sprintf("%+v", e.LogValue()), "secret-token") {
					t.Error("an event shows the token")
				}
				if errors.Is(e.Err, down) {
					seen++
				}
				if e.Resource != string(account.MessageReset) {
					t.Errorf("resource %q", e.Resource)
				}
			}
			if seen != 2 || !errors.Is(o.events[len(o.events)-1].Err, problem.ErrPanic) && !errors.Is(o.events[len(o.events)-2].Err, problem.ErrPanic) {
				t.Errorf("the cause is not wrapped: %d of %d", seen, len(o.events))
			}
		})
	})
}

func TestNewOutbox(t *testing.T) {
	mailer := account.NewCapture(0)
	if _, err := account.NewOutbox(nil, account.OutboxConfig{}); err == nil {
		t.Error("no mailer")
	}
	for name, cfg := range map[string]account.OutboxConfig{
		"Workers":    {Workers: -1},
		"Queue":      {Queue: -1},
		"Attempts":   {Attempts: -1},
		"Backoff":    {Backoff: -1},
		"MaxBackoff": {MaxBackoff: time.Second, Backoff: time.Minute},
		"Timeout":    {Timeout: -1},
	} {
		if _, err := account.NewOutbox(mailer, cfg); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := account.NewOutbox(mailer, account.OutboxConfig{Backoff: time.Hour}); err != nil {
		t.Errorf("a long Backoff alone: %v", err)
	}
}
