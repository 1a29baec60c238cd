package mfa

import (
	"context"
	"slices"
	"time"
)

// What a MemoryStore keeps for a while: challenges and trusted devices.

// OpenChallenge implements ChallengeStore.
func (s *MemoryStore) OpenChallenge(ctx context.Context, c Challenge, ttl time.Duration, limit int) error {
	now, err := s.begin(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.challenges.has(c.ID) {
		return nil // this call, come again
	}
	var open []*entry[ChallengeID, Bucket, memoryChallenge]
	for _, e := range s.challenges.group(c.ID.Bucket(), now) {
		if e.value.claimed == (CallID{}) {
			open = append(open, e)
		}
	}
	for ; len(open) >= limit && len(open) > 0; open = open[1:] {
		s.challenges.drop(open[0])
	}
	s.challenges.put(c.ID, c.ID.Bucket(), memoryChallenge{Challenge: c}, now, ttl)
	return nil
}

// FindChallenge implements ChallengeStore.
func (s *MemoryStore) FindChallenge(ctx context.Context, id ChallengeID) (Challenge, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return Challenge{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.challenges.get(id, now)
	if e == nil || e.value.claimed != (CallID{}) {
		return Challenge{}, ErrNoChallenge
	}
	return e.value.Challenge, nil
}

// TryChallenge implements ChallengeStore.
func (s *MemoryStore) TryChallenge(ctx context.Context, id ChallengeID, limit int) (Challenge, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return Challenge{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.challenges.get(id, now)
	if e == nil || e.value.claimed != (CallID{}) || e.value.Attempts >= limit {
		return Challenge{}, ErrNoChallenge
	}
	e.value.Attempts++
	return e.value.Challenge, nil
}

// ClaimChallenge implements ChallengeStore.
func (s *MemoryStore) ClaimChallenge(ctx context.Context, id ChallengeID, call CallID) error {
	now, err := s.begin(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.challenges.get(id, now)
	if e == nil || e.value.claimed != (CallID{}) && e.value.claimed != call {
		return ErrNoChallenge
	}
	e.value.claimed, e.value.Sealed = call, ""
	return nil
}

// EndChallenges implements ChallengeStore.
func (s *MemoryStore) EndChallenges(ctx context.Context, b Bucket) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.challenges.dropGroup(b)
	return nil
}

// AddDevice implements DeviceStore.
func (s *MemoryStore) AddDevice(ctx context.Context, subject string, d Device, ttl time.Duration, limit int) error {
	now, err := s.begin(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := memoryDeviceKey{subject, d.Hash}
	if s.devices.has(key) {
		return nil // this call, come again
	}
	for own := s.devices.group(subject, now); len(own) >= limit && len(own) > 0; own = own[1:] {
		s.devices.drop(own[0])
	}
	d.CreatedAt = now.UTC().Truncate(time.Millisecond)
	d.ExpiresAt = now.Add(ttl).UTC().Truncate(time.Millisecond)
	s.devices.put(key, subject, d, now, ttl)
	return nil
}

// FindDevice implements DeviceStore.
func (s *MemoryStore) FindDevice(ctx context.Context, subject string, hash DeviceHash) (Device, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return Device{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.devices.get(memoryDeviceKey{subject, hash}, now)
	if e == nil {
		return Device{}, ErrNoDevice
	}
	return e.value, nil
}

// ListDevices implements DeviceStore.
func (s *MemoryStore) ListDevices(ctx context.Context, subject string) ([]Device, error) {
	now, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Device
	for _, e := range s.devices.group(subject, now) {
		list = append(list, e.value)
	}
	return list, nil
}

// DropDevice implements DeviceStore.
func (s *MemoryStore) DropDevice(ctx context.Context, subject, id string) error {
	now, err := s.begin(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.devices.group(subject, now)
	if i := slices.IndexFunc(own, func(e *entry[memoryDeviceKey, string, Device]) bool { return e.value.ID == id }); i >= 0 {
		s.devices.drop(own[i])
	}
	return nil
}

// DropDevices implements DeviceStore.
func (s *MemoryStore) DropDevices(ctx context.Context, subject string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.devices.dropGroup(subject)
	return nil
}
