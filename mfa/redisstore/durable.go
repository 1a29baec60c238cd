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

// ErrNotDurable is what CheckDurability and NewFactorStore return for a server that
// may forget factors.
var ErrNotDurable = errors.New("redisstore: Redis may forget second factors, and so turn them off")

// CheckDurability asks the server, or every master of a cluster or shard of a ring,
// whether it keeps what it is given, and returns an error that wraps ErrNotDurable
// if one does not:
//
//   - It deletes keys when its memory is full, also those without a time to live:
//     it has a maxmemory, and a maxmemory-policy allkeys-*.
//   - It does not write an append-only file (appendonly no): a restart loses
//     everything, or what has happened since the last snapshot.
//
// Any other error means that it could not be told. It cannot see what appendfsync
// is, whether there are backups, or what a replica loses that takes over.
func CheckDurability(ctx context.Context, client redis.UniversalClient) error {
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

// checkAll asks every server, at once. That one forgets counts more than that
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
	info, err := client.Info(ctx).Result()
	if err != nil {
		return failed("info", err)
	}
	return forgets(info)
}

// forgets reads the answer to INFO, which servers allow that hide CONFIG.
func forgets(info string) error {
	said := make(map[string]string)
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		said[name] = value
	}
	limit, policy, aof := said["maxmemory"], said["maxmemory_policy"], said["aof_enabled"]
	switch {
	case limit == "" || policy == "" || aof == "":
		return errors.New("redisstore: the server does not tell its maxmemory-policy or whether it has an append-only file")
	case limit != "0" && strings.HasPrefix(policy, "allkeys-"):
		return fmt.Errorf("%w: it has maxmemory %s and maxmemory-policy %s: set noeviction", ErrNotDurable, limit, policy)
	case aof == "0":
		return fmt.Errorf("%w: it has no append-only file: set appendonly yes, or keep factors in a database", ErrNotDurable)
	}
	return nil
}
