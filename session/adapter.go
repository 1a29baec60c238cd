package session

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/alexedwards/scs/v2"
)

// FromSCS makes a Store of any store that was written for scs v2, for databases
// that this module has no store for. It wants nothing but Find, Commit and Delete,
// or the variants with a context. A store of this module, such as redisstore, is
// faster and promises more.
//
// A store of scs writes without looking, so a write in flight could bring back a
// session that has just ended. So that none does, a session is kept as two
// entries, and lives only while both are there: the record, which requests
// rewrite, and a pass, which only a sign-in or a renewal writes. What ends a
// session takes the pass. Of a user there are two more: the number that all the
// user's passes must show, which RevokeSubject changes, and a list. An entry that
// the database loses signs users out, and never in.
//
// Among the requests of one process, every method is as atomic as Store asks, and
// storetest passes; only List may miss a session for the moment of a Rename.
// Between processes that share the database, some cases of storetest do not hold;
// they are named here:
//
//   - Update and Touch never bring back a session that was ended, nor an id that
//     was renewed, and RevokeSubject ends every session that was there before.
//   - A Rename that runs at the same moment as a Delete or Revoke of the session
//     may win: the session goes on under its new id. So sign out again if a
//     sign-in ran beside it. ("a renewal does not escape the revocation of its session")
//   - Of two Renames at the same moment both may return nil. Of two renewals one
//     id lives then, of two sign-ins both. ("of many renames of one id one wins")
//   - Two Creates of one id both may return nil. Ids are random, so there are
//     none. ("of many creates of one id one wins")
//   - A Touch may undo the values that an Update writes at the same moment.
//     ("touch changes nothing but the time")
//   - Of sign-ins of one user at the same moment all but one may be missing in
//     List, and escape the limit of Create. RevokeSubject ends them all the same.
//     Of the very first ones all but one may have to sign in again.
//
// A Find is three calls of the store, for a visitor's session two. A call that
// takes no context cannot be stopped: it is only not begun when the context is
// over. A few bytes stay for each user for up to 800 days; the sign-in that needs
// them anew then ends the user's other sessions. The store must take expiries of
// that length and values of MaxRecordSize and some bytes; its keys are of 43
// characters, as with scs. It must not read from replicas, where what has ended
// still lives for a while.
//
// The error says that there is no store.
func FromSCS(s scs.Store) (Store, error) {
	if s == nil {
		return nil, errSCSNil
	}
	if _, own := s.(scsStore); own {
		return nil, errSCSOwn
	}
	a := &adapter{entries: entries{plain: s}}
	a.entries.ctx, _ = s.(scs.CtxStore)
	for i := range a.locks {
		a.locks[i] = make(chan struct{}, 1)
	}
	return a, nil
}

// generationLife is how long a generation is kept: longer than any session that
// starts in its first half.
const generationLife = 2 * maxLifetime

// An adapter is the Store of FromSCS.
type adapter struct {
	entries entries
	locks   [256]chan struct{} // by Bucket; of all that write
}

var _ Store = (*adapter)(nil)

// Create implements Store.
func (a *adapter) Create(ctx context.Context, id ID, rec *Record, expiry time.Time, limit int) error {
	unlock, err := a.lock(ctx, id.Bucket())
	if err != nil {
		return err
	}
	defer unlock()
	if err := a.free(ctx, id); err != nil {
		return err
	}
	if !time.Now().Before(expiry) {
		return ErrNoSession
	}
	if rec.Principal == nil {
		return a.put(ctx, id, rec, expiry, generation{})
	}
	all, err := a.list(ctx, id.Bucket())
	if err != nil {
		return err
	}
	if limit > 0 && len(all) >= limit {
		slices.SortStableFunc(all, func(x, y found) int { return x.record.Created.Compare(y.record.Created) })
		for _, old := range all[:len(all)-limit+1] {
			if err := a.end(ctx, old.id, old.record.ID); err != nil {
				return err
			}
		}
		all = all[len(all)-limit+1:]
	}
	g, err := a.entries.generation(ctx, id.Bucket())
	if err != nil {
		return err
	}
	if g, err = a.lasting(ctx, id.Bucket(), g, rec.Deadline); err != nil {
		return err
	}
	if err := a.entries.setList(ctx, id.Bucket(), append(publicIDs(all), rec.ID), later(rec.Deadline, all)); err != nil {
		return err
	}
	return a.put(ctx, id, rec, expiry, g)
}

// Find implements Store.
func (a *adapter) Find(ctx context.Context, id ID) (*Record, error) {
	f, err := a.find(ctx, id)
	return f.record, err
}

// Update implements Store.
func (a *adapter) Update(ctx context.Context, id ID, rec *Record, expiry time.Time) error {
	return a.change(ctx, id, expiry, func(*Record) *Record { return rec })
}

// Touch implements Store.
func (a *adapter) Touch(ctx context.Context, id ID, seen, expiry time.Time) error {
	return a.change(ctx, id, expiry, func(rec *Record) *Record {
		rec.Seen = seen // Find has made it for us
		return rec
	})
}

// Rename implements Store.
func (a *adapter) Rename(ctx context.Context, from, to ID, rec *Record, expiry time.Time) error {
	unlock, err := a.lock(ctx, from.Bucket())
	if err != nil {
		return err
	}
	defer unlock()
	f, err := a.find(ctx, from)
	if err != nil {
		return err
	}
	if err := a.free(ctx, to); err != nil {
		return err
	}
	if !time.Now().Before(expiry) {
		return errors.Join(ErrNoSession, a.end(ctx, from, f.record.ID))
	}
	g := f.generation
	if rec.Principal != nil {
		// Not read anew: a RevokeSubject that came after find must end this.
		if g, err = a.lasting(ctx, to.Bucket(), g, rec.Deadline); err != nil {
			return err
		}
	}
	if rec.ID == f.record.ID {
		// One write moves the pass from the old id to the new one.
		if err := a.put(ctx, to, rec, expiry, g); err != nil {
			return err
		}
		return a.entries.delete(ctx, recordKey(from))
	}
	if rec.Principal != nil {
		all, err := a.list(ctx, to.Bucket())
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(x found) bool { return x.id == from })
		if err := a.entries.setList(ctx, to.Bucket(), append(publicIDs(all), rec.ID), later(rec.Deadline, all)); err != nil {
			return err
		}
	}
	if err := a.end(ctx, from, f.record.ID); err != nil {
		return err
	}
	return a.put(ctx, to, rec, expiry, g)
}

// Delete implements Store.
func (a *adapter) Delete(ctx context.Context, id ID) error {
	unlock, err := a.lock(ctx, id.Bucket())
	if err != nil {
		return err
	}
	defer unlock()
	rec, err := a.entries.record(ctx, id)
	switch {
	case err == nil:
		return a.end(ctx, id, rec.ID)
	case isNoSession(err):
		return a.entries.delete(ctx, recordKey(id))
	}
	return err
}

// List implements Store.
func (a *adapter) List(ctx context.Context, subject string) ([]*Record, error) {
	all, err := a.list(ctx, BucketOf(subject))
	records := make([]*Record, 0, len(all))
	for _, f := range all {
		records = append(records, f.record)
	}
	return records, err
}

// Revoke implements Store.
func (a *adapter) Revoke(ctx context.Context, subject, publicID string) error {
	b := BucketOf(subject)
	unlock, err := a.lock(ctx, b)
	if err != nil {
		return err
	}
	defer unlock()
	p, ok, err := a.entries.pass(ctx, publicID)
	if err != nil || !ok || p.id.Bucket() != b {
		return err
	}
	return a.end(ctx, p.id, publicID)
}

// RevokeSubject implements Store.
func (a *adapter) RevokeSubject(ctx context.Context, subject, except string) error {
	b := BucketOf(subject)
	unlock, err := a.lock(ctx, b)
	if err != nil {
		return err
	}
	defer unlock()
	g, err := a.entries.generation(ctx, b)
	if err != nil {
		return err
	}
	if except != "" {
		_, err := a.findPublic(ctx, except)
		switch {
		case isNoSession(err):
			except = "" // who is dead must not live again because of being spared
		case err != nil:
			return err
		}
	}
	if g != (generation{}) {
		if _, err := a.entries.setGeneration(ctx, b, except); err != nil {
			return err
		}
	}
	// All is done but for what is left behind.
	ids, err := a.entries.list(ctx, b)
	if err != nil {
		return err
	}
	for _, publicID := range ids {
		if publicID == except {
			continue
		}
		p, ok, err := a.entries.pass(ctx, publicID)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if err := a.end(ctx, p.id, publicID); err != nil {
			return err
		}
	}
	return nil
}
