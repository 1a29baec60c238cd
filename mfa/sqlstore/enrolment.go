package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/go-sallyport/auth/internal/sqldb"
	"github.com/go-sallyport/auth/mfa"
)

// Begin implements mfa.FactorStore.
func (s *Store) Begin(ctx context.Context, subject string, p mfa.PendingTOTP, ttl time.Duration) error {
	now, err := s.now(ctx, s.db)
	if err != nil {
		return failed("begin an enrolment", err)
	}
	_, err = s.db.ExecRepeatable(ctx,
		"INSERT INTO {mfa_enrolments} (subject, id, sealed, login, expires_at) VALUES (?, ?, ?, ?, ?) {UPSERT (subject) id, sealed, login, expires_at}",
		[]byte(subject), p.ID, []byte(p.Sealed), p.Login[:], sqldb.Micros(now.Add(ttl)))
	if err != nil {
		return failed("begin an enrolment", err)
	}
	tidy(ctx, s.enrolments, now)
	return nil
}

// Pending implements mfa.FactorStore.
func (s *Store) Pending(ctx context.Context, subject string) (mfa.PendingTOTP, error) {
	var p mfa.PendingTOTP
	var sealed, login []byte
	var expires, now time.Time
	err := s.db.Query(ctx, "SELECT id, sealed, login, expires_at, "+s.clock+" FROM {mfa_enrolments} WHERE subject = ?", []byte(subject)).
		Scan(&p.ID, &sealed, &login, sqldb.Timestamp(&expires), sqldb.Timestamp(&now))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return mfa.PendingTOTP{}, mfa.ErrNoPending
	case err != nil:
		return mfa.PendingTOTP{}, failed("find an enrolment", err)
	case !expires.After(now):
		// Gone for good, whatever the clock does.
		_, err := s.db.ExecRepeatable(ctx, "DELETE FROM {mfa_enrolments} WHERE subject = ? AND id = ? AND expires_at <= ?", []byte(subject), p.ID, sqldb.Micros(now))
		if err != nil {
			return mfa.PendingTOTP{}, failed("find an enrolment", err)
		}
		return mfa.PendingTOTP{}, mfa.ErrNoPending
	case copy(p.Login[:], login) != len(p.Login):
		return mfa.PendingTOTP{}, failed("find an enrolment", errCorrupt)
	}
	p.Sealed = string(sealed)
	return p, nil
}

// waits locks the enrolment of subject, if there is one, and reports whether it has
// that id and has not expired. One that has expired is removed.
func (s *Store) waits(ctx context.Context, tx *sqldb.Tx, subject, id string) (bool, error) {
	var there string
	var expires, now time.Time
	err := tx.Query(ctx, "SELECT id, expires_at, "+s.clock+" FROM {mfa_enrolments} WHERE subject = ? {FOR UPDATE}", []byte(subject)).
		Scan(&there, sqldb.Timestamp(&expires), sqldb.Timestamp(&now))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, nil
	case err != nil:
		return false, err
	case expires.After(now):
		return there == id, nil
	}
	_, err = tx.Exec(ctx, "DELETE FROM {mfa_enrolments} WHERE subject = ?", []byte(subject))
	return false, err
}
