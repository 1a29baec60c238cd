package redisstore

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/redisclient"
	"github.com/go-sallyport/auth/jwtauth"
)

// A Store keeps families in Redis. It is safe for concurrent use.
type Store struct {
	client  redis.UniversalClient
	prefix  string
	timeout time.Duration
}

var _ jwtauth.FamilyStore = (*Store)(nil)

// New returns a Store. It refuses a client that does not obey deadlines
// (ContextTimeoutEnabled), that may read from replicas, that is late to notice a
// failover of its cluster (ClusterStateReloadInterval), or that is a ring which gives
// the keys of a shard that is down to another (HeartbeatFn).
func New(client redis.UniversalClient, cfg Config) (*Store, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	if err := redisclient.Check(client, cfg.SkipClientCheck); err != nil {
		return nil, err
	}
	return &Store{client: client, prefix: cfg.Prefix, timeout: cfg.Timeout}, nil
}

// Create implements jwtauth.FamilyStore.
func (s *Store) Create(ctx context.Context, id jwtauth.FamilyID, grant []byte, limits jwtauth.Limits) error {
	n, err := s.run(ctx, create, id.Bucket(), field(id), grant, limits.Lifetime.Milliseconds(), limits.Idle.Milliseconds(), limits.PerSubject).Int()
	switch {
	case err != nil:
		return failed("create", err)
	case n == 1:
		return nil
	}
	return jwtauth.ErrFamilyExists
}

// Find implements jwtauth.FamilyStore.
func (s *Store) Find(ctx context.Context, id jwtauth.FamilyID) (*jwtauth.Family, error) {
	value, err := s.run(ctx, find, id.Bucket(), field(id)).Text()
	if errors.Is(err, redis.Nil) {
		return nil, jwtauth.ErrNoFamily
	}
	if err != nil {
		return nil, failed("find", err)
	}
	f, err := decode(id, value)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", jwtauth.ErrNoFamily, err)
	}
	return f, nil
}

// Rotate implements jwtauth.FamilyStore.
func (s *Store) Rotate(ctx context.Context, id jwtauth.FamilyID, r jwtauth.Rotation) (jwtauth.Outcome, time.Duration, error) {
	n, err := s.run(ctx, rotate, id.Bucket(), field(id), r.Counter, r.Call[:], r.Grace.Milliseconds(), r.Idle.Milliseconds()).Int64()
	outcome, left := jwtauth.Outcome(n&3), time.Duration(n>>2)*time.Millisecond
	switch {
	case errors.Is(err, redis.Nil):
		return 0, 0, jwtauth.ErrNoFamily
	case err != nil:
		return 0, 0, failed("rotate", err)
	case outcome == 0 || left < 0:
		return 0, 0, failed("rotate", errCorrupt)
	}
	return outcome, left, nil
}

// Revoke implements jwtauth.FamilyStore.
func (s *Store) Revoke(ctx context.Context, id jwtauth.FamilyID) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return failed("revoke", s.client.HDel(ctx, s.key(id.Bucket()), field(id)).Err())
}

// RevokeAll implements jwtauth.FamilyStore.
func (s *Store) RevokeAll(ctx context.Context, b jwtauth.Bucket, except jwtauth.FamilyID) error {
	if except != (jwtauth.FamilyID{}) && except.Bucket() == b {
		return failed("revoke", s.run(ctx, revokeOthers, b, field(except)).Err())
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return failed("revoke", s.client.Del(ctx, s.key(b)).Err())
}

// List implements jwtauth.FamilyStore. What cannot be read is left out.
func (s *Store) List(ctx context.Context, b jwtauth.Bucket) ([]*jwtauth.Family, error) {
	pairs, err := s.run(ctx, list, b).StringSlice()
	if err != nil {
		return nil, failed("list", err)
	}
	families := make([]*jwtauth.Family, 0, len(pairs)/2)
	for ; len(pairs) >= 2; pairs = pairs[2:] {
		var id jwtauth.FamilyID
		if n := copy(id[:], b[:]); copy(id[n:], pairs[0]) != len(id)-n {
			continue
		}
		if f, err := decode(id, pairs[1]); err == nil && !f.Ended {
			families = append(families, f)
		}
	}
	return families, nil
}

// run runs a script on the key of b.
func (s *Store) run(ctx context.Context, script *redis.Script, b jwtauth.Bucket, args ...any) *redis.Cmd {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return script.Run(ctx, s.client, []string{s.key(b)}, args...)
}

// key is where the families of a bucket are: one key, so in a cluster one node.
func (s *Store) key(b jwtauth.Bucket) string {
	return s.prefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// field is what is left of a FamilyID within its bucket.
func field(id jwtauth.FamilyID) string { return string(id[len(jwtauth.Bucket{}):]) }

// failed wraps an error of Redis. Those hold neither keys nor values.
func failed(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("redisstore: %s: %w", doing, err)
}
