package sqlstore

import (
	"context"
	"time"

	"github.com/go-sallyport/auth/internal/sqldb"
	"github.com/go-sallyport/auth/mfa"
)

// AddDevice implements mfa.DeviceStore.
func (s *Store) AddDevice(ctx context.Context, subject string, d mfa.Device, ttl time.Duration, limit int) error {
	var now time.Time
	err := s.adding(ctx, mfa.BucketOf(subject), func(ctx context.Context, tx *sqldb.Tx) (err error) {
		if now, err = s.now(ctx, tx); err != nil {
			return err
		}
		rows, err := live(tx.Query(ctx, "SELECT hash, added_at FROM {mfa_devices} WHERE subject = ? AND hash <> ? AND expires_at > ? ORDER BY added_at DESC, hash",
			[]byte(subject), d.Hash[:], sqldb.Micros(now)))
		if err != nil {
			return err
		}
		victims, added := place(rows, now, limit)
		created := now.Truncate(time.Millisecond)
		done, err := tx.Insert(ctx, "INSERT INTO {mfa_devices} (subject, hash, id, name, created_at, added_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
			[]byte(subject), d.Hash[:], d.ID, []byte(d.Name), sqldb.Micros(created), added, sqldb.Micros(created.Add(ttl.Truncate(time.Millisecond))))
		if err != nil || !done { // this call, come again
			return err
		}
		for _, v := range victims {
			if _, err := tx.Exec(ctx, "DELETE FROM {mfa_devices} WHERE subject = ? AND hash = ?", []byte(subject), v.key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return failed("add a device", err)
	}
	tidy(ctx, s.devices, now)
	return nil
}

// FindDevice implements mfa.DeviceStore.
func (s *Store) FindDevice(ctx context.Context, subject string, hash mfa.DeviceHash) (mfa.Device, error) {
	list, err := s.list(ctx, subject, " AND hash = ?", hash[:])
	switch {
	case err != nil:
		return mfa.Device{}, failed("find a device", err)
	case len(list) == 0:
		return mfa.Device{}, mfa.ErrNoDevice
	}
	return list[0], nil
}

// ListDevices implements mfa.DeviceStore.
func (s *Store) ListDevices(ctx context.Context, subject string) ([]mfa.Device, error) {
	list, err := s.list(ctx, subject, "")
	return list, failed("list devices", err)
}

// DropDevice implements mfa.DeviceStore.
func (s *Store) DropDevice(ctx context.Context, subject, id string) error {
	_, err := s.db.ExecRepeatable(ctx, "DELETE FROM {mfa_devices} WHERE subject = ? AND id = ?", []byte(subject), id)
	return failed("drop a device", err)
}

// DropDevices implements mfa.DeviceStore.
func (s *Store) DropDevices(ctx context.Context, subject string) error {
	_, err := s.db.ExecRepeatable(ctx, "DELETE FROM {mfa_devices} WHERE subject = ?", []byte(subject))
	return failed("drop devices", err)
}

// list returns the devices of subject that the condition holds for. Those that have
// expired it removes, so that no clock brings them back.
func (s *Store) list(ctx context.Context, subject, condition string, args ...any) ([]mfa.Device, error) {
	var list []mfa.Device
	var over time.Time
	err := s.db.Query(ctx, "SELECT hash, id, name, created_at, expires_at, "+s.clock+" FROM {mfa_devices} WHERE subject = ?"+condition, append([]any{[]byte(subject)}, args...)...).
		Each(func(scan func(...any) error) error {
			var d mfa.Device
			var hash, name []byte
			var now time.Time
			if err := scan(&hash, &d.ID, &name, sqldb.Timestamp(&d.CreatedAt), sqldb.Timestamp(&d.ExpiresAt), sqldb.Timestamp(&now)); err != nil {
				return err
			}
			if copy(d.Hash[:], hash) != len(d.Hash) {
				return errCorrupt
			}
			if !d.ExpiresAt.After(now) {
				over = now
				return nil
			}
			d.Name = string(name)
			list = append(list, d)
			return nil
		})
	if err == nil && !over.IsZero() {
		_, err = s.db.ExecRepeatable(ctx, "DELETE FROM {mfa_devices} WHERE subject = ? AND expires_at <= ?", []byte(subject), sqldb.Micros(over))
	}
	return list, err
}
