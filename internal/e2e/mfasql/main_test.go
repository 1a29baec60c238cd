package mfasql_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/mfa/sqlstore"
	"github.com/go-sallyport/auth/password/throttle"
)

func TestMain(m *testing.M) {
	sqltest.Main(m, map[string]sqltest.Role{"submit": submit, "recover": recoverAll})
}

// long is a ttl that no test waits for.
const long = time.Hour

// on returns a Store on pool, with the tables in place.
func on(t testing.TB, d *sqltest.Database, pool *sql.DB, cfg sqlstore.Config) *sqlstore.Store {
	t.Helper()
	if cfg.Timeout == 0 {
		cfg.Timeout = sqltest.Patient
	}
	s, err := sqlstore.New(pool, d.Dialect, cfg)
	must(t, err)
	must(t, s.Migrate(t.Context()))
	return s
}

// open returns a Store on a pool of its own.
func open(t testing.TB, d *sqltest.Database) *sqlstore.Store {
	t.Helper()
	return on(t, d, d.Open(t), sqlstore.Config{})
}

// child opens the database of the parent.
func child(c *sqltest.Child) (*sqlstore.Store, error) {
	pool, err := c.Pool()
	if err != nil {
		return nil, err
	}
	return sqlstore.New(pool, c.Dialect, sqlstore.Config{Timeout: sqltest.Patient})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantFailure wants an error that says that nothing is known.
func wantFailure(t testing.TB, doing string, err error) {
	t.Helper()
	if err == nil || errors.Is(err, mfa.ErrNoPending) || errors.Is(err, mfa.ErrNoChallenge) || errors.Is(err, mfa.ErrNoDevice) {
		t.Errorf("%s: %v, want the store's failure", doing, err)
	}
}

func random(b []byte) { _, _ = rand.Read(b) }

func newCall() (c mfa.CallID) { random(c[:]); return c }
func newHash() (h [32]byte)   { random(h[:]); return h }
func newID() string           { return rand.Text()[:mfa.IDSize] }
func newSubject() string      { return "u-" + rand.Text() }

func newChallenge(b mfa.Bucket) mfa.Challenge {
	c := mfa.Challenge{Sealed: "sealed " + rand.Text()}
	random(c.ID[:])
	copy(c.ID[:], b[:])
	return c
}

func newDevice() mfa.Device { return mfa.Device{ID: newID(), Hash: newHash(), Name: "a browser"} }

// begin makes an enrolment, and returns the factor that it becomes.
func begin(t testing.TB, s mfa.FactorStore, subject string) mfa.TOTP {
	t.Helper()
	p := mfa.PendingTOTP{ID: newID(), Sealed: "sealed " + rand.Text(), Login: newHash()}
	must(t, s.Begin(t.Context(), subject, p, long))
	return mfa.TOTP{ID: p.ID, Sealed: p.Sealed, Step: 100, Call: newCall(), ConfirmedAt: time.UnixMilli(1_790_000_000_123).UTC()}
}

// enrol makes a factor with three codes.
func enrol(t testing.TB, s mfa.FactorStore, subject string) (mfa.TOTP, []mfa.CodeHash) {
	t.Helper()
	f := begin(t, s, subject)
	codes := []mfa.CodeHash{newHash(), newHash(), newHash()}
	must(t, s.Activate(t.Context(), subject, f, codes))
	return f, codes
}

func wantState(t testing.TB, s mfa.FactorStore, subject string, want mfa.State) {
	t.Helper()
	if got, err := s.Find(context.Background(), subject); err != nil || got != want {
		t.Errorf("Find: %+v, %v; want %+v", got, err, want)
	}
}

// unlimited admits every attempt: what is tested is the store.
type unlimited struct{ throttle.Store }

func (unlimited) Take(context.Context, throttle.Key, throttle.Rule) (throttle.Count, error) {
	return throttle.Count{Admitted: true, Ticket: 1}, nil
}
func (unlimited) Forgive(context.Context, throttle.Key, throttle.Ticket) error { return nil }
func (unlimited) Cancel(context.Context, throttle.Key, throttle.Ticket) error  { return nil }

func newManager(s mfa.Store, at time.Time) (*mfa.Manager, error) {
	return mfa.New(s, mfa.Config{
		Issuer: "Example", Key: []byte("0123456789abcdef0123456789ABCDEF"), Throttle: unlimited{}, Now: func() time.Time { return at },
	})
}

// A user has enrolled: at that time the code is good, and was never used.
type user struct {
	subject  string
	at       time.Time
	code     string
	recovery []string
}

func newUser(t testing.TB, s mfa.Store) user {
	t.Helper()
	u := user{subject: newSubject(), at: time.Unix(time.Now().Unix(), 0)}
	m, err := newManager(s, u.at)
	must(t, err)
	p := &auth.Principal{Subject: u.subject, Method: auth.MethodSession, CredentialID: "c", AuthenticatedAt: u.at}
	e, err := m.Enrol(t.Context(), p)
	must(t, err)
	first, err := totp.GenerateCode(e.Secret, u.at)
	must(t, err)
	u.recovery, err = m.Confirm(t.Context(), p, first)
	must(t, err)
	u.at = u.at.Add(time.Minute)
	u.code, err = totp.GenerateCode(e.Secret, u.at)
	must(t, err)
	return u
}
