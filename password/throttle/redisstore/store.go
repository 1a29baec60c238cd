package redisstore

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/redisclient"
	"github.com/go-sallyport/auth/password/throttle"
)

// A Store counts attempts in Redis. It is safe for concurrent use.
type Store struct {
	client  redis.UniversalClient
	prefix  string
	timeout time.Duration
}

var _ throttle.Store = (*Store)(nil)

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

// Take implements throttle.Store.
func (s *Store) Take(ctx context.Context, key throttle.Key, rule throttle.Rule) (throttle.Count, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	ticket := newTicket()
	answer, err := take.Run(ctx, s.client, []string{s.key(key)}, encode(ticket), rule.Max,
		ms(rule.Window), ms(rule.Lockout), ms(rule.MaxLockout), rule.MaxInARow, ms(rule.Memory)).Int64Slice()
	if err != nil {
		return throttle.Count{}, failed("take", err)
	}
	if len(answer) != 3 {
		return throttle.Count{}, errAnswer
	}
	c := throttle.Count{Admitted: answer[0] == 1, Wait: time.Duration(answer[1]) * time.Millisecond, Exhausted: answer[2] == 1}
	if c.Admitted {
		c.Ticket = ticket
	}
	return c, nil
}

// Allow implements throttle.Store.
func (s *Store) Allow(ctx context.Context, key throttle.Key, limit int, window time.Duration) (throttle.Count, error) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	left, err := allow.Run(ctx, s.client, []string{s.key(key)}, limit, ms(window)).Int64()
	if err != nil {
		return throttle.Count{}, failed("allow", err)
	}
	if left < 0 {
		return throttle.Count{Wait: time.Duration(-left) * time.Millisecond}, nil
	}
	return throttle.Count{Admitted: true, Wait: time.Duration(left) * time.Millisecond}, nil
}

// Forgive implements throttle.Store.
func (s *Store) Forgive(ctx context.Context, key throttle.Key, ticket throttle.Ticket) error {
	return failed("forgive", s.undo(ctx, forgive, key, ticket))
}

// Cancel implements throttle.Store.
func (s *Store) Cancel(ctx context.Context, key throttle.Key, ticket throttle.Ticket) error {
	return failed("cancel", s.undo(ctx, cancel, key, ticket))
}

// Reset implements throttle.Store.
func (s *Store) Reset(ctx context.Context, key throttle.Key) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return failed("reset", s.client.Del(ctx, s.key(key)).Err())
}

func (s *Store) undo(ctx context.Context, script *redis.Script, key throttle.Key, ticket throttle.Ticket) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return script.Run(ctx, s.client, []string{s.key(key)}, encode(ticket)).Err()
}

func (s *Store) key(k throttle.Key) string { return s.prefix + k.String() }

// ms is how the scripts are told a duration.
func ms(d time.Duration) int64 { return d.Milliseconds() }

// newTicket returns 48 random bits, never 0. They only have to differ among the
// attempts that one key remembers.
func newTicket() throttle.Ticket {
	var b [8]byte
	_, _ = rand.Read(b[:6]) // never fails
	return throttle.Ticket(max(binary.LittleEndian.Uint64(b[:]), 1))
}

// encode returns a ticket as eight characters.
func encode(t throttle.Ticket) string {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(t))
	return base64.RawURLEncoding.EncodeToString(b[:6])
}

var errAnswer = errors.New("redisstore: the script gave an answer that is not its own")

// failed wraps an error of Redis. Those hold neither keys nor values.
func failed(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("redisstore: %s: %w", doing, err)
}
