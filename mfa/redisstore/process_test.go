package redisstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/mfa/redisstore"
	"github.com/go-sallyport/auth/password/throttle"
)

// childEnv tells the test binary to be a process that submits codes: the address of
// Redis, the time, a code, a recovery code and how often, separated by spaces.
const childEnv = "SALLYPORT_MFA_REDISSTORE_CHILD"

func TestMain(m *testing.M) {
	if job := os.Getenv(childEnv); job != "" {
		if err := child(job); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child submits a code and a recovery code many times at once, when its parent says
// so, and prints how often each was accepted.
func child(job string) error {
	var addr, code, recovery string
	var at int64
	var n int
	if _, err := fmt.Sscan(job, &addr, &at, &code, &recovery, &n); err != nil {
		return err
	}
	c := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true, PoolSize: 16})
	defer c.Close()
	cfg := redisstore.Config{Timeout: 20 * time.Second, SkipDurabilityCheck: true}
	s, err := redisstore.New(c, cfg)
	if err != nil {
		return err
	}
	ctx := context.Background()
	f, err := redisstore.NewFactorStore(ctx, c, cfg)
	if err != nil {
		return err
	}
	m, err := newManager(mfa.Split{FactorStore: f, ChallengeStore: s, DeviceStore: s}, time.Unix(at, 0))
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, "ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	var mu sync.Mutex
	var codes, recoveries int
	var failed error
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			err := m.Verify(ctx, subject, code)
			_, err2 := m.Recover(ctx, subject, recovery)
			mu.Lock()
			defer mu.Unlock()
			for _, one := range []struct {
				err   error
				count *int
			}{{err, &codes}, {err2, &recoveries}} {
				switch {
				case one.err == nil:
					*one.count++
				case !errors.Is(one.err, mfa.ErrCode):
					failed = one.err
				}
			}
		})
	}
	wg.Wait()
	fmt.Fprintln(os.Stdout, codes, recoveries)
	return failed
}

const subject = "u-alice"

// unlimited admits every attempt: what is tested is the store.
type unlimited struct{ throttle.Store }

func (unlimited) Take(context.Context, throttle.Key, throttle.Rule) (throttle.Count, error) {
	return throttle.Count{Admitted: true, Ticket: 1}, nil
}
func (unlimited) Forgive(context.Context, throttle.Key, throttle.Ticket) error { return nil }
func (unlimited) Cancel(context.Context, throttle.Key, throttle.Ticket) error  { return nil }

func newManager(s mfa.Store, at time.Time) (*mfa.Manager, error) {
	return mfa.New(s, mfa.Config{
		Issuer: "Example", Key: []byte("0123456789abcdef0123456789ABCDEF"), Throttle: unlimited{}, Now: func() time.Time { return at },
	})
}

// A process is a child, seen from its parent.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startChild(t *testing.T, job ...any) *process {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+strings.TrimSpace(fmt.Sprintln(job...)))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	p := &process{t, cmd, in, bufio.NewReader(out)}
	if line, err := p.out.ReadString('\n'); line != "ready\n" {
		t.Fatalf("the child is not ready: %q, %v", line, err)
	}
	return p
}

func (p *process) begin() {
	p.t.Helper()
	_, err := io.WriteString(p.in, "go\n")
	must(p.t, err)
}

// accepted is how often the child was, when it has ended.
func (p *process) accepted() (codes, recoveries int) {
	p.t.Helper()
	_, err := fmt.Fscan(p.out, &codes, &recoveries)
	must(p.t, err)
	must(p.t, p.cmd.Wait())
	return codes, recoveries
}

func TestProcesses(t *testing.T) {
	// enrolled is a server with a user, who has a code and recovery codes.
	enrolled := func(t *testing.T) (server *redistest.Server, s mfa.Split, at time.Time, code string, recovery []string) {
		t.Helper()
		server = redistest.Start(t)
		s = newStore(t, server.Client(), redisstore.Config{Timeout: 20 * time.Second})
		at = time.Unix(time.Now().Unix(), 0)
		m, err := newManager(s, at)
		must(t, err)
		p := &auth.Principal{Subject: subject, Method: auth.MethodSession, CredentialID: "c", AuthenticatedAt: at}
		e, err := m.Enrol(t.Context(), p)
		must(t, err)
		first, err := totp.GenerateCode(e.Secret, at)
		must(t, err)
		recovery, err = m.Confirm(t.Context(), p, first)
		must(t, err)
		at = at.Add(time.Minute)
		code, err = totp.GenerateCode(e.Secret, at)
		must(t, err)
		return server, s, at, code, recovery
	}
	t.Run("MFA-03 MFA-09 M01 M10 of 200 submissions from two processes one succeeds, of each kind", func(t *testing.T) {
		server, s, at, code, recovery := enrolled(t)
		a := startChild(t, server.Addr(), at.Unix(), code, recovery[0], 100)
		b := startChild(t, server.Addr(), at.Unix(), code, recovery[0], 100)
		a.begin()
		b.begin()
		codes, recoveries := a.accepted()
		codes2, recoveries2 := b.accepted()
		if codes+codes2 != 1 || recoveries+recoveries2 != 1 {
			t.Errorf("%d codes and %d recovery codes were accepted", codes+codes2, recoveries+recoveries2)
		}
		if st, err := s.Find(t.Context(), subject); err != nil || st.CodesLeft != len(recovery)-1 {
			t.Errorf("%d recovery codes are left, %v", st.CodesLeft, err)
		}
	})
	t.Run("F14 I3 a process that is killed in the midst leaves each code used once or not", func(t *testing.T) {
		for round := range 4 {
			server, s, at, code, recovery := enrolled(t)
			p := startChild(t, server.Addr(), at.Unix(), code, recovery[0], 100)
			p.begin()
			<-time.After(time.Duration(round*2) * time.Millisecond)
			must(t, p.cmd.Process.Kill())
			_, _ = io.Copy(io.Discard, p.out)
			_ = p.cmd.Wait()
			m, err := newManager(s, at)
			must(t, err)
			before, err := s.Find(t.Context(), subject)
			must(t, err)
			spent := before.TOTP.Step == uint64(at.Unix()/30)
			if err := m.Verify(t.Context(), subject, code); spent != errors.Is(err, mfa.ErrCode) || !spent && err != nil {
				t.Errorf("the code was spent: %v, and then %v", spent, err)
			}
			spent = before.CodesLeft == len(recovery)-1
			if _, err := m.Recover(t.Context(), subject, recovery[0]); spent != errors.Is(err, mfa.ErrCode) || !spent && err != nil {
				t.Errorf("the recovery code was spent: %v, and then %v", spent, err)
			}
			for range 3 {
				if err := m.Verify(t.Context(), subject, code); !errors.Is(err, mfa.ErrCode) {
					t.Errorf("the code again: %v", err)
				}
			}
		}
	})
	t.Run("F27 a process that stood still accepts nothing that was used meanwhile", func(t *testing.T) {
		server, s, at, code, recovery := enrolled(t)
		p := startChild(t, server.Addr(), at.Unix(), code, recovery[0], 50)
		must(t, p.cmd.Process.Signal(syscall.SIGSTOP))
		p.begin()
		m, err := newManager(s, at)
		must(t, err)
		must(t, m.Verify(t.Context(), subject, code))
		_, err = m.Recover(t.Context(), subject, recovery[0])
		must(t, err)
		must(t, p.cmd.Process.Signal(syscall.SIGCONT))
		if codes, recoveries := p.accepted(); codes != 0 || recoveries != 0 {
			t.Errorf("%d codes and %d recovery codes were accepted", codes, recoveries)
		}
	})
}
