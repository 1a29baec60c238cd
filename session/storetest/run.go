package storetest

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/session"
)

// A testCase is one demand on a store.
type testCase struct {
	name string
	why  string // what goes wrong in a service otherwise
	run  func(t *testing.T, s session.Store)
}

// Run holds the stores that newStore returns to the contract of session.Store.
// Every case gets a store of its own, which may share its database with others:
// ids are random. The store must use the real clock; some cases wait, for no
// longer than half a second unless the machine is very busy.
func Run(t *testing.T, newStore func(t *testing.T) session.Store) {
	for _, group := range [][]testCase{lifeCases, expiryCases, renameCases, limitCases, subjectCases, raceCases, revokeRaceCases, repeatCases, contextCases} {
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

// newID is a random id for rec.
func newID(rec *session.Record) session.ID {
	var id session.ID
	_, _ = rand.Read(id[:])
	if rec.Principal != nil {
		b := session.BucketOf(rec.Principal.Subject)
		copy(id[:], b[:])
	}
	return id
}

// beside is another id for the session of id.
func beside(id session.ID) session.ID {
	b := id.Bucket()
	_, _ = rand.Read(id[:])
	copy(id[:], b[:])
	return id
}

// newRecord is a record with everything in it, of a subject that no other has.
func newRecord() *session.Record { return recordOf("u-" + rand.Text()) }

// another is the record of another session of the subject of rec.
func another(rec *session.Record) *session.Record { return recordOf(rec.Principal.Subject) }

func recordOf(subject string) *session.Record {
	now := time.UnixMilli(time.Now().UnixMilli()).UTC()
	id := rand.Text()
	return &session.Record{
		ID: id,
		Principal: &auth.Principal{
			Subject:         subject,
			Method:          auth.MethodSession,
			CredentialID:    id,
			Roles:           []string{"customer", "manager"},
			Scopes:          []string{},
			Factors:         []auth.Factor{{Kind: auth.FactorPassword, At: now}, {Kind: auth.FactorOTP, At: now.Add(time.Second)}},
			AuthenticatedAt: now,
			Attributes:      map[string]string{"tenant": "t1", "locale": "de"},
		},
		Created:    now,
		Seen:       now,
		Deadline:   now.Add(24 * time.Hour),
		Address:    netip.MustParseAddr("2001:db8::1"),
		Remembered: true,
		UserAgent:  "test/1.0 (\x01 ünïcödé)",
		Values:     []byte{0, 1, 2, 0xff, 0xfe},
	}
}

// visitor is a record of nobody.
func visitor() *session.Record {
	rec := newRecord()
	rec.Principal = nil
	return rec
}

func soon() time.Time { return time.Now().Add(time.Hour) }

func wantRecord(t *testing.T, s session.Store, id session.ID, want *session.Record) {
	t.Helper()
	got, err := s.Find(t.Context(), id)
	if err != nil {
		t.Fatalf("Find: %v", err)
	}
	if !equal(got, want) {
		t.Fatalf("Find returned\n%+v %+v\nwant\n%+v %+v", got, got.Principal, want, want.Principal)
	}
}

func equal(a, b *session.Record) bool {
	return a.ID == b.ID && a.Principal.Equal(b.Principal) && a.Created.Equal(b.Created) && a.Seen.Equal(b.Seen) &&
		a.Deadline.Equal(b.Deadline) && a.Remembered == b.Remembered && a.Address == b.Address && a.UserAgent == b.UserAgent && string(a.Values) == string(b.Values)
}

func wantNone(t *testing.T, s session.Store, id session.ID) {
	t.Helper()
	if rec, err := s.Find(t.Context(), id); !errors.Is(err, session.ErrNoSession) || rec != nil {
		t.Fatalf("Find: %v, %v; want no record and ErrNoSession", rec, err)
	}
}

func wantErr(t *testing.T, doing string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s: %v, want %v", doing, err, want)
	}
}

func ok(t *testing.T, doing string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", doing, err)
	}
}

// create makes a session and returns its id.
func create(t *testing.T, s session.Store, rec *session.Record) session.ID {
	t.Helper()
	id := newID(rec)
	ok(t, "Create", s.Create(t.Context(), id, rec, soon(), 0))
	return id
}

// cancelled is a context that is over.
func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
