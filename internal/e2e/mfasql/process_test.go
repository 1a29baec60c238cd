package mfasql_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/mfa"
)

// submit is a process that submits a code and a recovery code many times at once,
// when its parent says so, and writes how often each was accepted.
func submit(c *sqltest.Child) error {
	s, err := child(c)
	if err != nil {
		return err
	}
	at, err := strconv.ParseInt(c.Args[1], 10, 64)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(c.Args[4])
	if err != nil {
		return err
	}
	m, err := newManager(s, time.Unix(at, 0))
	if err != nil {
		return err
	}
	if err := c.Ready(); err != nil {
		return err
	}
	var mu sync.Mutex
	var codes, recoveries int
	var failed error
	sqltest.Together(n, func(int) {
		err := m.Verify(context.Background(), c.Args[0], c.Args[2])
		_, err2 := m.Recover(context.Background(), c.Args[0], c.Args[3])
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
	_, err = fmt.Fprintln(c.Out, codes, recoveries)
	return errors.Join(failed, err)
}

func TestTwoProcesses(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		s := open(t, d)
		t.Run("MFA-03 MFA-09 M01 M10 of 200 submissions from two processes one succeeds, of each kind", func(t *testing.T) {
			u := newUser(t, s)
			args := []string{u.subject, strconv.FormatInt(u.at.Unix(), 10), u.code, u.recovery[0], "100"}
			codes, recoveries := 0, 0
			for line := range strings.Lines(d.StartTwo(t, "submit", args...)) {
				var k, n int
				_, err := fmt.Sscan(line, &k, &n)
				must(t, err)
				codes, recoveries = codes+k, recoveries+n
			}
			if codes != 1 || recoveries != 1 {
				t.Errorf("%d codes and %d recovery codes were accepted", codes, recoveries)
			}
			if st, err := s.Find(t.Context(), u.subject); err != nil || st.CodesLeft != len(u.recovery)-1 || st.TOTP.Step != uint64(u.at.Unix()/30) {
				t.Errorf("%+v, %v", st, err)
			}
		})
	})
}

// recoverAll is a process that enables factors and then uses codes, one subject after
// the other. It notes what it has answered in a file.
func recoverAll(c *sqltest.Child) error {
	s, err := child(c)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(c.Args[0], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	if err := c.Ready(); err != nil {
		return err
	}
	ctx := context.Background()
	for i := 0; ; i++ {
		subject := strconv.Itoa(i)
		p, err := s.Pending(ctx, subject)
		if errors.Is(err, mfa.ErrNoPending) {
			return nil // all are done
		}
		if err != nil {
			return err
		}
		steps := []func() error{
			func() error {
				return s.Activate(ctx, subject, mfa.TOTP{ID: p.ID, Sealed: p.Sealed, Step: 100, Call: newCall()}, []mfa.CodeHash{{1}, {2}, {3}})
			},
			func() error { _, err := s.Advance(ctx, subject, p.ID, 101, newCall()); return err },
			func() error { _, _, err := s.ConsumeCode(ctx, subject, mfa.CodeHash{2}, newCall()); return err },
		}
		for k, step := range steps {
			if err := step(); err != nil {
				return err
			}
			if _, err := fmt.Fprintln(file, subject, k+1); err != nil {
				return err
			}
		}
	}
}

func TestF14Killed(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		states := map[string]int{}
		for round := range 5 {
			own := d.Fresh(t)
			s := open(t, own)
			const subjects = 150
			for i := range subjects {
				begin(t, s, strconv.Itoa(i))
			}
			text := own.Crash(t, time.Duration(15+13*round)*time.Millisecond, "recover")
			told := map[string]int{}
			for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
				var subject string
				var k int
				if _, err := fmt.Sscan(lines.Text(), &subject, &k); err == nil {
					told[subject] = k
				}
			}
			for i := range subjects {
				subject := strconv.Itoa(i)
				st, err := s.Find(t.Context(), subject)
				must(t, err)
				_, pendingErr := s.Pending(t.Context(), subject)
				waits, on := pendingErr == nil, st.TOTP.ID != ""
				state := fmt.Sprintf("waits %v, on %v, %d codes, %d left, step %d, answered %d", waits, on, st.Codes, st.CodesLeft, st.TOTP.Step, told[subject])
				states[state]++
				switch {
				case waits == on:
					t.Errorf("I3 half an activation: %s", state)
				case on != (st.Codes == 3):
					t.Errorf("a factor without its codes: %s", state)
				case told[subject] >= 1 && !on, told[subject] >= 2 && st.TOTP.Step != 101, told[subject] >= 3 && st.CodesLeft != 2:
					t.Errorf("I2 answered and not done: %s", state)
				}
			}
		}
		for state, n := range states {
			t.Logf("%4d: %s", n, state)
		}
		if len(states) < 2 {
			t.Error("nothing was tested")
		}
	})
}
