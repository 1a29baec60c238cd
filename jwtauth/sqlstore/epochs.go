package sqlstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/go-sallyport/auth/internal/sqldb"
	"github.com/go-sallyport/auth/jwtauth"
)

// keepEpoch is how long an epoch is kept after its time: longer than any token that
// a Verifier takes lives, and an hour more for clocks that differ.
const keepEpoch = 25 * time.Hour

// An EpochStore keeps epochs beside the families, for services of several
// processes. It is safe for concurrent use.
//
// It reads and writes by the primary key, one statement each. A Verifier asks it
// once per subject in each VerifierConfig.EpochDelay.
type EpochStore struct {
	db    *sqldb.DB
	sweep *sqldb.Sweeper
	now   string // the clock of the server
}

var _ jwtauth.EpochStore = (*EpochStore)(nil)

// Epoch implements jwtauth.Epochs.
func (e *EpochStore) Epoch(ctx context.Context, subject string) (time.Time, error) {
	var epoch time.Time
	err := e.db.Query(ctx, "SELECT epoch FROM {epochs} WHERE subject = ?", subjectKey(subject)).
		Each(func(scan func(...any) error) error { return scan(sqldb.Timestamp(&epoch)) })
	if err != nil {
		return time.Time{}, failed("epoch", err)
	}
	return epoch, nil
}

// Advance implements jwtauth.EpochStore.
func (e *EpochStore) Advance(ctx context.Context, subject string, at time.Time) error {
	key, epoch, expiry := subjectKey(subject), sqldb.Micros(at), sqldb.Micros(at.Add(keepEpoch))
	moved, err := e.raise(ctx, key, epoch, expiry)
	if err == nil && !moved {
		_, err = e.db.ExecRepeatable(ctx, "INSERT INTO {epochs} (subject, epoch, expires_at) VALUES (?, ?, ?)", key, epoch, expiry)
		if errors.Is(err, sqldb.ErrDuplicate) { // a later epoch, or one that came in between
			_, err = e.raise(ctx, key, epoch, expiry)
		}
	}
	if err != nil {
		return failed("advance", err)
	}
	e.makeRoom(ctx)
	return nil
}

// raise moves an epoch that is there and is earlier.
func (e *EpochStore) raise(ctx context.Context, key []byte, epoch, expiry int64) (bool, error) {
	n, err := e.db.ExecRepeatable(ctx, "UPDATE {epochs} SET epoch = ?, expires_at = ? WHERE subject = ? AND epoch < ?", epoch, expiry, key, epoch)
	return n == 1, err
}

// makeRoom removes epochs that no token is older than, now and then. Whether it
// succeeds is not what Advance is about.
func (e *EpochStore) makeRoom(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	var now time.Time
	if err := e.db.Query(ctx, "SELECT "+e.now).Scan(sqldb.Timestamp(&now)); err == nil {
		_ = e.sweep.Lazily(ctx, now)
	}
}

func subjectKey(subject string) []byte {
	sum := sha256.Sum256([]byte(subject))
	return sum[:]
}
