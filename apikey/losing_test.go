package apikey_test

import (
	"context"
	"time"

	"github.com/go-sallyport/auth/apikey"
)

// losing is a Store that does what it is told and loses the first answer of a method.
type losing struct {
	*faults
	method string
	lost   bool
}

func (s *losing) answer(method string, err error) error {
	if method == s.method && !s.lost {
		s.lost = true
		return errDown
	}
	return err
}

func (s *losing) Create(ctx context.Context, k *apikey.Key, limit int) error {
	return s.answer("Create", s.faults.Create(ctx, k, limit))
}

func (s *losing) Rotate(ctx context.Context, id string, r apikey.Rotation) error {
	return s.answer("Rotate", s.faults.Rotate(ctx, id, r))
}

func (s *losing) Revoke(ctx context.Context, id string, at time.Time) error {
	return s.answer("Revoke", s.faults.Revoke(ctx, id, at))
}

func (s *losing) RevokeAll(ctx context.Context, subject, except string, at time.Time) error {
	return s.answer("RevokeAll", s.faults.RevokeAll(ctx, subject, except, at))
}
