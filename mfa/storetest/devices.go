package storetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/mfa"
)

func newDevice() mfa.Device {
	return mfa.Device{ID: newID(), Hash: newHash(), Name: "Mozilla/5.0 (é; 'quoted')"}
}

func trust(t *testing.T, s mfa.DeviceStore, subject string, ttl time.Duration) mfa.Device {
	t.Helper()
	d := newDevice()
	ok(t, "AddDevice", s.AddDevice(t.Context(), subject, d, ttl, 100))
	return d
}

// wantDevice holds a store to a device that lasts for ttl.
func wantDevice(t *testing.T, s mfa.DeviceStore, subject string, want mfa.Device, ttl time.Duration) {
	t.Helper()
	got, err := s.FindDevice(t.Context(), subject, want.Hash)
	ok(t, "FindDevice", err)
	if life := got.ExpiresAt.Sub(got.CreatedAt); life > ttl+time.Millisecond || life < ttl-time.Millisecond {
		t.Fatalf("a device lives for %v, want %v", life, ttl)
	}
	if got.ID != want.ID || got.Hash != want.Hash || got.Name != want.Name {
		t.Fatalf("FindDevice: %+v, want %+v", got, want)
	}
}

func wantNoDevice(t *testing.T, s mfa.DeviceStore, subject string, hash mfa.DeviceHash) {
	t.Helper()
	if d, err := s.FindDevice(t.Context(), subject, hash); !errors.Is(err, mfa.ErrNoDevice) || d != (mfa.Device{}) {
		t.Fatalf("FindDevice: %+v, %v; want ErrNoDevice alone", d, err)
	}
}

func wantDevices(t *testing.T, s mfa.DeviceStore, subject string, want ...mfa.Device) {
	t.Helper()
	list, err := s.ListDevices(t.Context(), subject)
	ok(t, "ListDevices", err)
	if len(list) != len(want) {
		t.Fatalf("%d devices are listed, want %d", len(list), len(want))
	}
	for _, d := range want {
		wantDevice(t, s, subject, d, list[0].ExpiresAt.Sub(list[0].CreatedAt))
	}
}

var deviceCases = []testCase[mfa.DeviceStore]{
	{"MFA-13 a device is of one subject", "a browser is trusted with the account of somebody else", func(t *testing.T, s mfa.DeviceStore) {
		subject, other := newSubject(), newSubject()
		d := newDevice()
		d.Name = strings.Repeat("n", mfa.MaxDeviceName)
		for range 2 { // a repeat
			ok(t, "AddDevice", s.AddDevice(t.Context(), subject, d, long, 1))
		}
		wantDevice(t, s, subject, d, long)
		wantDevices(t, s, subject, d)
		wantNoDevice(t, s, other, d.Hash)
		wantNoDevice(t, s, subject, newHash())
		wantDevices(t, s, other)
	}},
	{"MFA-13 a device expires", "a browser that was sold is trusted for ever", func(t *testing.T, s mfa.DeviceStore) {
		subject := newSubject()
		d := trust(t, s, subject, short)
		expire(t)
		wantNoDevice(t, s, subject, d.Hash)
		wantDevices(t, s, subject)
	}},
	{"a subject has a bounded number of devices, the latest", "one account fills the store", func(t *testing.T, s mfa.DeviceStore) {
		subject := newSubject()
		var all []mfa.Device
		for range 5 {
			d := newDevice()
			ok(t, "AddDevice", s.AddDevice(t.Context(), subject, d, long, 3))
			all = append(all, d)
			expireTick(t)
		}
		wantDevices(t, s, subject, all[2:]...)
		wantNoDevice(t, s, subject, all[0].Hash)
	}},
	{"MFA-13 a device is dropped by its public id", "a lost laptop cannot be revoked", func(t *testing.T, s mfa.DeviceStore) {
		subject, other := newSubject(), newSubject()
		d, e, f := trust(t, s, subject, long), trust(t, s, subject, long), trust(t, s, other, long)
		ok(t, "DropDevice of another subject", s.DropDevice(t.Context(), other, d.ID))
		for range 2 {
			ok(t, "DropDevice", s.DropDevice(t.Context(), subject, d.ID))
		}
		wantNoDevice(t, s, subject, d.Hash)
		wantDevices(t, s, subject, e)
		wantDevices(t, s, other, f)
	}},
	{"MFA-13 all devices of a subject are dropped", "a change of password leaves the browser of a thief trusted", func(t *testing.T, s mfa.DeviceStore) {
		subject, other := newSubject(), newSubject()
		d, e, f := trust(t, s, subject, long), trust(t, s, subject, long), trust(t, s, other, long)
		for range 2 {
			ok(t, "DropDevices", s.DropDevices(t.Context(), subject))
			wantNoDevice(t, s, subject, d.Hash)
			wantNoDevice(t, s, subject, e.Hash)
		}
		wantDevices(t, s, subject)
		wantDevices(t, s, other, f)
	}},
	{"F15 a context that is over is obeyed", "requests pile up behind a slow database", func(t *testing.T, s mfa.DeviceStore) {
		subject, ctx := newSubject(), cancelled(t)
		d := trust(t, s, subject, long)
		_, findErr := s.FindDevice(ctx, subject, d.Hash)
		_, listErr := s.ListDevices(ctx, subject)
		for doing, err := range map[string]error{
			"FindDevice": findErr, "ListDevices": listErr,
			"AddDevice":   s.AddDevice(ctx, subject, newDevice(), long, 5),
			"DropDevice":  s.DropDevice(ctx, subject, d.ID),
			"DropDevices": s.DropDevices(ctx, subject),
		} {
			if err == nil || errors.Is(err, mfa.ErrNoDevice) {
				t.Errorf("%s with a cancelled context: %v, want the store's failure", doing, err)
			}
		}
		wantDevices(t, s, subject, d)
	}},
}
