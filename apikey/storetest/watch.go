package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/go-sallyport/auth/apikey"
)

// RunWatcher holds a store that is an apikey.Watcher to that contract. NewPair returns two
// stores as two processes have them, which share what they keep. A change must be told
// within ten seconds, on a machine that is busy.
func RunWatcher(t *testing.T, newPair func(t *testing.T) (a, b apikey.Store)) {
	changes := map[string]func(t *testing.T, s apikey.Store, k *apikey.Key){
		"Rotate": func(t *testing.T, s apikey.Store, k *apikey.Key) {
			ok(t, "Rotate", s.Rotate(t.Context(), k.ID, rotation(k)))
		},
		"Expire": func(t *testing.T, s apikey.Store, k *apikey.Key) { ok(t, "Expire", s.Expire(t.Context(), k.ID, now())) },
		"Revoke": func(t *testing.T, s apikey.Store, k *apikey.Key) { ok(t, "Revoke", s.Revoke(t.Context(), k.ID, now())) },
		"RevokeAll": func(t *testing.T, s apikey.Store, k *apikey.Key) {
			ok(t, "RevokeAll", s.RevokeAll(t.Context(), k.Subject, "", now()))
		},
	}
	for name, change := range changes {
		t.Run("KEY-05 "+name+" is told to the other process and to this one", func(t *testing.T) {
			a, b := newPair(t)
			here, there := watch(t, a), watch(t, b)
			k := create(t, b, newSubject())
			change(t, b, k)
			here.wait(t, k)
			there.wait(t, k)
		})
	}
	t.Run("F15 Watch ends with its context", func(t *testing.T) {
		a, _ := newPair(t)
		ctx, cancel := context.WithCancel(t.Context())
		listening, ended := make(chan struct{}, 1), make(chan error, 1)
		go func() {
			ended <- a.(apikey.Watcher).Watch(ctx, func() { listening <- struct{}{} }, func(apikey.Change) {})
		}()
		receive(t, "listening", listening)
		cancel()
		receive(t, "the end", ended)
	})
}

// patience is how long a case waits for what must happen.
const patience = 10 * time.Second

// A watched has what one process was told.
type watched struct{ changes chan apikey.Change }

// watch subscribes and waits until nothing can be missed.
func watch(t *testing.T, s apikey.Store) *watched {
	t.Helper()
	w, isWatcher := s.(apikey.Watcher)
	if !isWatcher {
		t.Fatalf("%T is no apikey.Watcher", s)
	}
	got := &watched{make(chan apikey.Change, 100)}
	listening, ended := make(chan struct{}, 1), make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(ended)
		err := w.Watch(ctx, func() { listening <- struct{}{} }, func(c apikey.Change) { got.changes <- c })
		if ctx.Err() == nil {
			t.Errorf("Watch: %v", err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	receive(t, "listening", listening)
	return got
}

// wait returns when a change that concerns k was told.
func (w *watched) wait(t *testing.T, k *apikey.Key) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case c := <-w.changes:
			if c.ID == k.ID || c.ID == "" && (c.Subject == "" || c.Subject == k.Subject) {
				return
			}
		case <-timer.C:
			t.Fatal("the change was not told")
		}
	}
}

func receive[T any](t *testing.T, what string, from <-chan T) {
	t.Helper()
	select {
	case <-from:
	case <-time.After(patience):
		t.Fatalf("waiting for %s: %v", what, patience)
	}
}
