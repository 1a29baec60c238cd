package redisstore

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/internal/redisclient"
)

// A Store keeps API keys in Redis. It is safe for concurrent use.
type Store struct {
	client  redis.UniversalClient
	prefix  string
	channel string
	timeout time.Duration
}

var (
	_ apikey.Store   = (*Store)(nil)
	_ apikey.Watcher = (*Store)(nil)
)

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
	return &Store{client: client, prefix: cfg.Prefix, channel: cfg.Prefix + "changes", timeout: cfg.Timeout}, nil
}

// Create implements apikey.Store.
func (s *Store) Create(ctx context.Context, k *apikey.Key, limit int) error {
	record, err := encode(k)
	if err != nil {
		return err
	}
	return s.run(ctx, "create", create, apikey.ShardOf(k.Subject), k.ID, record, limit)
}

// Find implements apikey.Store.
func (s *Store) Find(ctx context.Context, id string) (*apikey.Key, error) {
	shard, ok := shardOf(id)
	if !ok {
		return nil, apikey.ErrNotFound
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	values, err := s.client.HMGet(ctx, s.prefix+shard, recordField+id, useField+id).Result()
	if err != nil {
		return nil, failed("find", err)
	}
	if len(values) != 2 {
		return nil, failed("find", errCorrupt)
	}
	record, ok := values[0].(string)
	if !ok {
		return nil, apikey.ErrNotFound
	}
	use, _ := values[1].(string)
	k, err := decode(id, record, use)
	if err != nil {
		return nil, failed("find", err)
	}
	return k, nil
}

// List implements apikey.Store. What cannot be read is left out: Find fails for it, so
// it is good for nothing.
func (s *Store) List(ctx context.Context, subject string) ([]*apikey.Key, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	fields, err := s.client.HGetAll(ctx, s.prefix+apikey.ShardOf(subject)).Result()
	if err != nil {
		return nil, failed("list", err)
	}
	var keys []*apikey.Key
	for field, record := range fields {
		id := field[min(1, len(field)):]
		if field != recordField+id {
			continue
		}
		if k, err := decode(id, record, fields[useField+id]); err == nil && k.Subject == subject {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// Rotate implements apikey.Store.
func (s *Store) Rotate(ctx context.Context, id string, r apikey.Rotation) error {
	shard, ok := shardOf(id)
	if !ok {
		return apikey.ErrNotFound
	}
	record, err := encode(r.Next)
	if err != nil {
		return err
	}
	if shard != apikey.ShardOf(r.Next.Subject) {
		return errKey
	}
	ends, err := encodeTime(r.Ends)
	if err != nil {
		return err
	}
	return s.run(ctx, "rotate", rotate, shard, id, r.Next.ID, record, ends, r.Limit, s.channel)
}

// Expire implements apikey.Store.
func (s *Store) Expire(ctx context.Context, id string, at time.Time) error {
	return s.change(ctx, "expire", expire, id, at)
}

// Revoke implements apikey.Store.
func (s *Store) Revoke(ctx context.Context, id string, at time.Time) error {
	return s.change(ctx, "revoke", revoke, id, at)
}

// RevokeAll implements apikey.Store.
func (s *Store) RevokeAll(ctx context.Context, subject, except string, at time.Time) error {
	text, err := encodeTime(at)
	if err != nil {
		return err
	}
	return s.run(ctx, "revoke", revokeAll, apikey.ShardOf(subject), subject, except, text, s.channel)
}

func (s *Store) change(ctx context.Context, doing string, script *redis.Script, id string, at time.Time) error {
	shard, ok := shardOf(id)
	if !ok {
		return apikey.ErrNotFound
	}
	text, err := encodeTime(at)
	if err != nil {
		return err
	}
	return s.run(ctx, doing, script, shard, id, text, s.channel)
}

// run runs a script on the hash of a shard.
func (s *Store) run(ctx context.Context, doing string, script *redis.Script, shard string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	n, err := script.Run(ctx, s.client, []string{s.prefix + shard}, args...).Int()
	if err != nil {
		return failed(doing, err)
	}
	switch n {
	case answerDone:
		return nil
	case answerNotFound:
		return apikey.ErrNotFound
	case answerExists:
		return apikey.ErrExists
	case answerTooMany:
		return apikey.ErrTooMany
	case answerRevoked:
		return apikey.ErrRevoked
	case answerExpired:
		return apikey.ErrExpired
	case answerRotated:
		return apikey.ErrRotated
	}
	return failed(doing, errCorrupt) // also what answerCorrupt says
}

// failed wraps an error of Redis. Those hold neither keys nor values.
func failed(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("redisstore: %s: %w", doing, err)
}
