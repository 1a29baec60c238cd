package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/go-sallyport/auth/oauth"
)

// RunConsumer holds the consumers that newConsumer returns to the contract of
// oauth.Consumer. Their clock must be that of the machine. They must have room for
// 1,000 attempts.
func RunConsumer(t *testing.T, newConsumer func(t *testing.T) oauth.Consumer) {
	runCases(t, newConsumer, consumerCases)
}

func newAttempt() (id oauth.AttemptID) {
	_, _ = rand.Read(id[:])
	return id
}

func newCall() (c oauth.CallID) {
	_, _ = rand.Read(c[:])
	return c
}

func soon() time.Time { return now().Add(oauth.MaxTimeout) }

func wantConsumed(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, oauth.ErrConsumed) {
		t.Fatalf("Consume: %v, want ErrConsumed", err)
	}
}

var consumerCases = []testCase[oauth.Consumer]{
	{"OAU-05 an attempt counts once", "a callback that was seen by somebody works again", func(t *testing.T, c oauth.Consumer) {
		id, expires := newAttempt(), soon()
		ok(t, "Consume", c.Consume(t.Context(), id, newCall(), expires))
		for range 3 {
			wantConsumed(t, c.Consume(t.Context(), id, newCall(), expires))
		}
		wantConsumed(t, c.Consume(t.Context(), id, newCall(), expires.Add(time.Minute)))
		wantConsumed(t, c.Consume(t.Context(), id, newCall(), now().Add(time.Second)))
	}},
	{"a repeat of the call that consumed is told so", "a lost answer of the store ends a sign-in", func(t *testing.T, c oauth.Consumer) {
		id, call, expires := newAttempt(), newCall(), soon()
		for range 3 {
			ok(t, "Consume", c.Consume(t.Context(), id, call, expires))
		}
		wantConsumed(t, c.Consume(t.Context(), id, newCall(), expires))
		ok(t, "Consume once more", c.Consume(t.Context(), id, call, expires))
	}},
	{"attempts are told apart by every byte", "a sign-in ends that of another user", func(t *testing.T, c oauth.Consumer) {
		id := newAttempt()
		ok(t, "Consume", c.Consume(t.Context(), id, newCall(), soon()))
		for i := range id {
			other := id
			other[i] ^= 1
			ok(t, "Consume of another", c.Consume(t.Context(), other, newCall(), soon()))
		}
	}},
	{"OAU-05 what has expired is not consumed any more", "an attempt opens when its note is swept", func(t *testing.T, c oauth.Consumer) {
		id, call := newAttempt(), newCall()
		expires := now().Add(300 * time.Millisecond)
		ok(t, "Consume", c.Consume(t.Context(), id, call, expires))
		timer := time.NewTimer(time.Until(expires) + 50*time.Millisecond)
		defer timer.Stop()
		<-timer.C
		for range 20 { // which give the store a reason to sweep
			ok(t, "Consume of another", c.Consume(t.Context(), newAttempt(), newCall(), soon()))
		}
		wantConsumed(t, c.Consume(t.Context(), id, newCall(), expires))
	}},
	{"O11 of 50 calls at once one consumes", "parallel callbacks send a code several times", func(t *testing.T, c oauth.Consumer) { consumeRace(t, c, 50) }},
	{"O11 of 500 calls at once one consumes", "parallel callbacks send a code several times", func(t *testing.T, c oauth.Consumer) { consumeRace(t, c, 500) }},
	{"many attempts at once do not get in each other's way", "sign-ins fail on a busy day", func(t *testing.T, c oauth.Consumer) {
		for _, err := range race(200, func(int) error { return c.Consume(t.Context(), newAttempt(), newCall(), soon()) }) {
			ok(t, "Consume", err)
		}
	}},
	{"a cancelled context is an error and consumes nothing", "a request that was given up ends the attempt, or goes on", func(t *testing.T, c oauth.Consumer) {
		id := newAttempt()
		if err := c.Consume(cancelled(t), id, newCall(), soon()); !errors.Is(err, context.Canceled) {
			t.Fatalf("Consume: %v, want context.Canceled", err)
		}
		ok(t, "Consume", c.Consume(t.Context(), id, newCall(), soon()))
	}},
}

func consumeRace(t *testing.T, c oauth.Consumer, n int) {
	id, expires := newAttempt(), soon()
	won := 0
	for _, err := range race(n, func(int) error { return c.Consume(t.Context(), id, newCall(), expires) }) {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, oauth.ErrConsumed):
			t.Fatalf("Consume: %v, want ErrConsumed", err)
		}
	}
	if won != 1 {
		t.Fatalf("%d of %d calls consumed", won, n)
	}
}
