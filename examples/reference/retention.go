package main

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Old records of the audit log go by themselves. Every process looks for them at its start
// and then once an hour. Those that do so at the same time are in each other's way for no
// longer than a batch: who comes second finds the records gone.
const (
	pruneEvery = time.Hour
	pruneBatch = 500
	prunePause = 50 * time.Millisecond // for others who want to write
)

// pruneUntil deletes records that are older than so many days, until ctx is done.
func (a *auditLog) pruneUntil(ctx context.Context, days int) {
	defer close(a.pruned)
	every := time.NewTicker(pruneEvery)
	defer every.Stop()
	for {
		if err := a.pruneOlder(ctx, days); err != nil && ctx.Err() == nil {
			a.log.Error("old audit records are left for the next time", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
	}
}

// pruneOlder deletes what is older than so many days now. 0 keeps all.
func (a *auditLog) pruneOlder(ctx context.Context, days int) error {
	if days == 0 {
		return nil
	}
	return a.prune(ctx, time.Now().AddDate(0, 0, -days))
}

// prune deletes all records from before that time, the oldest first, in small batches: no
// lock is held for longer than one of them takes.
func (a *auditLog) prune(ctx context.Context, before time.Time) error {
	for {
		more, err := a.pruneOldest(ctx, before.UnixMilli())
		if err != nil || !more {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(prunePause):
		}
	}
}

const endOfBatch = "SELECT at FROM reference_audit WHERE at < ? ORDER BY at LIMIT 1 OFFSET ?"

// pruneOldest deletes one batch, and reports whether there may be more. The table has no
// key: a batch ends with a time, and takes all records of that millisecond along.
func (a *auditLog) pruneOldest(ctx context.Context, before int64) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	end := before - 1
	err = a.stores.db.QueryRowContext(ctx, a.stores.bind(endOfBatch), before, pruneBatch-1).Scan(&end)
	switch {
	case err == nil:
		more = true
	case !errors.Is(err, sql.ErrNoRows): // no rows: fewer than a batch are left
		return false, err
	}
	return more, a.stores.exec(ctx, "DELETE FROM reference_audit WHERE at <= ?", end)
}
