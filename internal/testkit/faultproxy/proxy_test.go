package faultproxy_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/testkit/faketb"
	"github.com/go-sallyport/auth/internal/testkit/faultproxy"
)

func start(t *testing.T) (*upstream, *faultproxy.Proxy) {
	t.Helper()
	u := newUpstream(t)
	return u, faultproxy.New(t, u.Addr().String())
}

func TestPass(t *testing.T) {
	u, p := start(t)
	a, b := dial(t, p), dial(t, p)
	a.ask("one\n")
	b.ask("two\n")
	a.ask("three\n")
	u.waitFor(t, "one\ntwo\nthree\n")
	if p.Accepted() != 2 || p.Open() != 2 {
		t.Errorf("accepted %d, open %d, want 2 and 2", p.Accepted(), p.Open())
	}
	if up, down := p.Bytes(faultproxy.Up), p.Bytes(faultproxy.Down); up != 14 || down != 14+9 {
		t.Errorf("%d bytes up, %d down, want 14 and 23", up, down)
	}
	if p.Faults() != 0 {
		t.Errorf("%d faults", p.Faults())
	}
}

func TestLargeStreamsPassUnchanged(t *testing.T) {
	_, p := start(t)
	c := dial(t, p)
	line := strings.Repeat("0123456789", 40_000) + "\n"
	go func() { _, _ = io.WriteString(c, line) }()
	c.hear("re:" + line)
}

func TestHalfClose(t *testing.T) {
	_, p := start(t)
	c := dial(t, p)
	c.say("no newline")
	if err := c.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	c.hearEnd("re:no newline")
	waitOpen(t, p, 0)
}

func TestUpstreamGone(t *testing.T) {
	u, p := start(t)
	_ = u.Close()
	dial(t, p).hearEnd("")
	if p.Open() != 0 {
		t.Errorf("%d open", p.Open())
	}
}

func TestRefuse(t *testing.T) {
	t.Run("F01 a dead server refuses new connections and closes old ones", func(t *testing.T) {
		u, p := start(t)
		c := dial(t, p)
		c.ask("before\n")
		p.Refuse()
		c.hearEnd("")
		if c, err := net.DialTimeout("tcp", p.Addr(), patience); err == nil {
			_ = c.Close()
			t.Fatal("a connection was accepted")
		}
		if p.Open() != 0 {
			t.Errorf("%d open", p.Open())
		}
		p.Refuse() // again is fine
		p.Pass()
		dial(t, p).ask("after\n")
		u.waitFor(t, "before\nafter\n")
	})
	t.Run("F01 every other verb opens the port again", func(t *testing.T) {
		_, p := start(t)
		for _, verb := range []func(){p.Stall, func() { p.Latency(0) }, func() { p.CutAfter(faultproxy.Up, 1) }, func() { p.BlackHole(faultproxy.Up) }} {
			p.Refuse()
			verb()
			dial(t, p)
		}
	})
}

func TestStall(t *testing.T) {
	t.Run("F02 a hanging server accepts and stays silent", func(t *testing.T) {
		u, p := start(t)
		old := dial(t, p)
		old.ask("before\n")
		p.Stall()
		old.say("old\n")
		old.hearNothing()
		fresh := dial(t, p)
		fresh.say("fresh\n")
		fresh.hearNothing()
		u.waitFor(t, "before\n")
	})
	t.Run("F02 what was read goes on afterwards, also for a client that gave up", func(t *testing.T) {
		u, p := start(t)
		stays, leaves := dial(t, p), dial(t, p)
		stays.ask("before\n")
		leaves.ask("too\n")
		p.Stall()
		leaves.say("late\n")
		leaves.hearNothing()
		_ = leaves.Close()
		stays.say("stayed\n")
		stays.hearNothing()
		p.Pass()
		stays.hear("re:stayed\n")
		waitOpen(t, p, 1)
		if !strings.Contains(u.seen(), "late\n") {
			t.Errorf("upstream has read %q, want the request that timed out too", u.seen())
		}
	})
	t.Run("F02 what is on its way stalls too", func(t *testing.T) {
		u, p := start(t)
		c := dial(t, p)
		p.Latency(2 * time.Hour)
		c.say("x\n")
		c.hearNothing()
		p.Stall()
		c.hearNothing()
		u.waitFor(t, "")
		p.Pass()
		c.hear("re:x\n")
	})
	t.Run("F02 the end of a connection stalls too", func(t *testing.T) {
		_, p := start(t)
		c := dial(t, p)
		c.ask("x\n")
		p.Stall()
		_ = c.Close()
		dial(t, p).hearNothing()
		if p.Open() != 2 {
			t.Errorf("%d open, want both", p.Open())
		}
		p.Pass()
		waitOpen(t, p, 1)
	})
}

func TestDropReply(t *testing.T) {
	t.Run("F03 the command is carried out, its reply is lost", func(t *testing.T) {
		u, p := start(t)
		c := dial(t, p)
		c.ask("warm\n")
		p.DropReply(2)
		c.ask("one\n")
		c.say("two\n")
		c.hearEnd("")
		u.waitFor(t, "warm\none\ntwo\n")
		if p.Faults() != 1 {
			t.Errorf("%d faults, want 1", p.Faults())
		}
		dial(t, p).ask("two\n") // a retry passes
	})
	t.Run("F03 replies are counted over all connections", func(t *testing.T) {
		_, p := start(t)
		a, b := dial(t, p), dial(t, p)
		p.DropReply(3)
		a.ask("one\n")
		b.ask("two\n")
		a.say("three\n")
		a.hearEnd("")
		b.ask("four\n")
	})
	t.Run("F03 a reply in several bursts is one reply", func(t *testing.T) {
		burst := make(chan string) // what upstream says next; "" makes it listen
		u, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer u.Close()
		go func() {
			c, err := u.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			for b := range burst {
				if b == "" {
					_, _ = c.Read(make([]byte, 99))
				}
				_, _ = io.WriteString(c, b)
			}
		}()
		defer close(burst)
		p := faultproxy.New(t, u.Addr().String())
		c := dial(t, p)
		p.DropReply(2)
		c.say("one\n")
		burst <- ""
		for _, b := range []string{"a", "b", "c", "d\n"} {
			burst <- b
			_ = c.SetReadDeadline(time.Now().Add(patience))
			if got, err := c.in.ReadByte(); err != nil || got != b[0] {
				t.Fatalf("got %q, %v, want %q", got, err, b[0])
			}
		}
		if p.Faults() != 0 {
			t.Fatal("a later burst of the first reply was taken for the second reply")
		}
		if _, err := c.in.ReadByte(); err != nil {
			t.Fatal(err)
		}
		c.say("two\n")
		burst <- ""
		burst <- "never seen\n"
		c.hearEnd("")
		if p.Faults() != 1 {
			t.Errorf("%d faults, want 1", p.Faults())
		}
	})
	t.Run("F03 the rest of a reply that has begun is not another one", func(t *testing.T) {
		_, p := start(t)
		c := dial(t, p)
		p.Drip(1, 100*time.Millisecond)
		c.say("x\n")
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if b, err := c.in.ReadByte(); b != 'r' || err != nil {
			t.Fatalf("got %q, %v", b, err)
		}
		p.DropReply(1)
		c.hear("e:x\n")
		c.say("y\n")
		c.hearEnd("")
	})
	t.Run("F03 a request of several chunks has one reply", func(t *testing.T) {
		u, p := start(t)
		c := dial(t, p)
		c.ask("warm\n")
		p.DropReply(2)
		c.say("first ")
		u.waitFor(t, "warm\nfirst ")
		c.ask2("half\n", "re:first half\n")
		c.say("second\n")
		c.hearEnd("")
	})
}

// ask2 says a line and hears an answer that is not just its echo.
func (c *client) ask2(line, want string) {
	c.t.Helper()
	c.say(line)
	c.hear(want)
}

func TestCutAfter(t *testing.T) {
	const line = "a command\n"
	const reply = "re:" + line
	for n := 0; n <= len(line); n++ {
		t.Run(fmt.Sprintf("F04 cut after %d bytes of a command", n), func(t *testing.T) {
			u, p := start(t)
			c := dial(t, p)
			p.CutAfter(faultproxy.Up, n)
			c.say(line)
			c.hearEnd("")
			u.waitFor(t, line[:n])
			if p.Faults() != 1 {
				t.Errorf("%d faults, want 1", p.Faults())
			}
		})
	}
	for n := 0; n <= len(reply); n++ {
		t.Run(fmt.Sprintf("F04 cut after %d bytes of a reply", n), func(t *testing.T) {
			u, p := start(t)
			c := dial(t, p)
			p.CutAfter(faultproxy.Down, n)
			c.say(line)
			c.hearEnd(reply[:n])
			u.waitFor(t, line)
			dial(t, p).ask("again\n")
			if p.Faults() != 1 {
				t.Errorf("%d faults, want 1", p.Faults())
			}
		})
	}
	t.Run("F04 bytes are counted over chunks and connections", func(t *testing.T) {
		_, p := start(t)
		a, b := dial(t, p), dial(t, p)
		p.CutAfter(faultproxy.Down, 3*len("re:x\n")-1)
		a.ask("x\n")
		b.ask("y\n")
		a.say("z\n")
		a.hearEnd("re:z")
		b.ask("w\n")
	})
}

func TestLatency(t *testing.T) {
	t.Run("F05 a round trip takes longer by the latency", func(t *testing.T) {
		_, p := start(t)
		c := dial(t, p)
		const d = 40 * time.Millisecond
		p.Latency(d)
		for range 3 {
			before := time.Now()
			c.ask("x\n")
			if took := time.Since(before); took < d {
				t.Errorf("took %v, want at least %v", took, d)
			}
		}
	})
	t.Run("F05 random latency varies below its limit", func(t *testing.T) {
		_, p := start(t)
		c := dial(t, p)
		const limit = 20 * time.Millisecond
		p.RandomLatency(limit)
		least, most := time.Hour, time.Duration(0)
		for range 40 {
			before := time.Now()
			c.ask("x\n")
			took := time.Since(before)
			least, most = min(least, took), max(most, took)
		}
		// Each way is uniform below half the limit: the chance that 40 round
		// trips all fall into one half of the range is far below 2^-40.
		if least > limit/2 || most < limit/2 {
			t.Errorf("40 round trips took %v to %v, want some below and some above %v", least, most, limit/2)
		}
	})
	t.Run("F05 a change of verb ends the wait", func(t *testing.T) {
		_, p := start(t)
		c := dial(t, p)
		p.Latency(time.Hour)
		c.say("x\n")
		c.hearNothing()
		p.Pass()
		c.hear("re:x\n")
	})
}

func TestBlackHole(t *testing.T) {
	t.Run("requests vanish", func(t *testing.T) {
		u, p := start(t)
		c := dial(t, p)
		c.ask("before\n")
		p.BlackHole(faultproxy.Up)
		c.say("lost\n")
		c.hearNothing()
		p.Pass()
		c.ask("after\n")
		u.waitFor(t, "before\nafter\n")
	})
	t.Run("replies vanish", func(t *testing.T) {
		u, p := start(t)
		c := dial(t, p)
		p.BlackHole(faultproxy.Down)
		c.say("lost\n")
		u.waitFor(t, "lost\n")
		c.hearNothing()
		p.Pass()
		c.ask("after\n")
	})
	t.Run("so does the end of the connection", func(t *testing.T) {
		_, p := start(t)
		c := dial(t, p)
		c.ask("x\n")
		p.BlackHole(faultproxy.Up)
		_ = c.Close()
		other := dial(t, p)
		other.hearNothing()
		if p.Open() != 2 {
			t.Errorf("%d open, want both", p.Open())
		}
		p.Pass()
		waitOpen(t, p, 1)
	})
}

func TestDrip(t *testing.T) {
	_, p := start(t)
	c := dial(t, p)
	p.Drip(3, 5*time.Millisecond)
	before := time.Now()
	c.ask("twelve chars\n") // 13 bytes up, 16 down
	if took, least := time.Since(before), (5+6)*5*time.Millisecond; took < least {
		t.Errorf("took %v, want at least %v", took, least)
	}
	p.Drip(1, time.Hour)
	c.say("x\n")
	c.hearNothing()
	p.Pass()
	c.hear("re:x\n")
}

func TestReset(t *testing.T) {
	_, p := start(t)
	c := dial(t, p)
	c.ask("x\n")
	p.Reset()
	c.hearEnd("")
	if p.Open() != 0 {
		t.Errorf("%d open", p.Open())
	}
	dial(t, p).ask("y\n")
}

func TestNonsenseEndsTheTest(t *testing.T) {
	for name, verb := range map[string]func(*faultproxy.Proxy){
		"DropReply(0)":      func(p *faultproxy.Proxy) { p.DropReply(0) },
		"CutAfter(-1)":      func(p *faultproxy.Proxy) { p.CutAfter(faultproxy.Up, -1) },
		"Drip(0)":           func(p *faultproxy.Proxy) { p.Drip(0, time.Second) },
		"Latency(-1)":       func(p *faultproxy.Proxy) { p.Latency(-1) },
		"RandomLatency(-1)": func(p *faultproxy.Proxy) { p.RandomLatency(-1) },
	} {
		r := faketb.Run(name, func(tb testing.TB) {
			verb(faultproxy.New(tb, "127.0.0.1:1"))
			tb.Log("went on")
		})
		if !r.Failed || len(r.Log) != 1 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestClose(t *testing.T) {
	t.Run("XCT-06 Close waits for every goroutine, whatever the verb", func(t *testing.T) {
		u := newUpstream(t)
		before := runtime.NumGoroutine()
		verbs := map[string]func(*faultproxy.Proxy){
			"Pass":      (*faultproxy.Proxy).Pass,
			"Refuse":    (*faultproxy.Proxy).Refuse,
			"Stall":     (*faultproxy.Proxy).Stall,
			"Latency":   func(p *faultproxy.Proxy) { p.Latency(time.Hour) },
			"BlackHole": func(p *faultproxy.Proxy) { p.BlackHole(faultproxy.Down) },
			"Drip":      func(p *faultproxy.Proxy) { p.Drip(1, time.Hour) },
		}
		for name, verb := range verbs {
			p := faultproxy.New(t, u.Addr().String())
			clients := make([]*client, 20)
			for i := range clients {
				clients[i] = dial(t, p)
				clients[i].ask("x\n")
			}
			verb(p)
			for _, c := range clients {
				_, _ = io.WriteString(c, "y\n")
			}
			closed := make(chan struct{})
			go func() { p.Close(); p.Close(); close(closed) }()
			select {
			case <-closed:
			case <-time.After(patience):
				t.Fatalf("%s: Close hangs", name)
			}
			stacks := make([]byte, 1<<20)
			stacks = stacks[:runtime.Stack(stacks, true)]
			if strings.Contains(string(stacks), "faultproxy.(*") {
				t.Errorf("%s: goroutines after Close:\n%s", name, stacks)
			}
			if p.Open() != 0 {
				t.Errorf("%s: %d open after Close", name, p.Open())
			}
			p.Pass() // does not open the port again
			if c, err := net.DialTimeout("tcp", p.Addr(), patience); err == nil {
				_ = c.Close()
				t.Errorf("%s: accepts after Close", name)
			}
		}
		// The goroutines that are left are those of upstream, which end as soon
		// as they read the end of their connections.
		waitUntil(t, func() bool { return runtime.NumGoroutine() <= before+2 })
	})
}

// Whatever the faults, a client that trusts a connection only as long as
// everything on it went well never reads the reply of another request.
func TestVerbsUnderLoad(t *testing.T) {
	_, p := start(t)
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for i := range 100 {
		clients.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if wrong := session(p, fmt.Sprintf("%d.%d", i, n)); wrong != "" {
					t.Error(wrong)
					return
				}
			}
		})
	}
	// strikes and moves set a verb and wait until it has had its effect.
	strikes := func(verb func()) {
		before := p.Faults()
		verb()
		waitUntil(t, func() bool { return p.Faults() > before })
	}
	moves := func(verb func()) {
		verb()
		before := p.Bytes(faultproxy.Down)
		waitUntil(t, func() bool { return p.Bytes(faultproxy.Down) > before+50 })
	}
	for i := range 20 {
		strikes(func() { p.DropReply(1 + 3*i) })
		strikes(func() { p.CutAfter(faultproxy.Down, 7*i) })
		moves(func() { p.RandomLatency(time.Millisecond) })
		p.Stall()
		p.Reset()
		strikes(func() { p.CutAfter(faultproxy.Up, 7*i) })
		p.Refuse()
		moves(func() { p.Drip(2, 100*time.Microsecond) })
	}
	p.Pass()
	close(stop)
	clients.Wait()
	dial(t, p).ask("fine\n")
}

// session asks a few questions on one connection until one fails, as they may. It
// returns what is wrong with an answer that came, or with one that never did.
func session(p *faultproxy.Proxy, id string) (wrong string) {
	c, err := net.DialTimeout("tcp", p.Addr(), patience)
	if err != nil {
		return ""
	}
	defer c.Close()
	for i := 0; i < 5 && err == nil; i++ {
		question := fmt.Sprintf("%s.%d\n", id, i)
		if _, err = io.WriteString(c, question); err != nil {
			break
		}
		_ = c.SetReadDeadline(time.Now().Add(patience))
		want := "re:" + question
		got := make([]byte, len(want))
		var n int
		n, err = io.ReadFull(c, got)
		if string(got[:n]) != want[:n] || errors.Is(err, os.ErrDeadlineExceeded) {
			return fmt.Sprintf("asked %q, got %q, %v", question, got[:n], err)
		}
	}
	return ""
}

func waitOpen(t *testing.T, p *faultproxy.Proxy, want int) {
	t.Helper()
	waitUntil(t, func() bool { return p.Open() == want })
}

func waitUntil(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain")
		}
	}
}
