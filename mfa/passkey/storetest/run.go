package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/mfa/passkey"
)

// A testCase is one demand on a store.
type testCase struct {
	name string
	why  string // what goes wrong in a service otherwise
	run  func(t *testing.T, s passkey.Store)
}

// Run holds the stores that newStore returns to the contract of passkey.Store. Every
// case gets a store of its own, which may share its database with others: subjects are
// random. The clock of the store must run; one case waits for it, for less than a
// second.
func Run(t *testing.T, newStore func(t *testing.T) passkey.Store) {
	for _, group := range [][]testCase{registerCases, useCases, removeCases, contextCases} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				explain(t, c.why)
				c.run(t, newStore(t))
			})
		}
	}
	t.Run("shared", func(t *testing.T) {
		s := newStore(t)
		Shared(t, s, s)
	})
}

func explain(t *testing.T, why string) {
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("why it matters: " + why)
		}
	})
}

// newSubject is one that nobody else has, of any bytes that a subject can have.
func newSubject() string { return "u-'\"%_\\é-" + rand.Text() }

func random[T ~[16]byte | ~[32]byte | ~[64]byte]() (v T) {
	for i := range len(v) {
		var b [1]byte
		_, _ = rand.Read(b[:])
		v[i] = b[0]
	}
	return v
}

// limit is more passkeys than a case makes.
const limit = 50

// at is a time as a Manager gives it.
var at = time.UnixMilli(1_790_000_000_123).UTC()

// newAnswer is one to a challenge that nobody has answered, kept for longer than any
// case takes.
func newAnswer() passkey.Answer {
	return passkey.Answer{Challenge: random[passkey.ChallengeID](), Call: random[passkey.CallID](), Keep: time.Hour}
}

// user makes the handle of a new subject.
func user(t *testing.T, s passkey.Store) (string, passkey.UserHandle) {
	t.Helper()
	subject, fresh := newSubject(), random[passkey.UserHandle]()
	handle, err := s.UserHandle(t.Context(), subject, fresh)
	ok(t, "UserHandle", err)
	if handle != fresh {
		t.Fatal("UserHandle: another than the one that was given")
	}
	return subject, handle
}

// newCredential is a passkey with all fields set.
func newCredential(subject string, handle passkey.UserHandle) passkey.Credential {
	id := random[passkey.UserHandle]()
	return passkey.Credential{
		CredentialID: id[:], Subject: subject, UserHandle: handle, PublicKey: []byte("\x00key \xff" + rand.Text()), SignCount: 7,
		BackupEligible: true, AAGUID: random[[16]byte](), Transports: []string{"usb", "smart-card"}, Name: "käy '\"\\%", CreatedAt: at,
	}
}

// registered keeps a new passkey of a new subject.
func registered(t *testing.T, s passkey.Store) passkey.Credential {
	t.Helper()
	c := newCredential(user(t, s))
	ok(t, "Add", s.Add(t.Context(), c, newAnswer(), limit))
	return c
}

// useOf is the next assertion of c.
func useOf(c passkey.Credential) passkey.Use {
	return passkey.Use{ID: c.ID(), Subject: c.Subject, SignCount: c.SignCount + 1, At: at.Add(time.Hour)}
}

func ok(t *testing.T, doing string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", doing, err)
	}
}

func want(t *testing.T, doing string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("%s: %v, want %v", doing, got, want)
	}
}

// wantKept wants c to be what the store has.
func wantKept(t *testing.T, s passkey.Store, c passkey.Credential) {
	t.Helper()
	got, err := s.Find(t.Context(), c.ID())
	ok(t, "Find", err)
	if !reflect.DeepEqual(got, c) {
		t.Fatalf("Find: %+v\nwant %+v", got, c)
	}
}

func wantList(t *testing.T, s passkey.Store, subject string, all ...passkey.Credential) {
	t.Helper()
	list, err := s.List(t.Context(), subject)
	ok(t, "List", err)
	if len(list) != len(all) {
		t.Fatalf("List: %d passkeys, want %d", len(list), len(all))
	}
	for i := range all {
		if !reflect.DeepEqual(list[i], all[i]) {
			t.Fatalf("List[%d]: %+v\nwant %+v", i, list[i], all[i])
		}
	}
}

// cancelled is a context that is over.
func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// race runs f in n goroutines that start together.
func race(n int, f func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}

// racers is how many goroutines a race has.
const racers = 100
