package redisstore

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/redisclient"
	"github.com/go-sallyport/auth/session"
)

// A Store keeps sessions in Redis. It is safe for concurrent use.
type Store struct {
	client  redis.UniversalClient
	prefix  string
	timeout time.Duration
	now     func() time.Time
}

var _ session.Store = (*Store)(nil)

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
	return &Store{client: client, prefix: cfg.Prefix, timeout: cfg.Timeout, now: cfg.Now}, nil
}

// Create implements session.Store.
func (s *Store) Create(ctx context.Context, id session.ID, rec *session.Record, expiry time.Time, limit int) error {
	value, err := encode(rec, expiry)
	if err != nil {
		return err
	}
	now := s.now()
	ttl := ttl(now, expiry)
	if ttl <= 0 {
		return session.ErrNoSession
	}
	if rec.Principal == nil {
		limit = 0
	}
	return s.run(ctx, create, id, value, ttl, now.UnixMilli(), limit)
}

// Find implements session.Store.
func (s *Store) Find(ctx context.Context, id session.ID) (*session.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	value, err := s.client.HGet(ctx, s.key(id.Bucket()), field(id)).Bytes()
	if errors.Is(err, redis.Nil) {
		return nil, session.ErrNoSession
	}
	if err != nil {
		return nil, failed("find", err)
	}
	return decode(value, s.now())
}

// Update implements session.Store.
func (s *Store) Update(ctx context.Context, id session.ID, rec *session.Record, expiry time.Time) error {
	value, err := encode(rec, expiry)
	if err != nil {
		return err
	}
	now := s.now()
	ttl := ttl(now, expiry)
	if ttl <= 0 {
		return s.expire(ctx, id)
	}
	return s.run(ctx, update, id, value, ttl, now.UnixMilli())
}

// Touch implements session.Store.
func (s *Store) Touch(ctx context.Context, id session.ID, seen, expiry time.Time) error {
	now := s.now()
	ttl := ttl(now, expiry)
	if ttl <= 0 {
		return s.expire(ctx, id)
	}
	return s.run(ctx, touch, id, appendTime(appendTime(nil, seen), expiry), ttl, now.UnixMilli())
}

// Rename implements session.Store.
func (s *Store) Rename(ctx context.Context, from, to session.ID, rec *session.Record, expiry time.Time) error {
	if from.Bucket() != to.Bucket() {
		return errBuckets
	}
	value, err := encode(rec, expiry)
	if err != nil {
		return err
	}
	now := s.now()
	ttl := ttl(now, expiry)
	if ttl <= 0 {
		return s.expire(ctx, from)
	}
	return s.run(ctx, rename, from, value, ttl, now.UnixMilli(), field(to))
}

// Delete implements session.Store.
func (s *Store) Delete(ctx context.Context, id session.ID) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return failed("delete", s.client.HDel(ctx, s.key(id.Bucket()), field(id)).Err())
}

// List implements session.Store.
func (s *Store) List(ctx context.Context, subject string) ([]*session.Record, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	values, err := s.client.HVals(ctx, s.key(session.BucketOf(subject))).Result()
	if err != nil {
		return nil, failed("list", err)
	}
	now := s.now()
	list := make([]*session.Record, 0, len(values))
	for _, value := range values {
		if rec, err := decode([]byte(value), now); err == nil {
			list = append(list, rec)
		}
	}
	return list, nil
}

// Revoke implements session.Store.
func (s *Store) Revoke(ctx context.Context, subject, publicID string) error {
	return s.revoke(ctx, subject, publicID, "only")
}

// RevokeSubject implements session.Store.
func (s *Store) RevokeSubject(ctx context.Context, subject, except string) error {
	if except != "" {
		return s.revoke(ctx, subject, except, "others")
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return failed("revoke", s.client.Del(ctx, s.key(session.BucketOf(subject))).Err())
}

func (s *Store) revoke(ctx context.Context, subject, publicID, which string) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	key := s.key(session.BucketOf(subject))
	return failed("revoke", revoke.Run(ctx, s.client, []string{key}, publicTag(publicID), which).Err())
}

// run runs a script on the session of id.
func (s *Store) run(ctx context.Context, script *redis.Script, id session.ID, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	n, err := script.Run(ctx, s.client, []string{s.key(id.Bucket())}, append([]any{field(id)}, args...)...).Int()
	if err != nil {
		return failed("write", err)
	}
	switch n {
	case 0:
		return session.ErrNoSession
	case 1:
		return nil
	}
	return session.ErrExists
}

// expire is a write whose expiry has passed.
func (s *Store) expire(ctx context.Context, id session.ID) error {
	if err := s.Delete(ctx, id); err != nil {
		return err
	}
	return session.ErrNoSession
}

// ttl is how long a session has to live, in milliseconds.
func ttl(now, expiry time.Time) int64 { return expiry.Sub(now).Milliseconds() }

// key is where the sessions of a bucket are: one key, so in a cluster one node.
func (s *Store) key(b session.Bucket) string {
	return s.prefix + base64.RawURLEncoding.EncodeToString(b[:])
}

// field is what is left of an ID within its bucket.
func field(id session.ID) string { return string(id[len(session.Bucket{}):]) }

var errBuckets = errors.New("redisstore: a session cannot be renamed from one bucket to another")

// failed wraps an error of Redis. Those hold neither keys nor values.
func failed(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("redisstore: %s: %w", doing, err)
}
