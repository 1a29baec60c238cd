package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/redisclient"
)

// ErrEviction is what CheckEviction returns for a server that may evict sessions.
var ErrEviction = errors.New("redisstore: Redis may sign users out to make room: set maxmemory-policy to noeviction")

// CheckEviction asks the server, or every master of a cluster or shard of a ring,
// whether it deletes keys when its memory is full, and returns an error that wraps
// ErrEviction if one does: it has a maxmemory, and a maxmemory-policy other than
// noeviction. Any other error means that it could not be told.
//
// It is for the start of a service, which decides whether that is a line in its
// log or the end. New does not ask: eviction makes nothing unsafe. A session is
// good because it is in Redis, so who is evicted is signed out, never revived,
// and no revocation depends on a key that could be gone. But it takes users who
// are signed in before those who fill the memory, and tells nobody.
func CheckEviction(ctx context.Context, client redis.UniversalClient) error {
	switch c := client.(type) {
	case nil:
		return redisclient.ErrNil
	case *redis.ClusterClient:
		return checkAll(ctx, c.ForEachMaster)
	case *redis.Ring:
		return checkAll(ctx, c.ForEachShard)
	}
	return check(ctx, client)
}

// checkAll asks every server, at once. That one evicts counts more than that
// another did not answer.
func checkAll(ctx context.Context, forEach func(context.Context, func(context.Context, *redis.Client) error) error) error {
	var mu sync.Mutex
	var errs []error
	err := forEach(ctx, func(ctx context.Context, c *redis.Client) error {
		err := check(ctx, c)
		mu.Lock()
		defer mu.Unlock()
		errs = append(errs, err)
		return nil
	})
	return errors.Join(append(errs, err)...)
}

func check(ctx context.Context, client redis.UniversalClient) error {
	info, err := client.Info(ctx, "memory").Result()
	if err != nil {
		return failed("info", err)
	}
	return evicts(info)
}

// evicts reads the answer to INFO memory, which servers allow that hide CONFIG.
func evicts(info string) error {
	var limit, policy string
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch name {
		case "maxmemory":
			limit = value
		case "maxmemory_policy":
			policy = value
		}
	}
	switch {
	case limit == "" || policy == "":
		return errors.New("redisstore: the server does not tell its maxmemory-policy")
	case limit == "0" || policy == "noeviction":
		return nil
	}
	return fmt.Errorf("%w: it has maxmemory %s and %s", ErrEviction, limit, policy)
}
