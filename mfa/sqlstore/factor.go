package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"time"

	"github.com/go-sallyport/auth/internal/sqldb"
	"github.com/go-sallyport/auth/mfa"
)

// errStep is the error for a time step that no clock will come to.
var errStep = errors.New("sqlstore: a time step above 2^63-1 cannot be kept")

// errFactor is the error for a factor without an id, which is none.
var errFactor = errors.New("sqlstore: a factor wants an id")

// Find implements mfa.FactorStore.
func (s *Store) Find(ctx context.Context, subject string) (mfa.State, error) {
	f, codes, err := find(ctx, s.db, subject)
	if err != nil {
		return mfa.State{}, failed("find a factor", err)
	}
	return mfa.State{TOTP: f, Codes: codes.count(), CodesLeft: codes.left()}, nil
}

// find reads the row of subject. None is nothing, and no error.
func find(ctx context.Context, q sqldb.Querier, subject string) (f mfa.TOTP, codes codeList, err error) {
	var sealed, call []byte
	var step int64
	err = q.Query(ctx, "SELECT id, sealed, step, call_id, confirmed_at, codes FROM {mfa_factors} WHERE subject = ?", []byte(subject)).
		Scan(&f.ID, &sealed, &step, &call, sqldb.Timestamp(&f.ConfirmedAt), (*[]byte)(&codes))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return mfa.TOTP{}, nil, nil
	case err != nil:
		return mfa.TOTP{}, nil, err
	case len(call) != len(f.Call) || step < 0 || !codes.valid():
		return mfa.TOTP{}, nil, errCorrupt
	}
	f.Sealed, f.Step = string(sealed), uint64(step)
	copy(f.Call[:], call)
	return f, codes, nil
}

// Activate implements mfa.FactorStore. Whoever finds the enrolment has locked it,
// and who comes later finds it gone.
func (s *Store) Activate(ctx context.Context, subject string, f mfa.TOTP, codes []mfa.CodeHash) error {
	if f.ID == "" {
		return errFactor
	}
	step, err := toStep(f.Step)
	if err != nil {
		return err
	}
	var activated bool
	err = s.db.Tx(ctx, repeatable, func(ctx context.Context, tx *sqldb.Tx) error {
		waiting, err := s.waits(ctx, tx, subject, f.ID)
		if err != nil {
			return err
		}
		if !waiting {
			there, _, err := find(ctx, tx, subject)
			activated = there.ID == f.ID && there.Call == f.Call // this call, come again
			return err
		}
		activated = true
		if _, err := tx.Exec(ctx, "DELETE FROM {mfa_enrolments} WHERE subject = ?", []byte(subject)); err != nil {
			return err
		}
		_, err = tx.Exec(ctx,
			"INSERT INTO {mfa_factors} (subject, id, sealed, step, call_id, confirmed_at, codes) VALUES (?, ?, ?, ?, ?, ?, ?) {UPSERT (subject) id, sealed, step, call_id, confirmed_at, codes}",
			[]byte(subject), f.ID, []byte(f.Sealed), step, f.Call[:], sqldb.Micros(f.ConfirmedAt.Truncate(time.Millisecond)), []byte(newCodeList(codes)))
		return err
	})
	switch {
	case err != nil:
		return failed("activate", err)
	case !activated:
		return mfa.ErrNoPending
	}
	return nil
}

// Advance implements mfa.FactorStore.
func (s *Store) Advance(ctx context.Context, subject, id string, step uint64, call mfa.CallID) (bool, error) {
	n, err := toStep(step)
	if err != nil || id == "" {
		return false, err
	}
	changed, err := s.db.ExecRepeatable(ctx, "UPDATE {mfa_factors} SET step = ?, call_id = ? WHERE subject = ? AND id = ? AND step < ?",
		n, call[:], []byte(subject), id, n)
	if err != nil || changed > 0 {
		return err == nil, failed("advance", err)
	}
	there, _, err := find(ctx, s.db, subject)
	return err == nil && there.ID == id && there.Step == step && there.Call == call, failed("advance", err)
}

// Reseal implements mfa.FactorStore.
func (s *Store) Reseal(ctx context.Context, subject, id, from, to string) (bool, error) {
	if id == "" {
		return false, nil
	}
	changed, err := s.db.ExecRepeatable(ctx, "UPDATE {mfa_factors} SET sealed = ? WHERE subject = ? AND id = ? AND sealed = ?",
		[]byte(to), []byte(subject), id, []byte(from))
	if err != nil || changed > 0 {
		return err == nil, failed("reseal", err)
	}
	there, _, err := find(ctx, s.db, subject)
	return err == nil && there.ID == id && there.Sealed == to, failed("reseal", err)
}

// Deactivate implements mfa.FactorStore. It locks the enrolment first, as Activate
// does, so that the two wait for each other and not in a circle.
func (s *Store) Deactivate(ctx context.Context, subject, id string, codes bool) error {
	if id == "" {
		return nil
	}
	err := s.db.Tx(ctx, repeatable, func(ctx context.Context, tx *sqldb.Tx) error {
		if _, err := s.waits(ctx, tx, subject, id); err != nil {
			return err
		}
		query, args := "DELETE FROM {mfa_factors} WHERE subject = ? AND id = ?", []any{[]byte(subject), id}
		if !codes {
			query = "UPDATE {mfa_factors} SET id = '', sealed = ?, step = 0, call_id = ?, confirmed_at = 0 WHERE subject = ? AND id = ?"
			args = append([]any{[]byte{}, make([]byte, len(mfa.CallID{}))}, args...)
		}
		removed, err := tx.Exec(ctx, query, args...)
		if err != nil || removed == 0 {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM {mfa_factors} WHERE subject = ? AND id = '' AND codes = ?", []byte(subject), []byte{}); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "DELETE FROM {mfa_enrolments} WHERE subject = ?", []byte(subject))
		return err
	})
	return failed("deactivate", err)
}

// Remove implements mfa.FactorStore.
func (s *Store) Remove(ctx context.Context, subject string) error {
	err := s.db.Tx(ctx, repeatable, func(ctx context.Context, tx *sqldb.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM {mfa_enrolments} WHERE subject = ?", []byte(subject)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "DELETE FROM {mfa_factors} WHERE subject = ?", []byte(subject))
		return err
	})
	return failed("remove", err)
}

func toStep(step uint64) (int64, error) {
	if step > math.MaxInt64 {
		return 0, errStep
	}
	return int64(step), nil
}
