package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/go-sallyport/auth/jwtauth"
)

// A testCase is one demand on a store.
type testCase struct {
	name string
	why  string // what goes wrong in a service otherwise
	run  func(t *testing.T, s jwtauth.FamilyStore)
}

// Run holds the stores that newStore returns to the contract of
// jwtauth.FamilyStore. Every case gets a store of its own, which may share its
// database with others: ids are random. The clock of the store must run; some
// cases wait for it, for no longer than a second.
func Run(t *testing.T, newStore func(t *testing.T) jwtauth.FamilyStore) {
	for _, group := range [][]testCase{lifeCases, rotateCases, repeatCases, expiryCases, subjectCases, limitCases, raceCases, contextCases} {
		for _, c := range group {
			t.Run(c.name, func(t *testing.T) {
				t.Cleanup(func() {
					if t.Failed() {
						t.Log("why it matters: " + c.why)
					}
				})
				c.run(t, newStore(t))
			})
		}
	}
}

// newBucket is that of a subject that nobody else has.
func newBucket() jwtauth.Bucket { return jwtauth.BucketOf("u-" + rand.Text()) }

func newID(b jwtauth.Bucket) jwtauth.FamilyID {
	var id jwtauth.FamilyID
	_, _ = rand.Read(id[:])
	copy(id[:], b[:])
	return id
}

// newCall is the name of a call that nobody has made.
func newCall() (c jwtauth.CallID) {
	_, _ = rand.Read(c[:])
	return c
}

// usual are limits that no case runs into.
var usual = jwtauth.Limits{Lifetime: 30 * time.Hour, Idle: 7 * time.Hour, PerSubject: 1000}

// long is a grace that no case waits for.
const long = time.Hour

// grant is what a family keeps for its Issuer: any bytes.
func grant() []byte { return []byte("\x00\x01\xff\xfe {\"ünïcödé\":'quoted'} " + rand.Text()) }

// create makes a family.
func create(t *testing.T, s jwtauth.FamilyStore, b jwtauth.Bucket) jwtauth.FamilyID {
	t.Helper()
	return createWith(t, s, b, usual)
}

func createWith(t *testing.T, s jwtauth.FamilyStore, b jwtauth.Bucket, l jwtauth.Limits) jwtauth.FamilyID {
	t.Helper()
	id := newID(b)
	ok(t, "Create", s.Create(t.Context(), id, grant(), l))
	return id
}

// spend presents the token with that counter, in a call of its own.
func spend(counter uint64, grace time.Duration) jwtauth.Rotation {
	return jwtauth.Rotation{Counter: counter, Call: newCall(), Grace: grace, Idle: usual.Idle}
}

// want holds Rotate to an outcome.
func want(t *testing.T, s jwtauth.FamilyStore, id jwtauth.FamilyID, r jwtauth.Rotation, outcome jwtauth.Outcome) time.Duration {
	t.Helper()
	got, left, err := s.Rotate(t.Context(), id, r)
	ok(t, "Rotate", err)
	if got != outcome {
		t.Fatalf("Rotate of counter %d: %v, want %v", r.Counter, got, outcome)
	}
	if (left > 0) != (outcome != jwtauth.Reused) {
		t.Fatalf("%v: the successor is good for %v", outcome, left)
	}
	return left
}

// wantGone holds a store to it that a family is absent for all purposes.
func wantGone(t *testing.T, s jwtauth.FamilyStore, id jwtauth.FamilyID) {
	t.Helper()
	for _, counter := range []uint64{1, 2, 3, 1000} {
		if outcome, left, err := s.Rotate(t.Context(), id, spend(counter, long)); !errors.Is(err, jwtauth.ErrNoFamily) || outcome != 0 || left != 0 {
			t.Fatalf("Rotate of a family that is gone: %v, %v, %v; want ErrNoFamily alone", outcome, left, err)
		}
	}
	if f, err := s.Find(t.Context(), id); !errors.Is(err, jwtauth.ErrNoFamily) || f != nil {
		t.Fatalf("Find of a family that is gone: %v, %v; want ErrNoFamily alone", f, err)
	}
	if slices.Contains(listed(t, s, id.Bucket()), id) {
		t.Fatal("a family that is gone is listed")
	}
}

func find(t *testing.T, s jwtauth.FamilyStore, id jwtauth.FamilyID) *jwtauth.Family {
	t.Helper()
	f, err := s.Find(t.Context(), id)
	ok(t, "Find", err)
	if f.ID != id {
		t.Fatal("Find returned another family")
	}
	return f
}

// wantCounter holds a family to its state.
func wantCounter(t *testing.T, s jwtauth.FamilyStore, id jwtauth.FamilyID, counter uint64, ended bool) {
	t.Helper()
	if f := find(t, s, id); f.Counter != counter || f.Ended != ended {
		t.Fatalf("the family is at %d, ended %v; want %d, %v", f.Counter, f.Ended, counter, ended)
	}
}

func listed(t *testing.T, s jwtauth.FamilyStore, b jwtauth.Bucket) (ids []jwtauth.FamilyID) {
	t.Helper()
	list, err := s.List(t.Context(), b)
	ok(t, "List", err)
	for _, f := range list {
		ids = append(ids, f.ID)
	}
	return ids
}

// wantListed holds List to exactly these families.
func wantListed(t *testing.T, s jwtauth.FamilyStore, b jwtauth.Bucket, ids ...jwtauth.FamilyID) {
	t.Helper()
	got := listed(t, s, b)
	if len(got) != len(ids) {
		t.Fatalf("%d families are listed, want %d", len(got), len(ids))
	}
	for _, id := range ids {
		if !slices.Contains(got, id) {
			t.Fatalf("family %x is not listed", id[16:])
		}
	}
}

func ok(t *testing.T, doing string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", doing, err)
	}
}

// cancelled is a context that is over.
func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// wait lets time pass for the clock of the store.
func wait(t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
	}
}
