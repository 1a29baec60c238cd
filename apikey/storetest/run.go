package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/go-sallyport/auth/apikey"
)

// A testCase is one demand on a store.
type testCase struct {
	name string
	why  string // what goes wrong in a service otherwise
	run  func(t *testing.T, s apikey.Store)
}

// Run holds the stores that newStore returns to the contract of apikey.Store. Every case
// gets a store of its own, which may share its database with others: subjects and ids
// are random.
func Run(t *testing.T, newStore func(t *testing.T) apikey.Store) {
	for _, group := range [][]testCase{lifeCases, endCases, rotateCases, limitCases, touchCases, timeCases, raceCases, contextCases} {
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

// many is a limit that no case runs into.
const many = 1000

// newSubject is one that nobody else has.
func newSubject() string { return "u-" + rand.Text() }

// newID is that of a key that nobody has made.
func newID(subject string) string { return apikey.ShardOf(subject) + rand.Text()[:16] }

// now is the time as a Manager gives it to a store.
func now() time.Time { return time.UnixMicro(time.Now().UnixMicro()).UTC() }

// newKey is one as a Manager issues it, for an hour.
func newKey(subject string) *apikey.Key {
	at := now()
	k := &apikey.Key{
		ID: newID(subject), Subject: subject, Name: "nightly backup", Prefix: "sk_live", Environment: "live",
		Scopes: []string{"orders:read", "orders:write"}, CreatedAt: at, ExpiresAt: at.Add(time.Hour),
	}
	_, _ = rand.Read(k.Hash[:])
	return k
}

// create keeps a new key.
func create(t *testing.T, s apikey.Store, subject string) *apikey.Key {
	t.Helper()
	k := newKey(subject)
	ok(t, "Create", s.Create(t.Context(), k.Clone(), many))
	return k
}

// createWith keeps a new key that change has changed.
func createWith(t *testing.T, s apikey.Store, subject string, change func(k *apikey.Key)) *apikey.Key {
	t.Helper()
	k := newKey(subject)
	change(k)
	ok(t, "Create", s.Create(t.Context(), k.Clone(), many))
	return k
}

// rotation is one of k that happens now and leaves it another minute.
func rotation(k *apikey.Key) apikey.Rotation {
	next := newKey(k.Subject)
	next.Predecessor = k.ID
	return apikey.Rotation{Next: next, Ends: next.CreatedAt.Add(time.Minute), Limit: many}
}

func find(t *testing.T, s apikey.Store, id string) *apikey.Key {
	t.Helper()
	k, err := s.Find(t.Context(), id)
	ok(t, "Find", err)
	if k.ID != id {
		t.Fatalf("Find of %s returned %s", id, k.ID)
	}
	return k
}

// want holds a record to what it has to be.
func want(t *testing.T, s apikey.Store, k *apikey.Key) {
	t.Helper()
	wantEqual(t, find(t, s, k.ID), k)
}

func wantEqual(t *testing.T, got, k *apikey.Key) {
	t.Helper()
	if g, w := normal(got), normal(k); !reflect.DeepEqual(g, w) {
		t.Fatalf("the key is\n%+v\nwant\n%+v", g, w)
	}
	for name, at := range map[string]time.Time{"CreatedAt": got.CreatedAt, "ExpiresAt": got.ExpiresAt, "RevokedAt": got.RevokedAt, "LastUsedAt": got.LastUsedAt} {
		if at.Location() != time.UTC {
			t.Fatalf("%s is in %v, want UTC", name, at.Location())
		}
	}
}

// normal makes keys comparable: an empty list is as good as none.
func normal(k *apikey.Key) apikey.Key {
	c := *k.Clone()
	if len(c.Labels) == 0 {
		c.Labels = nil
	}
	if len(c.Addresses) == 0 {
		c.Addresses = nil
	}
	return c
}

// wantAbsent holds a store to it that there is no such key.
func wantAbsent(t *testing.T, s apikey.Store, id string) {
	t.Helper()
	if k, err := s.Find(t.Context(), id); !errors.Is(err, apikey.ErrNotFound) || k != nil {
		t.Fatalf("Find of a key that is not there: %v, %v; want ErrNotFound alone", k, err)
	}
}

// wantListed holds List to exactly these keys, as Find returns them.
func wantListed(t *testing.T, s apikey.Store, subject string, ids ...string) {
	t.Helper()
	list, err := s.List(t.Context(), subject)
	ok(t, "List", err)
	got := make(map[string]*apikey.Key)
	for _, k := range list {
		got[k.ID] = k
	}
	if len(list) != len(ids) || len(got) != len(ids) {
		t.Fatalf("%d keys are listed, want %d", len(list), len(ids))
	}
	for _, id := range ids {
		if got[id] == nil {
			t.Fatalf("key %s is not listed", id)
		}
		wantEqual(t, got[id], find(t, s, id))
	}
}

// live counts the keys of a subject that count now.
func live(t *testing.T, s apikey.Store, subject string) (n int) {
	t.Helper()
	list, err := s.List(t.Context(), subject)
	ok(t, "List", err)
	at := now()
	for _, k := range list {
		if k.Live(at) {
			n++
		}
	}
	return n
}

func ok(t *testing.T, doing string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", doing, err)
	}
}

// wantErr holds a call to one of the errors of the contract.
func wantErr(t *testing.T, doing string, err, sentinel error) {
	t.Helper()
	if !errors.Is(err, sentinel) {
		t.Fatalf("%s: %v, want %v", doing, err, sentinel)
	}
}

// cancelled is a context that is over.
func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func prefixes(list ...string) (out []netip.Prefix) {
	for _, text := range list {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}
