package authtest_test

import (
	"sync"
	"testing"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
)

func TestEvents(t *testing.T) {
	var events authtest.Events
	if len(events.All()) != 0 || len(events.Of(auth.EventSignIn)) != 0 {
		t.Errorf("began with %v", events.All())
	}
	for _, kind := range []auth.EventKind{auth.EventSignInFail, auth.EventSignIn, auth.EventSignInFail} {
		events.OnEvent(t.Context(), auth.Event{Kind: kind, Resource: string(rune('a' + len(events.All())))})
	}
	if all := events.All(); len(all) != 3 || all[0].Resource != "a" || all[2].Resource != "c" {
		t.Errorf("kept %v", all)
	}
	failed := events.Of(auth.EventSignInFail)
	if len(failed) != 2 || failed[0].Resource != "a" || failed[1].Resource != "c" {
		t.Errorf("failed: %v", failed)
	}
	failed[0].Resource = "changed"
	events.All()[0].Resource = "changed"
	if got := events.All()[0].Resource; got != "a" {
		t.Errorf("what it returned was its own: %s", got)
	}
}

func TestEventsConcurrently(t *testing.T) {
	var events authtest.Events
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() { events.OnEvent(t.Context(), auth.Event{Kind: auth.EventSignIn}) })
		wg.Go(func() { events.Of(auth.EventSignIn) })
	}
	wg.Wait()
	if n := len(events.All()); n != 200 {
		t.Errorf("kept %d of 200", n)
	}
}
