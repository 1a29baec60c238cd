package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password/account"
	usersql "github.com/go-sallyport/auth/password/sqlstore"
	"github.com/go-sallyport/auth/problem"
)

// errLastAdministrator refuses what would leave nobody who may give roles. The code is of
// this service: the library knows no administrators. Being a conflict too, it comes
// through account.Service as it is.
var errLastAdministrator = &problem.Error{
	Details: problem.Details{
		Type:  "https://github.com/go-sallyport/auth/blob/main/examples/reference/README.md#last_administrator",
		Title: "This is the last administrator", Status: http.StatusConflict, Code: "LAST_ADMINISTRATOR",
		Detail: "Make somebody else an administrator first.",
	},
	Err: fmt.Errorf("the last administrator stays one: %w", account.ErrConflict),
}

// A userStore is that of the library with a rule on top: there is always an enabled
// administrator, once there was one. Every way to lose one is here.
type userStore struct {
	*usersql.Store
	stores *stores
}

// SetRoles replaces the roles of a user.
func (u userStore) SetRoles(ctx context.Context, id string, names []string) error {
	if slices.Contains(names, "admin") {
		return u.Store.SetRoles(ctx, id, names)
	}
	text, err := json.Marshal(append([]string{}, names...))
	if err != nil {
		return err
	}
	return u.unlessLast(ctx, id, "UPDATE auth_users SET roles = ?, writes = writes + 1 WHERE id = ?", string(text), id)
}

// SetDisabled keeps a user out, or lets them in again. No route of this service leads
// here; yours will.
func (u userStore) SetDisabled(ctx context.Context, id string, disabled bool) error {
	if disabled {
		if err := u.unlessLast(ctx, id, "UPDATE auth_users SET disabled = ?, writes = writes + 1 WHERE id = ?", true, id); err != nil {
			return err
		}
	}
	return u.Store.SetDisabled(ctx, id, disabled) // and ends credentials
}

// Delete implements account.Deleter.
func (u userStore) Delete(ctx context.Context, id string) error {
	if err := u.unlessLast(ctx, id, "DELETE FROM auth_users WHERE id = ?", id); err != nil && !errors.Is(err, account.ErrNotFound) {
		return err
	}
	return u.Store.Delete(ctx, id) // and tokens
}

// administrators is the row of reference_locks that is held by whoever takes an
// administrator away.
const administrators = "administrators"

const createLocks = `CREATE TABLE IF NOT EXISTS reference_locks (name VARCHAR(64) NOT NULL PRIMARY KEY, taken BIGINT NOT NULL)`

// unlessLast runs a statement that may take the administrator id away, unless there is no
// other. Two who take each other away, on two processes, would each see the other one: so
// the first thing is a write to one row, which lets in one transaction at a time. It
// reads what is committed, and so what those before it have left. The statements are on
// the table of the library (see package usersql), for all of it must be one transaction.
func (u userStore) unlessLast(ctx context.Context, id, statement string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, usersql.DefaultTimeout)
	defer cancel()
	tx, err := u.stores.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	lock, err := tx.ExecContext(ctx, u.stores.bind("UPDATE reference_locks SET taken = taken + 1 WHERE name = ?"), administrators)
	if err != nil {
		return err
	}
	if n, err := lock.RowsAffected(); err != nil || n != 1 {
		return errors.Join(errors.New("reference_locks: the row of administrators is missing"), err)
	}
	last, err := u.isLast(ctx, tx, id)
	if err != nil {
		return err
	}
	if last {
		return errLastAdministrator
	}
	if _, err := tx.ExecContext(ctx, u.stores.bind(statement), args...); err != nil {
		return err
	}
	return tx.Commit()
}

// A querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// isLast reports whether id is the only enabled administrator. Roles are a JSON array.
// For anybody else it is one look at an index; for an administrator users are looked
// through until there is another.
func (u userStore) isLast(ctx context.Context, q querier, id string) (bool, error) {
	if !isText(id) {
		return false, account.ErrNotFound
	}
	var roles string
	var disabled bool
	err := q.QueryRowContext(ctx, u.stores.bind("SELECT roles, disabled FROM auth_users WHERE id = ?"), id).Scan(&roles, &disabled)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return false, account.ErrNotFound
	case err != nil || disabled || !namesAdmin(roles):
		return false, err
	}
	rows, err := q.QueryContext(ctx, u.stores.bind("SELECT roles FROM auth_users WHERE id <> ? AND disabled = ? AND roles LIKE ?"), id, false, `%"admin"%`)
	if err != nil {
		return false, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := rows.Scan(&roles); err != nil {
			return false, err
		}
		if namesAdmin(roles) {
			return false, nil
		}
	}
	return true, rows.Err()
}

func namesAdmin(roles string) bool {
	var names []string
	return json.Unmarshal([]byte(roles), &names) == nil && slices.Contains(names, "admin")
}

// keepLast refuses the last administrator who deletes the account, before anything of it
// has ended. That it holds is decided by userStore.
func (s *service) keepLast(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		last, err := s.stores.users.isLast(r.Context(), s.stores.db, p.Subject)
		switch {
		case err != nil:
			s.onError(w, r, userError(err))
		case last:
			s.onError(w, r, errLastAdministrator)
		default:
			next.ServeHTTP(w, r)
		}
	})
}
