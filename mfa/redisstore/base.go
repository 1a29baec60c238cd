package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/redisclient"
)

// A base is what both stores stand on.
type base struct {
	client  redis.UniversalClient
	prefix  string
	timeout time.Duration
}

func newBase(client redis.UniversalClient, cfg Config) (base, error) {
	if err := redisclient.Check(client, cfg.SkipClientCheck); err != nil {
		return base{}, err
	}
	return base{client: client, prefix: cfg.Prefix, timeout: cfg.Timeout}, nil
}

// within bounds a call.
func (b *base) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, b.timeout)
}

// run runs a script on keys of one hash slot.
func (b *base) run(ctx context.Context, script *redis.Script, keys []string, args ...any) *redis.Cmd {
	ctx, cancel := b.within(ctx)
	defer cancel()
	return script.Run(ctx, b.client, keys, args...)
}

// del deletes keys of one hash slot. None is no error.
func (b *base) del(ctx context.Context, keys ...string) error {
	ctx, cancel := b.within(ctx)
	defer cancel()
	return b.client.Del(ctx, keys...).Err()
}

var errCorrupt = errors.New("redisstore: a stored value cannot be read")

// failed wraps an error of Redis. Those hold neither keys nor values.
func failed(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("redisstore: %s: %w", doing, err)
}
