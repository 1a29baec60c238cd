package sqlstore

import (
	"context"
	"time"

	"github.com/go-sallyport/auth/internal/sqldb"
	"github.com/go-sallyport/auth/oauth"
)

const selectLinks = "SELECT id, issuer, subject, account, provider, label, created_at FROM {oauth_links}"

// repeatable: what a call does twice changes nothing the second time.
var repeatable = sqldb.TxOptions{Repeatable: true}

// Find implements oauth.LinkStore.
func (s *Store) Find(ctx context.Context, issuer, subject string) (oauth.Link, error) {
	list, err := s.links(ctx, s.db, selectLinks+" WHERE id = ?", keyOf(issuer, subject))
	switch {
	case err != nil:
		return oauth.Link{}, failed("find", err)
	case len(list) == 0:
		return oauth.Link{}, oauth.ErrNoLink
	case list[0].Issuer != issuer || list[0].Subject != subject:
		return oauth.Link{}, errCorrupt
	}
	return list[0], nil
}

// List implements oauth.LinkStore.
func (s *Store) List(ctx context.Context, user string) ([]oauth.Link, error) {
	list, err := s.links(ctx, s.db, selectLinks+" WHERE account = ? ORDER BY created_at, id", user)
	return list, failed("list", err)
}

// Create implements oauth.LinkStore.
func (s *Store) Create(ctx context.Context, l oauth.Link, limit int) error {
	for _, v := range []struct {
		value string
		limit int
	}{{l.Issuer, oauth.MaxIssuerBytes}, {l.Subject, oauth.MaxSubjectBytes}, {l.User, 255}, {l.Provider, 32}} {
		if v.value == "" || !keeps(v.value, v.limit) {
			return errValue
		}
	}
	if !keeps(l.Label, oauth.MaxLabelBytes) {
		return errValue
	}
	id := keyOf(l.Issuer, l.Subject)
	return failed("create", s.db.Tx(ctx, repeatable, func(ctx context.Context, tx *sqldb.Tx) error {
		if err := s.lock(ctx, tx, l.User); err != nil {
			return err
		}
		there, err := s.links(ctx, tx, selectLinks+" WHERE id = ?", id)
		switch {
		case err != nil:
			return err
		case len(there) > 0 && there[0].User == l.User:
			return nil // this call, come again
		case len(there) > 0:
			return oauth.ErrLinked
		}
		n, err := count(ctx, tx, l.User)
		if err != nil {
			return err
		}
		if n >= limit {
			return oauth.ErrTooManyLinks
		}
		done, err := tx.Insert(ctx, "INSERT INTO {oauth_links} (id, issuer, subject, account, provider, label, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
			id, l.Issuer, l.Subject, l.User, l.Provider, l.Label, sqldb.Micros(l.CreatedAt.Truncate(time.Millisecond)))
		if err == nil && !done {
			return oauth.ErrLinked // by another user, since it was looked for
		}
		return err
	}))
}

// Delete implements oauth.LinkStore.
func (s *Store) Delete(ctx context.Context, user, issuer, subject string, keep int) error {
	id := keyOf(issuer, subject)
	return failed("delete", s.db.Tx(ctx, repeatable, func(ctx context.Context, tx *sqldb.Tx) error {
		if err := s.lock(ctx, tx, user); err != nil {
			return err
		}
		n, err := count(ctx, tx, user)
		if err != nil {
			return err
		}
		there, err := s.links(ctx, tx, selectLinks+" WHERE id = ?", id)
		if err != nil {
			return err
		}
		if len(there) > 0 && there[0].User == user {
			if n--; n < keep {
				return oauth.ErrLastMethod
			}
			if _, err := tx.Exec(ctx, "DELETE FROM {oauth_links} WHERE id = ? AND account = ?", id, user); err != nil {
				return err
			}
		}
		if n > 0 {
			return nil
		}
		return unlock(ctx, tx, user)
	}))
}

// DeleteAll implements oauth.LinkStore.
func (s *Store) DeleteAll(ctx context.Context, user string) error {
	return failed("delete all", s.db.Tx(ctx, repeatable, func(ctx context.Context, tx *sqldb.Tx) error {
		if err := s.lock(ctx, tx, user); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM {oauth_links} WHERE account = ?", user); err != nil {
			return err
		}
		return unlock(ctx, tx, user)
	}))
}

// lock keeps the number of links of a user as it is until the end of tx. A user who has
// none has no row to be locked, so one is made.
func (s *Store) lock(ctx context.Context, tx *sqldb.Tx, user string) error {
	if user == "" || !keeps(user, 255) {
		return errValue
	}
	_, err := tx.Exec(ctx, "INSERT INTO {oauth_users} (account, changed_at) VALUES (?, ?) {UPSERT (account) changed_at}", user, sqldb.Micros(s.now()))
	return err
}

// unlock removes the row of a user who has no links. Who waits for it makes another.
func unlock(ctx context.Context, tx *sqldb.Tx, user string) error {
	_, err := tx.Exec(ctx, "DELETE FROM {oauth_users} WHERE account = ?", user)
	return err
}

func count(ctx context.Context, q sqldb.Querier, user string) (n int, err error) {
	err = q.Query(ctx, "SELECT COUNT(*) FROM {oauth_links} WHERE account = ?", user).Scan(&n)
	return n, err
}

// links returns the rows of a statement of selectLinks.
func (s *Store) links(ctx context.Context, q sqldb.Querier, query string, args ...any) ([]oauth.Link, error) {
	list := []oauth.Link{}
	err := q.Query(ctx, query, args...).Each(func(scan func(...any) error) error {
		var l oauth.Link
		var id []byte
		if err := scan(&id, &l.Issuer, &l.Subject, &l.User, &l.Provider, &l.Label, sqldb.Timestamp(&l.CreatedAt)); err != nil {
			return err
		}
		list = append(list, l)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}
