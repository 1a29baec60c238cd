package sqlstore

import (
	"context"
	"time"

	"github.com/go-sallyport/auth/internal/sqldb"
	"github.com/go-sallyport/auth/password/account"
)

// MaxList is the most users that List returns at once.
const MaxList = 1000

// List returns up to limit users, at most MaxList, whose canonical addresses come
// after that one, in their order, for the pages of an administrator: give it the
// last one of a page for the next. Empty: from the first. The users have no Hash,
// as a page needs none.
func (s *Store) List(ctx context.Context, after string, limit int) ([]account.User, error) {
	if !keeps(after) {
		return nil, errValue
	}
	var list []account.User
	err := s.db.Query(ctx, "SELECT "+columns+" FROM {users} WHERE canonical > ? ORDER BY canonical LIMIT ?", after, max(0, min(limit, MaxList))).
		Each(func(scan func(...any) error) error {
			var u account.User
			if err := scanUser(scan, &u); err != nil {
				return err
			}
			u.Hash = ""
			list = append(list, u)
			return nil
		})
	if err != nil {
		return nil, failed("list", err)
	}
	return list, nil
}

// SetRoles replaces the roles of a user. They count from the next request on, if
// Service.Current is in its Gate. account.ErrNotFound if there is no such user.
func (s *Store) SetRoles(ctx context.Context, id string, roles []string) error {
	text, err := encodeRoles(roles)
	if err != nil {
		return err
	}
	return s.change(ctx, "set roles", id, "UPDATE {users} SET roles = ?, writes = writes + 1 WHERE id = ?", text, id)
}

// SetDisabled keeps a user out, from the next request on if Service.Current is in
// its Gate, or lets them in again. In the same step it ends the credentials that
// they have (ValidAfter), so that enabling the account brings no old session back.
// account.ErrNotFound if there is no such user.
func (s *Store) SetDisabled(ctx context.Context, id string, disabled bool) error {
	at := int64(0)
	if disabled {
		at = sqldb.Micros(s.now().Truncate(time.Millisecond)) // as account.Service has times
	}
	return s.change(ctx, "set disabled", id,
		"UPDATE {users} SET disabled = ?, valid_after = CASE WHEN valid_after < ? THEN ? ELSE valid_after END, writes = writes + 1 WHERE id = ?",
		disabled, at, at, id)
}
