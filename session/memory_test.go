package session_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/session"
)

func TestMemoryStoreIsBounded(t *testing.T) {
	c := newClock()
	s, err := session.NewMemoryStore(session.MemoryConfig{MaxSessions: 100, Now: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	member := &session.Record{ID: "m", Principal: &auth.Principal{Subject: "u-alice"}}
	visitor := &session.Record{ID: "v"}
	id := func(kind byte, n int) (id session.ID) {
		copy(id[:], fmt.Sprintf("%c%d", kind, n))
		return id
	}
	create := func(kind byte, n int, rec *session.Record, expiry time.Duration) {
		t.Helper()
		if err := s.Create(t.Context(), id(kind, n), rec, c.Now().Add(expiry), 0); err != nil {
			t.Fatal(err)
		}
	}
	alive := func(kind byte, n int) bool {
		_, err := s.Find(t.Context(), id(kind, n))
		if err != nil && !errors.Is(err, session.ErrNoSession) {
			t.Fatal(err)
		}
		return err == nil
	}
	t.Run("I5 a flood of visitors pushes out visitors, not users", func(t *testing.T) {
		for i := range 50 {
			create('m', i, member, time.Hour)
		}
		for i := range 10_000 {
			create('v', i, visitor, 24*time.Hour)
		}
		if s.Len() != 100 {
			t.Fatalf("%d sessions", s.Len())
		}
		for i := range 50 {
			if !alive('m', i) {
				t.Fatalf("user %d was signed out", i)
			}
		}
		if !alive('v', 9999) || alive('v', 0) {
			t.Fatal("not the oldest visitors went")
		}
	})
	t.Run("I5 users that use their session push out those who do not", func(t *testing.T) {
		c.Advance(time.Minute)
		for i := range 25 {
			if err := s.Touch(t.Context(), id('m', i), c.Now(), c.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		for i := 100; i < 175; i++ {
			create('m', i, member, time.Hour)
		}
		if s.Len() != 100 {
			t.Fatalf("%d sessions", s.Len())
		}
		for i := range 25 {
			if !alive('m', i) || alive('m', i+25) {
				t.Fatalf("user %d: %t, user %d: %t", i, alive('m', i), i+25, alive('m', i+25))
			}
		}
	})
	t.Run("I5 what has expired is dropped as new sessions come", func(t *testing.T) {
		c.Advance(25 * time.Hour)
		create('v', 1, visitor, time.Hour)
		if s.Len() != 1 {
			t.Fatalf("%d sessions", s.Len())
		}
	})
}
