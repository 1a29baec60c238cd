package sqldb

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Bounds of the retries. Conflicts are common and cheap; an unavailable server
// is not helped by more of them.
const (
	conflictTries    = 20
	unavailableTries = 3
	firstPause       = 2 * time.Millisecond
	longestPause     = 100 * time.Millisecond
	// graceful is what the end of a transaction gets if its time is over.
	graceful = time.Second
)

// A work says how to run an attempt.
type work struct {
	repeatable bool          // also when it may have been done
	writes     bool          // on SQLite, one at a time
	limit      time.Duration // zero: that of the context alone
	breakable  bool          // a statement under way ends with the context
}

// An attempt does its work on a connection once. It reports whether a failed one
// may have been done all the same. The context is for its statements.
type attempt func(ctx context.Context, conn *sql.Conn) (inDoubt bool, err error)

// within returns ctx with the time limit of the work.
func (w work) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if w.limit == 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, w.limit, timeoutError{w.limit})
}

// steady returns the context for the statements of the work. It ends with the
// deadline of ctx, and not when ctx is cancelled. To break a statement off,
// drivers throw the connection away, and what that leaves at the server is not
// theirs to say: with pgx a transaction may stay open, with its locks, for 15
// seconds. Clients must not be able to do that by hanging up.
func (w work) steady(ctx context.Context) (context.Context, context.CancelFunc) {
	if w.breakable {
		return ctx, func() {}
	}
	calm, release := w.within(context.WithoutCancel(ctx))
	deadline, ok := ctx.Deadline()
	if own, limited := calm.Deadline(); !ok || limited && !deadline.Before(own) {
		return calm, release
	}
	calm, cancel := context.WithDeadline(calm, deadline)
	return calm, func() { cancel(); release() }
}

// A final error of an attempt is the caller's own. It is returned as it is, and
// nothing is tried again.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// A timeoutError is the cause of the end of a context that ran into Config.Timeout.
type timeoutError struct{ limit time.Duration }

func (e timeoutError) Error() string {
	return fmt.Sprintf("no answer within %s: look for locks that others hold, or a pool that is too small", e.limit)
}
func (timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// run makes attempts until one succeeds, must not be repeated, or time is over.
func (db *DB) run(ctx context.Context, w work, do attempt) error {
	statements, release := w.steady(ctx)
	defer release()
	ctx, cancel := w.within(ctx)
	defer cancel()
	if w.writes && db.writer != nil {
		// SQLite lets those who wait for its lock poll. Within one process there
		// is a queue instead.
		select {
		case db.writer <- struct{}{}:
			defer func() { <-db.writer }()
		case <-ctx.Done():
			return db.dialect.fail(ctx, ctx.Err(), false)
		}
	}
	for try := 1; ; try++ {
		inDoubt, err := db.once(ctx, statements, do)
		var last final
		if errors.As(err, &last) {
			return last.error
		}
		if err == nil || ctx.Err() != nil || !db.again(w, try, inDoubt, err) || !pause(ctx, try) {
			return err
		}
	}
}

// once makes one attempt on a connection of its own. A connection that failed, or
// leads to a server that was replaced, does not go back into the pool.
func (db *DB) once(ctx, statements context.Context, do attempt) (inDoubt bool, err error) {
	conn, err := db.pool.Conn(ctx)
	if err != nil {
		return false, db.dialect.fail(ctx, err, false)
	}
	defer func() {
		if db.dialect != SQLite && (errors.Is(err, ErrUnavailable) || errors.Is(err, ErrReadOnly)) {
			discard(conn)
		}
		_ = conn.Close() // fails if discarded
	}()
	inDoubt, err = do(statements, conn)
	return inDoubt, db.dialect.fail(statements, err, inDoubt)
}

func (db *DB) again(w work, try int, inDoubt bool, err error) bool {
	if inDoubt && !w.repeatable {
		return false
	}
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	switch {
	case errors.Is(e.Class, ErrConflict):
		// On SQLite it is no more than a lock to wait for.
		return try < conflictTries || db.dialect == SQLite
	case errors.Is(e.Class, ErrUnavailable), errors.Is(e.Class, ErrReadOnly) && db.dialect != SQLite:
		return try < unavailableTries
	}
	return false
}

// pause waits for a random time that may double with each try, so that those who
// collided do not meet again. It reports whether there is time left.
func pause(ctx context.Context, try int) bool {
	most := min(firstPause<<min(try-1, 10), longestPause)
	var b [4]byte
	_, _ = rand.Read(b[:]) // does not fail, see crypto/rand
	timer := time.NewTimer(most * time.Duration(binary.LittleEndian.Uint32(b[:])) >> 32)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// discard closes a connection for good.
func discard(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
}
