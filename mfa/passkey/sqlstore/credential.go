package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/go-sallyport/auth/internal/sqldb"
	"github.com/go-sallyport/auth/mfa/passkey"
)

const columns = "subject, handle, credential_id, public_key, sign_count, user_verified, backup_eligible, backed_up, aaguid, transports, name, created_at, last_used_at"

// Add implements passkey.Store. The row of the user is locked, so that the passkeys of
// one user are counted by one at a time.
func (s *Store) Add(ctx context.Context, c passkey.Credential, a passkey.Answer, limit int) error {
	id := c.ID()
	err := s.db.Tx(ctx, repeatable, func(ctx context.Context, tx *sqldb.Tx) error {
		if repeat, err := s.answer(ctx, tx, a); err != nil || repeat {
			return err
		}
		handle, there, err := s.handle(ctx, tx, c.Subject, " {FOR UPDATE}")
		switch {
		case err != nil:
			return err
		case !there || handle != c.UserHandle:
			return passkey.ErrNoCredential
		}
		done, err := tx.Insert(ctx, "INSERT INTO {passkey_credentials} (id, "+columns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			id[:], []byte(c.Subject), c.UserHandle[:], c.CredentialID, c.PublicKey, int64(c.SignCount), c.UserVerified, c.BackupEligible, c.BackedUp,
			c.AAGUID[:], []byte(strings.Join(c.Transports, ",")), []byte(c.Name), micros(c.CreatedAt), micros(c.LastUsedAt))
		switch {
		case err != nil:
			return err
		case !done:
			return passkey.ErrExists
		}
		var count int
		if err := tx.Query(ctx, "SELECT COUNT(*) FROM {passkey_credentials} WHERE subject = ?", []byte(c.Subject)).Scan(&count); err != nil {
			return err
		}
		if count > limit {
			return passkey.ErrLimit
		}
		return nil
	})
	if err != nil {
		return failed("add a passkey", err)
	}
	s.tidy(ctx)
	return nil
}

// Find implements passkey.Store.
func (s *Store) Find(ctx context.Context, id passkey.ID) (passkey.Credential, error) {
	c, err := find(ctx, s.db, id, "")
	return c, failed("find a passkey", err)
}

func find(ctx context.Context, q sqldb.Querier, id passkey.ID, lock string) (c passkey.Credential, err error) {
	err = q.Query(ctx, "SELECT "+columns+" FROM {passkey_credentials} WHERE id = ?"+lock, id[:]).Scan(destinations(&c)...)
	if errors.Is(err, sql.ErrNoRows) {
		err = passkey.ErrNoCredential
	}
	return c, err
}

// List implements passkey.Store.
func (s *Store) List(ctx context.Context, subject string) ([]passkey.Credential, error) {
	var list []passkey.Credential
	err := s.db.Query(ctx, "SELECT "+columns+" FROM {passkey_credentials} WHERE subject = ? ORDER BY created_at, id", []byte(subject)).
		Each(func(scan func(...any) error) error {
			var c passkey.Credential
			if err := scan(destinations(&c)...); err != nil {
				return err
			}
			list = append(list, c)
			return nil
		})
	return list, failed("list passkeys", err)
}

// Use implements passkey.Store. The row of the passkey is locked, so that its counter
// is compared by one at a time.
func (s *Store) Use(ctx context.Context, u passkey.Use, a passkey.Answer) error {
	err := s.db.Tx(ctx, repeatable, func(ctx context.Context, tx *sqldb.Tx) error {
		if repeat, err := s.answer(ctx, tx, a); err != nil || repeat {
			return err
		}
		c, err := find(ctx, tx, u.ID, " {FOR UPDATE}")
		switch {
		case err != nil:
			return err
		case c.Subject != u.Subject:
			return passkey.ErrNoCredential
		case !c.Accepts(u.SignCount):
			return passkey.ErrCounter
		}
		_, err = tx.Exec(ctx, "UPDATE {passkey_credentials} SET sign_count = ?, user_verified = ?, backed_up = ?, last_used_at = ? WHERE id = ?",
			int64(u.SignCount), c.UserVerified || u.UserVerified, u.BackedUp, micros(u.At), u.ID[:])
		return err
	})
	if err != nil {
		return failed("use a passkey", err)
	}
	s.tidy(ctx)
	return nil
}

// Rename implements passkey.Store. On MySQL a row that has the name already is not
// counted as changed, so it is looked for.
func (s *Store) Rename(ctx context.Context, subject string, id passkey.ID, name string) error {
	n, err := s.db.ExecRepeatable(ctx, "UPDATE {passkey_credentials} SET name = ? WHERE id = ? AND subject = ?", []byte(name), id[:], []byte(subject))
	if err != nil || n > 0 {
		return failed("rename a passkey", err)
	}
	c, err := s.Find(ctx, id)
	if err == nil && c.Subject != subject {
		err = passkey.ErrNoCredential
	}
	return err
}

// Remove implements passkey.Store.
func (s *Store) Remove(ctx context.Context, subject string, id passkey.ID) error {
	_, err := s.db.ExecRepeatable(ctx, "DELETE FROM {passkey_credentials} WHERE id = ? AND subject = ?", id[:], []byte(subject))
	return failed("remove a passkey", err)
}

// RemoveAll implements passkey.Store. It locks the row of the user first, as Add does.
func (s *Store) RemoveAll(ctx context.Context, subject string) error {
	err := s.db.Tx(ctx, repeatable, func(ctx context.Context, tx *sqldb.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM {passkey_users} WHERE subject = ?", []byte(subject)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "DELETE FROM {passkey_credentials} WHERE subject = ?", []byte(subject))
		return err
	})
	return failed("remove all passkeys", err)
}

// micros is a time of whole milliseconds as it is kept.
func micros(t time.Time) int64 { return sqldb.Micros(t.Truncate(time.Millisecond)) }

// destinations are where the columns of c go.
func destinations(c *passkey.Credential) []any {
	return []any{
		text{&c.Subject}, fixed(c.UserHandle[:]), &c.CredentialID, &c.PublicKey, &c.SignCount, &c.UserVerified, &c.BackupEligible, &c.BackedUp,
		fixed(c.AAGUID[:]), list{&c.Transports}, text{&c.Name}, sqldb.Timestamp(&c.CreatedAt), sqldb.Timestamp(&c.LastUsedAt),
	}
}

// A fixed scans a column of bytes that has one length.
type fixed []byte

// Scan implements sql.Scanner.
func (f fixed) Scan(value any) error {
	b, ok := value.([]byte)
	if !ok || len(b) != len(f) {
		return errCorrupt
	}
	copy(f, b)
	return nil
}

// A text scans a column of bytes into a string.
type text struct{ to *string }

// Scan implements sql.Scanner.
func (t text) Scan(value any) error {
	b, ok := value.([]byte)
	if !ok {
		return errCorrupt
	}
	*t.to = string(b)
	return nil
}

// A list scans names with commas between them.
type list struct{ to *[]string }

// Scan implements sql.Scanner.
func (l list) Scan(value any) error {
	var s string
	if err := (text{&s}).Scan(value); err != nil {
		return err
	}
	*l.to = nil
	if s != "" {
		*l.to = strings.Split(s, ",")
	}
	return nil
}
