package redisstore

import (
	"context"
	"encoding/base64"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/secret"
	"github.com/go-sallyport/auth/mfa"
)

// A Store keeps challenges and trusted devices in Redis. It is safe for concurrent
// use. Factors belong elsewhere, see the package comment, so it is no mfa.Store by
// itself: put it into an mfa.Split.
type Store struct{ base }

var (
	_ mfa.ChallengeStore = (*Store)(nil)
	_ mfa.DeviceStore    = (*Store)(nil)
)

// New returns a Store. It refuses a client that does not obey deadlines
// (ContextTimeoutEnabled), that may read from replicas, that is late to notice a
// failover of its cluster (ClusterStateReloadInterval), or that is a ring which gives
// the keys of a shard that is down to another (HeartbeatFn). It does not talk to the
// server.
func New(client redis.UniversalClient, cfg Config) (*Store, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	b, err := newBase(client, cfg)
	if err != nil {
		return nil, err
	}
	return &Store{b}, nil
}

// OpenChallenge implements mfa.ChallengeStore.
func (s *Store) OpenChallenge(ctx context.Context, c mfa.Challenge, ttl time.Duration, limit int) error {
	rest := digits(c.Attempts) + c.Sealed
	return failed("open a challenge", s.run(ctx, add, s.challenges(c.ID.Bucket()), field(c.ID), rest, ttl.Milliseconds(), limit).Err())
}

// FindChallenge implements mfa.ChallengeStore.
func (s *Store) FindChallenge(ctx context.Context, id mfa.ChallengeID) (mfa.Challenge, error) {
	return challenge("find a challenge", id, s.run(ctx, find, s.challenges(id.Bucket()), field(id)))
}

// TryChallenge implements mfa.ChallengeStore.
func (s *Store) TryChallenge(ctx context.Context, id mfa.ChallengeID, limit int) (mfa.Challenge, error) {
	return challenge("try a challenge", id, s.run(ctx, try, s.challenges(id.Bucket()), field(id), limit))
}

// ClaimChallenge implements mfa.ChallengeStore.
func (s *Store) ClaimChallenge(ctx context.Context, id mfa.ChallengeID, call mfa.CallID) error {
	n, err := s.run(ctx, claim, s.challenges(id.Bucket()), field(id), call[:]).Int()
	switch {
	case err != nil:
		return failed("claim a challenge", err)
	case n != 1:
		return mfa.ErrNoChallenge
	}
	return nil
}

// EndChallenges implements mfa.ChallengeStore.
func (s *Store) EndChallenges(ctx context.Context, b mfa.Bucket) error {
	return failed("end challenges", s.del(ctx, s.challenges(b)...))
}

// AddDevice implements mfa.DeviceStore.
func (s *Store) AddDevice(ctx context.Context, subject string, d mfa.Device, ttl time.Duration, limit int) error {
	return failed("add a device", s.run(ctx, add, s.devices(subject), d.Hash[:], d.ID+endOfID+d.Name, ttl.Milliseconds(), limit).Err())
}

// FindDevice implements mfa.DeviceStore.
func (s *Store) FindDevice(ctx context.Context, subject string, hash mfa.DeviceHash) (mfa.Device, error) {
	value, err := s.run(ctx, find, s.devices(subject), hash[:]).Text()
	switch {
	case errors.Is(err, redis.Nil):
		return mfa.Device{}, mfa.ErrNoDevice
	case err != nil:
		return mfa.Device{}, failed("find a device", err)
	}
	return decodeDevice(hash, value)
}

// ListDevices implements mfa.DeviceStore. What cannot be read is left out: it is
// not found either.
func (s *Store) ListDevices(ctx context.Context, subject string) ([]mfa.Device, error) {
	pairs, err := s.run(ctx, list, s.devices(subject)).StringSlice()
	if err != nil {
		return nil, failed("list devices", err)
	}
	devices := make([]mfa.Device, 0, len(pairs)/2)
	for ; len(pairs) >= 2; pairs = pairs[2:] {
		var hash mfa.DeviceHash
		if len(pairs[0]) != len(hash) {
			continue
		}
		copy(hash[:], pairs[0])
		if d, err := decodeDevice(hash, pairs[1]); err == nil {
			devices = append(devices, d)
		}
	}
	return devices, nil
}

// DropDevice implements mfa.DeviceStore.
func (s *Store) DropDevice(ctx context.Context, subject, id string) error {
	return failed("drop a device", s.run(ctx, drop, s.devices(subject), id+endOfID).Err())
}

// DropDevices implements mfa.DeviceStore.
func (s *Store) DropDevices(ctx context.Context, subject string) error {
	return failed("drop devices", s.del(ctx, s.devices(subject)...))
}

// challenges is where those of a bucket are: one key, so in a cluster one node.
func (s *Store) challenges(b mfa.Bucket) []string {
	return []string{s.prefix + "challenges:" + base64.RawURLEncoding.EncodeToString(b[:])}
}

// devices is where those of a subject are.
func (s *Store) devices(subject string) []string {
	return []string{s.prefix + "devices:" + digest(subject)}
}

// digest stands for a subject in the name of a key: it has a length that is known,
// no braces, and is no name.
func digest(subject string) string { return secret.HandleOf("mfa key\x00" + subject).Encode() }

// field is what is left of a ChallengeID within its bucket.
func field(id mfa.ChallengeID) []byte { return id[len(mfa.Bucket{}):] }
