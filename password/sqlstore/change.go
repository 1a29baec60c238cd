package sqlstore

import (
	"context"
	"errors"
	"time"

	"github.com/go-sallyport/auth/internal/sqldb"
	"github.com/go-sallyport/auth/password/account"
)

// SetPassword implements account.Store.
func (s *Store) SetPassword(ctx context.Context, id, oldHash, newHash string, validAfter time.Time) error {
	if !keeps(newHash) {
		return errValue
	}
	if !keeps(oldHash) {
		oldHash = newHash // no user has that hash; a repeat is one all the same
	}
	at := sqldb.Micros(validAfter)
	return s.change(ctx, "set password", id,
		"UPDATE {users} SET hash = ?, valid_after = CASE WHEN valid_after < ? THEN ? ELSE valid_after END, writes = writes + 1 WHERE id = ? AND (hash = ? OR hash = ?)",
		newHash, at, at, id, oldHash, newHash)
}

// SetEmail implements account.Store.
func (s *Store) SetEmail(ctx context.Context, id, oldCanonical, email, canonical string) error {
	if canonical == "" || !keeps(email, canonical) {
		return errValue
	}
	if !keeps(oldCanonical) {
		oldCanonical = canonical // as for the hash
	}
	return s.change(ctx, "set e-mail", id,
		"UPDATE {users} SET email = ?, canonical = ?, verified = ?, writes = writes + 1 WHERE id = ? AND (canonical = ? OR canonical = ?)",
		email, canonical, true, id, oldCanonical, canonical)
}

// Delete implements account.Deleter. The tokens of the user go in the same step.
func (s *Store) Delete(ctx context.Context, id string) error {
	if !keeps(id) {
		return nil
	}
	err := s.db.Tx(ctx, sqldb.TxOptions{Repeatable: true}, func(ctx context.Context, tx *sqldb.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM {users} WHERE id = ?", id); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "DELETE FROM {user_tokens} WHERE subject = ?", id)
		return err
	})
	return failed("delete", err)
}

// change runs an UPDATE of one user, which may run twice: a repeat fits the row
// that the first one left. MySQL counts a row only if something in it became
// another: that is what the column writes is for.
//
// If the UPDATE fitted no row there is no such user or the row is another by now.
// Both were so at some moment of the call, and nothing has changed.
func (s *Store) change(ctx context.Context, doing, id, query string, args ...any) error {
	if !keeps(id) {
		return account.ErrNotFound
	}
	n, err := s.db.ExecRepeatable(ctx, query, args...)
	switch {
	case errors.Is(err, sqldb.ErrDuplicate):
		return account.ErrExists
	case err != nil:
		return failed(doing, err)
	case n > 0:
		return nil
	}
	if _, err := s.Find(ctx, id); err != nil {
		return err
	}
	return account.ErrConflict
}
