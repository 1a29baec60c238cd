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
	return u.unlessLast(ctx, id, statement{"UPDATE auth_users SET roles = ?, writes = writes + 1 WHERE id = ?", []any{string(text), id}})
}

// SetDisabled keeps a user out, or lets them in again. No route of this service leads
// here; yours will.
func (u userStore) SetDisabled(ctx context.Context, id string, disabled bool) error {
	if disabled {
		if err := u.unlessLast(ctx, id, statement{"UPDATE auth_users SET disabled = ?, writes = writes + 1 WHERE id = ?", []any{true, id}}); err != nil {
			return err
		}
	}
	return u.Store.SetDisabled(ctx, id, disabled) // and ends credentials
}

// Delete implements account.Deleter. The tokens of the user go in the same step: an error
// after the user has gone would be one that nobody can try again, and nobody told of it.
func (u userStore) Delete(ctx context.Context, id string) error {
	err := u.unlessLast(ctx, id,
		statement{"DELETE FROM auth_users WHERE id = ?", []any{id}}, statement{"DELETE FROM auth_user_tokens WHERE subject = ?", []any{id}})
	if errors.Is(err, account.ErrNotFound) {
		return nil
	}
	return err
}

// administrators is the row of reference_locks that is held by whoever takes an
// administrator away.
const administrators = "administrators"

const createLocks = `CREATE TABLE IF NOT EXISTS reference_locks (name VARCHAR(64) NOT NULL PRIMARY KEY, taken BIGINT NOT NULL)`

// A statement is one of SQL, with "?" for each of its arguments.
type statement struct {
	query string
	args  []any
}

// unlessLastTries is how often a change is tried. Each is good to repeat: a deletion whose
// answer was lost finds nobody, and two that are in each other's way take turns.
const unlessLastTries = 3

// unlessLast runs statements that may take the administrator id away, unless there is no
// other. The first one is about the row of the user, and ends with "WHERE id = ?". They are
// on the tables of the library (see package usersql), for all of it must be one
// transaction.
func (u userStore) unlessLast(ctx context.Context, id string, statements ...statement) (err error) {
	ctx, cancel := context.WithTimeout(ctx, usersql.DefaultTimeout)
	defer cancel()
	for range unlessLastTries {
		err = u.unlessLastNow(ctx, id, statements)
		if err == nil || errors.Is(err, account.ErrNotFound) || errors.Is(err, account.ErrConflict) || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// unlessLastNow is one try. Nearly everybody is no administrator, and waits for nobody; the
// roles are a condition, for they may be others by now.
func (u userStore) unlessLastNow(ctx context.Context, id string, statements []statement) error {
	roles, disabled, err := u.rolesOf(ctx, u.stores.db, id)
	if err != nil {
		return err
	}
	if !namesAdmin(roles) || disabled {
		first := statements[0]
		first = statement{first.query + " AND roles = ? AND disabled = ?", append(slices.Clone(first.args), roles, disabled)}
		done, err := u.inOneStep(ctx, nil, append([]statement{first}, statements[1:]...))
		if err != nil || done {
			return err
		}
	}
	done, err := u.inOneStep(ctx, func(tx *sql.Tx) error { return u.keepOne(ctx, tx, id) }, statements)
	if err == nil && !done {
		err = account.ErrNotFound // gone since keepOne has looked
	}
	return err
}

// inOneStep runs statements in a transaction, and reports whether the first has found its
// row. If it has not, nothing is done.
func (u userStore) inOneStep(ctx context.Context, before func(tx *sql.Tx) error, statements []statement) (found bool, err error) {
	tx, err := u.stores.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return false, err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after Commit
	if before != nil {
		if err := before(tx); err != nil {
			return false, err
		}
	}
	for i, s := range statements {
		result, err := tx.ExecContext(ctx, u.stores.bind(s.query), s.args...)
		if err != nil {
			return false, err
		}
		if i > 0 {
			continue
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return false, err
		}
	}
	return true, tx.Commit()
}

// keepOne refuses if there is no other administrator than id. Two who take each other away,
// on two processes, would each see the other one: so the first thing is a write to one row,
// which lets in one transaction at a time. It reads what is committed, and so what those
// before it have left.
func (u userStore) keepOne(ctx context.Context, tx *sql.Tx, id string) error {
	lock, err := tx.ExecContext(ctx, u.stores.bind("UPDATE reference_locks SET taken = taken + 1 WHERE name = ?"), administrators)
	if err != nil {
		return err
	}
	if n, err := lock.RowsAffected(); err != nil || n != 1 {
		return errors.Join(errors.New("reference_locks: the row of administrators is missing"), err)
	}
	last, err := u.isLast(ctx, tx, id)
	if err == nil && last {
		return errLastAdministrator
	}
	return err
}

// A querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// rolesOf returns the roles of a user as they are stored, a JSON array, and whether the user
// is kept out.
func (u userStore) rolesOf(ctx context.Context, q querier, id string) (roles string, disabled bool, err error) {
	if !isText(id) {
		return "", false, account.ErrNotFound
	}
	err = q.QueryRowContext(ctx, u.stores.bind("SELECT roles, disabled FROM auth_users WHERE id = ?"), id).Scan(&roles, &disabled)
	if errors.Is(err, sql.ErrNoRows) {
		err = account.ErrNotFound
	}
	return roles, disabled, err
}

// isLast reports whether id is the only enabled administrator. For anybody else it is one
// look at an index; for an administrator users are looked through until there is another.
func (u userStore) isLast(ctx context.Context, q querier, id string) (bool, error) {
	roles, disabled, err := u.rolesOf(ctx, q, id)
	if err != nil || disabled || !namesAdmin(roles) {
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
		case last && auth.WantsHTML(r):
			s.showAccount(w, r, errLastAdministrator.Details.Status, view{Error: sayWhy(errLastAdministrator)})
		case last:
			s.onError(w, r, errLastAdministrator)
		default:
			next.ServeHTTP(w, r)
		}
	})
}
