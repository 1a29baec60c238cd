package main

import (
	"context"
	"slices"
	"time"

	"github.com/go-sallyport/auth/mfa"
)

// trustDevices is for how long a browser is asked for no second factor if its user has
// said so at the second step. It is never a proof: what wants a fresh factor still does.
const trustDevices = 30 * 24 * time.Hour

// devicesOf are the browsers that a user has had trusted, the newest first. A change of
// factors or of the password ends them all.
func (s *service) devicesOf(ctx context.Context, subject string) ([]mfa.Device, error) {
	list, err := s.factors.Devices(ctx, subject)
	slices.SortFunc(list, func(a, b mfa.Device) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return list, err
}
