package sessionsite

import (
	"context"
	"time"

	"github.com/go-sallyport/auth/session"
)

// A mortal store ends its process before one of the calls.
type mortal struct{ session.Store }

func (m mortal) Create(ctx context.Context, id session.ID, rec *session.Record, expiry time.Time, limit int) error {
	step(ctx)
	return m.Store.Create(ctx, id, rec, expiry, limit)
}

func (m mortal) Find(ctx context.Context, id session.ID) (*session.Record, error) {
	step(ctx)
	return m.Store.Find(ctx, id)
}

func (m mortal) Update(ctx context.Context, id session.ID, rec *session.Record, expiry time.Time) error {
	step(ctx)
	return m.Store.Update(ctx, id, rec, expiry)
}

func (m mortal) Touch(ctx context.Context, id session.ID, seen, expiry time.Time) error {
	step(ctx)
	return m.Store.Touch(ctx, id, seen, expiry)
}

func (m mortal) Rename(ctx context.Context, from, to session.ID, rec *session.Record, expiry time.Time) error {
	step(ctx)
	return m.Store.Rename(ctx, from, to, rec, expiry)
}

func (m mortal) Delete(ctx context.Context, id session.ID) error {
	step(ctx)
	return m.Store.Delete(ctx, id)
}

func (m mortal) List(ctx context.Context, subject string) ([]*session.Record, error) {
	step(ctx)
	return m.Store.List(ctx, subject)
}

func (m mortal) Revoke(ctx context.Context, subject, publicID string) error {
	step(ctx)
	return m.Store.Revoke(ctx, subject, publicID)
}

func (m mortal) RevokeSubject(ctx context.Context, subject, except string) error {
	step(ctx)
	return m.Store.RevokeSubject(ctx, subject, except)
}
