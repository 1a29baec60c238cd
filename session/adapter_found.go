package session

import (
	"context"
	"errors"
	"time"
)

// A found is a live session with all that makes it one.
type found struct {
	record     *Record
	id         ID
	generation generation // of its user; zero for a visitor
}

// find returns the live session of id, or ErrNoSession. Its record belongs to the
// caller.
func (a *adapter) find(ctx context.Context, id ID) (found, error) {
	rec, err := a.entries.record(ctx, id)
	if err != nil {
		return found{}, err
	}
	p, ok, err := a.entries.pass(ctx, rec.ID)
	switch {
	case err != nil:
		return found{}, err
	case !ok || p.id != id:
		return found{}, ErrNoSession
	case rec.Principal == nil:
		return found{rec, id, generation{}}, nil
	}
	g, err := a.entries.generation(ctx, id.Bucket())
	switch {
	case err != nil:
		return found{}, err
	case p.number != g.number && g.spared != rec.ID:
		return found{}, ErrNoSession
	}
	return found{rec, id, g}, nil
}

// findPublic is find by the public id.
func (a *adapter) findPublic(ctx context.Context, publicID string) (found, error) {
	p, ok, err := a.entries.pass(ctx, publicID)
	if err != nil {
		return found{}, err
	}
	if !ok {
		return found{}, ErrNoSession
	}
	return a.find(ctx, p.id)
}

// free returns ErrExists if id is taken.
func (a *adapter) free(ctx context.Context, id ID) error {
	_, err := a.find(ctx, id)
	switch {
	case err == nil:
		return ErrExists
	case isNoSession(err):
		return nil
	}
	return err
}

// change replaces the record of a live session.
func (a *adapter) change(ctx context.Context, id ID, expiry time.Time, f func(*Record) *Record) error {
	unlock, err := a.lock(ctx, id.Bucket())
	if err != nil {
		return err
	}
	defer unlock()
	live, err := a.find(ctx, id)
	if err != nil {
		return err
	}
	publicID := live.record.ID
	if !time.Now().Before(expiry) {
		return errors.Join(ErrNoSession, a.end(ctx, id, publicID))
	}
	rec := f(live.record)
	if rec.ID != publicID {
		return errPublic
	}
	return a.entries.setRecord(ctx, id, rec, expiry)
}

// put writes a session. The pass is last: it is what makes it live.
func (a *adapter) put(ctx context.Context, id ID, rec *Record, expiry time.Time, g generation) error {
	if err := a.entries.setRecord(ctx, id, rec, expiry); err != nil {
		return err
	}
	passExpiry := rec.Deadline
	if passExpiry.Before(expiry) {
		passExpiry = expiry
	}
	return a.entries.setPass(ctx, rec.ID, pass{id, g.number}, passExpiry)
}

// end takes the pass of a session, if it is still that of id, and then drops the
// record, which is worth nothing any more.
func (a *adapter) end(ctx context.Context, id ID, publicID string) error {
	p, ok, err := a.entries.pass(ctx, publicID)
	if err != nil {
		return err
	}
	if ok && p.id == id {
		if err := a.entries.delete(ctx, passKey(publicID)); err != nil {
			return err
		}
	}
	return a.entries.delete(ctx, recordKey(id))
}

// list returns the live sessions in b.
func (a *adapter) list(ctx context.Context, b Bucket) ([]found, error) {
	ids, err := a.entries.list(ctx, b)
	if err != nil {
		return nil, err
	}
	all := make([]found, 0, len(ids))
	for _, publicID := range ids {
		f, err := a.findPublic(ctx, publicID)
		if isNoSession(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, nil
}

// lasting returns g, or a new generation if there is none or it would end before
// the deadline. A generation is never written twice, not even to live longer: in
// between somebody may have revoked it.
func (a *adapter) lasting(ctx context.Context, b Bucket, g generation, deadline time.Time) (generation, error) {
	if g.expiry >= deadline.UnixMilli() {
		return g, nil
	}
	return a.entries.setGeneration(ctx, b, "")
}

// lock makes all that is written in b one after the other, in this process.
func (a *adapter) lock(ctx context.Context, b Bucket) (unlock func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l := a.locks[b[0]]
	select {
	case l <- struct{}{}:
		return func() { <-l }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func publicIDs(all []found) []string {
	ids := make([]string, 0, len(all)+1)
	for _, f := range all {
		ids = append(ids, f.record.ID)
	}
	return ids
}

// later is when the last of all these sessions ends.
func later(deadline time.Time, all []found) time.Time {
	for _, f := range all {
		if deadline.Before(f.record.Deadline) {
			deadline = f.record.Deadline
		}
	}
	return deadline
}
