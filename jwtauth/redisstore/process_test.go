package redisstore_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
	"github.com/go-sallyport/auth/jwtauth"
	"github.com/go-sallyport/auth/jwtauth/redisstore"
	"github.com/go-sallyport/auth/problem"
)

// childEnv tells the test binary to be a process that refreshes: the address of
// Redis, a token and how often, separated by spaces.
const childEnv = "SALLYPORT_REDISSTORE_CHILD"

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

// child refreshes one token many times at once, when its parent says so, and
// prints each successor that it was given.
func child(job string) error {
	var addr, token string
	var n int
	if _, err := fmt.Sscan(job, &addr, &token, &n); err != nil {
		return err
	}
	c := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true, PoolSize: 16})
	defer c.Close()
	store, err := redisstore.New(c, redisstore.Config{Timeout: 20 * time.Second})
	if err != nil {
		return err
	}
	issuer, err := newIssuer(store)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, "ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return err
	}
	var mu sync.Mutex
	answers := make(map[string]int)
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			t, err := issuer.Refresh(context.Background(), token)
			for problem.From(err).Status == http.StatusServiceUnavailable { // the machine is busy
				t, err = issuer.Refresh(context.Background(), token)
			}
			answer := "refused"
			if err == nil {
				answer = t.Refresh
			}
			mu.Lock()
			defer mu.Unlock()
			answers[answer]++
		})
	}
	wg.Wait()
	for answer, count := range answers {
		fmt.Fprintln(os.Stdout, answer, count)
	}
	return nil
}

func key(b byte) []byte { h := sha256.Sum256([]byte{b}); return h[:] }

func newIssuer(store jwtauth.FamilyStore) (*jwtauth.Issuer, error) {
	k, err := jwtauth.HMACKey("k1", jwtauth.HS256, key(1))
	if err != nil {
		return nil, err
	}
	keys, err := jwtauth.NewKeySet(k)
	if err != nil {
		return nil, err
	}
	return jwtauth.NewIssuer(keys, store, jwtauth.IssuerConfig{
		Issuer: "https://auth.example.com", Audience: []string{"https://api.example.com"}, RefreshKeys: [][]byte{key(2)}, SkipCurrent: true, Grace: time.Minute,
	})
}

// A process is a child, seen from its parent.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startChild(t *testing.T, addr, token string, n int) *process {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d", childEnv, addr, token, n))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{t, cmd, in, bufio.NewReader(out)}
	if line, err := p.out.ReadString('\n'); line != "ready\n" {
		t.Fatalf("the child is not ready: %q, %v", line, err)
	}
	return p
}

func (p *process) begin() {
	p.t.Helper()
	if _, err := io.WriteString(p.in, "go\n"); err != nil {
		p.t.Fatal(err)
	}
}

// answers is what the child was given, when it has ended.
func (p *process) answers() map[string]int {
	p.t.Helper()
	text, err := io.ReadAll(p.out)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Fatal(err)
	}
	answers := make(map[string]int)
	for line := range strings.Lines(string(text)) {
		var answer string
		var n int
		if _, err := fmt.Sscan(line, &answer, &n); err != nil {
			p.t.Fatal(err)
		}
		answers[answer] = n
	}
	return answers
}

func TestProcesses(t *testing.T) {
	signIn := func(t *testing.T) (*redistest.Server, *jwtauth.Issuer, *jwtauth.Tokens) {
		t.Helper()
		server := redistest.Start(t)
		issuer, err := newIssuer(newStore(t, server.Client(), redisstore.Config{Timeout: 20 * time.Second}))
		if err != nil {
			t.Fatal(err)
		}
		tokens, err := issuer.Issue(t.Context(), &auth.Principal{Subject: "u-alice"}, jwtauth.Device{})
		if err != nil {
			t.Fatal(err)
		}
		return server, issuer, tokens
	}
	t.Run("RFT-04 R03 1000 refreshes of one token from two processes get one successor", func(t *testing.T) {
		server, issuer, tokens := signIn(t)
		a, b := startChild(t, server.Addr(), tokens.Refresh, 500), startChild(t, server.Addr(), tokens.Refresh, 500)
		a.begin()
		b.begin()
		all := a.answers()
		for answer, n := range b.answers() {
			all[answer] += n
		}
		if len(all) != 1 || all["refused"] != 0 {
			t.Fatalf("%d different answers, %d refused", len(all), all["refused"])
		}
		for token, n := range all {
			if _, err := issuer.Refresh(t.Context(), token); err != nil || n != 1000 {
				t.Errorf("%d answers, and the successor: %v", n, err)
			}
		}
	})
	t.Run("F27 a process that stood still in the midst of a refresh forks nothing", func(t *testing.T) {
		server, issuer, tokens := signIn(t)
		p := startChild(t, server.Addr(), tokens.Refresh, 50)
		p.begin()
		if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		here, err := issuer.Refresh(t.Context(), tokens.Refresh)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.cmd.Process.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		if all := p.answers(); len(all) != 1 || all[here.Refresh] != 50 {
			t.Errorf("%d different answers, %d refused", len(all), all["refused"])
		}
	})
}
