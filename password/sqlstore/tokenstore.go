package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/go-sallyport/auth/internal/sqldb"
	"github.com/go-sallyport/auth/password"
)

// sweepTimeout is how long a Put waits for the removal of expired rows.
const sweepTimeout = time.Second

// A TokenStore keeps one-time tokens in the database of a Store. It is safe for
// concurrent use, by any number of processes.
type TokenStore struct {
	db    *sqldb.DB
	sweep *sqldb.Sweeper
}

var _ password.TokenStore = (*TokenStore)(nil)

// Put implements password.TokenStore.
func (s *TokenStore) Put(ctx context.Context, t password.Token) error {
	if t.Subject == "" || t.Purpose == "" || len(t.Purpose) > password.MaxPurposeBytes || !keeps(t.Subject, string(t.Purpose)) {
		return errToken
	}
	_, err := s.db.ExecRepeatable(ctx,
		"INSERT INTO {user_tokens} (subject, purpose, hash, binding, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?) {UPSERT (subject, purpose) hash, binding, created_at, expires_at}",
		t.Subject, string(t.Purpose), t.Hash[:], t.Binding, sqldb.Micros(t.CreatedAt), sqldb.Micros(t.ExpiresAt))
	if err != nil {
		return failed("put", err)
	}
	sweepCtx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	// Whether there is room is not what this call is about: the next one sweeps.
	_ = s.sweep.Lazily(sweepCtx, t.CreatedAt)
	return nil
}

// Find implements password.TokenStore.
func (s *TokenStore) Find(ctx context.Context, hash [32]byte, purpose password.Purpose, now time.Time) (password.Token, error) {
	if !keeps(string(purpose)) {
		return password.Token{}, password.ErrToken
	}
	t := password.Token{Hash: hash, Purpose: purpose}
	err := s.db.Query(ctx, "SELECT subject, binding, created_at, expires_at FROM {user_tokens} WHERE hash = ? AND purpose = ? AND expires_at > ?",
		hash[:], string(purpose), sqldb.Micros(now)).
		Scan(&t.Subject, &t.Binding, sqldb.Timestamp(&t.CreatedAt), sqldb.Timestamp(&t.ExpiresAt))
	if errors.Is(err, sql.ErrNoRows) {
		return password.Token{}, password.ErrToken
	}
	if err != nil {
		return password.Token{}, failed("find a token", err)
	}
	return t, nil
}

// Consume implements password.TokenStore. A row never changes under its hash, so
// what was read is what is removed, and the one whose DELETE removes it has it. The
// DELETE names the primary key first, as Put and Void do, so that they wait for each
// other and not in a circle.
func (s *TokenStore) Consume(ctx context.Context, hash [32]byte, purpose password.Purpose, now time.Time) (password.Token, error) {
	t, err := s.Find(ctx, hash, purpose, now)
	if err != nil {
		return password.Token{}, err
	}
	// Not repeatable: a repeat would tell the winner that they have lost, and if
	// both were told so nobody has the token.
	n, err := s.db.Exec(ctx, "DELETE FROM {user_tokens} WHERE subject = ? AND purpose = ? AND hash = ? AND expires_at > ?",
		t.Subject, string(purpose), hash[:], sqldb.Micros(now))
	switch {
	case err != nil:
		return password.Token{}, failed("consume a token", err)
	case n == 0:
		return password.Token{}, password.ErrToken
	}
	return t, nil
}

// Void implements password.TokenStore.
func (s *TokenStore) Void(ctx context.Context, subject string, purposes ...password.Purpose) error {
	if !keeps(subject) {
		return nil
	}
	if len(purposes) == 0 {
		_, err := s.db.ExecRepeatable(ctx, "DELETE FROM {user_tokens} WHERE subject = ?", subject)
		return failed("void tokens", err)
	}
	err := s.db.Tx(ctx, sqldb.TxOptions{Repeatable: true}, func(ctx context.Context, tx *sqldb.Tx) error {
		for _, purpose := range purposes {
			if !keeps(string(purpose)) {
				continue
			}
			if _, err := tx.Exec(ctx, "DELETE FROM {user_tokens} WHERE subject = ? AND purpose = ?", subject, string(purpose)); err != nil {
				return err
			}
		}
		return nil
	})
	return failed("void tokens", err)
}

var errToken = errors.New("sqlstore: a token wants a subject and a purpose that password.Tokens would take")
