package main

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/go-sallyport/auth/session"
)

// A timedStore measures the session.Store that it wraps, here the one in memory. The
// stores of the other packages are small interfaces too and are measured in the same
// way.
type timedStore struct {
	next    session.Store
	seconds *prometheus.HistogramVec
}

var _ session.Store = (*timedStore)(nil)

func newTimedStore(r prometheus.Registerer, next session.Store) *timedStore {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "sallyport_store_seconds",
		Help:    "How long the store took, by store, operation, and ok or failed.",
		Buckets: prometheus.ExponentialBuckets(50e-6, 4, 9), // 50 µs to 3.3 s
	}, []string{"store", "operation", "result"})
	r.MustRegister(seconds)
	return &timedStore{next, seconds}
}

// observe is called when an operation begins, and what it returns when it ends. That
// there is no such session is an answer and no failure.
func (s *timedStore) observe(operation string) func(err *error) {
	began := time.Now()
	return func(err *error) {
		result := "ok"
		if *err != nil && (!errors.Is(*err, session.ErrNoSession) || errors.Is(*err, session.ErrCorrupt)) {
			result = "failed"
		}
		s.seconds.WithLabelValues("sessions", operation, result).Observe(time.Since(began).Seconds())
	}
}

func (s *timedStore) Create(ctx context.Context, id session.ID, rec *session.Record, expiry time.Time, limit int) (err error) {
	defer s.observe("create")(&err)
	return s.next.Create(ctx, id, rec, expiry, limit)
}

func (s *timedStore) Find(ctx context.Context, id session.ID) (rec *session.Record, err error) {
	defer s.observe("find")(&err)
	return s.next.Find(ctx, id)
}

func (s *timedStore) Update(ctx context.Context, id session.ID, rec *session.Record, expiry time.Time) (err error) {
	defer s.observe("update")(&err)
	return s.next.Update(ctx, id, rec, expiry)
}

func (s *timedStore) Touch(ctx context.Context, id session.ID, seen, expiry time.Time) (err error) {
	defer s.observe("touch")(&err)
	return s.next.Touch(ctx, id, seen, expiry)
}

func (s *timedStore) Rename(ctx context.Context, from, to session.ID, rec *session.Record, expiry time.Time) (err error) {
	defer s.observe("rename")(&err)
	return s.next.Rename(ctx, from, to, rec, expiry)
}

func (s *timedStore) Delete(ctx context.Context, id session.ID) (err error) {
	defer s.observe("delete")(&err)
	return s.next.Delete(ctx, id)
}

func (s *timedStore) List(ctx context.Context, subject string) (list []*session.Record, err error) {
	defer s.observe("list")(&err)
	return s.next.List(ctx, subject)
}

func (s *timedStore) Revoke(ctx context.Context, subject, publicID string) (err error) {
	defer s.observe("revoke")(&err)
	return s.next.Revoke(ctx, subject, publicID)
}

func (s *timedStore) RevokeSubject(ctx context.Context, subject, except string) (err error) {
	defer s.observe("revoke_subject")(&err)
	return s.next.RevokeSubject(ctx, subject, except)
}
