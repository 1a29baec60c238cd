package redisstore_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/mfa/redisstore"
)

// Challenges and devices in Redis, factors in a database.
func Example() {
	client := redis.NewClient(&redis.Options{Addr: "localhost:6379", ContextTimeoutEnabled: true})
	defer client.Close()
	store, err := redisstore.New(client, redisstore.Config{})
	fmt.Println("ready:", err == nil)

	var factors mfa.FactorStore // one of mfa/sqlstore
	_ = mfa.Split{FactorStore: factors, ChallengeStore: store, DeviceStore: store}

	// A client that ignores deadlines would stall requests with Redis.
	careless := redis.NewClient(&redis.Options{Addr: "localhost:6379"})
	defer careless.Close()
	_, err = redisstore.New(careless, redisstore.Config{})
	fmt.Println(err)
	// Output:
	// ready: true
	// redisstore: the client ignores deadlines, so a stalled Redis would stall requests: set ContextTimeoutEnabled in its options
}

// A service without a database keeps factors in Redis as well, if that keeps them.
func ExampleNewFactorStore() {
	open := func(ctx context.Context, client redis.UniversalClient) (mfa.Store, error) {
		store, err := redisstore.New(client, redisstore.Config{})
		if err != nil {
			return nil, err
		}
		factors, err := redisstore.NewFactorStore(ctx, client, redisstore.Config{})
		if errors.Is(err, redisstore.ErrNotDurable) {
			return nil, fmt.Errorf("second factors would be lost: %w", err)
		}
		if err != nil {
			return nil, err
		}
		return mfa.Split{FactorStore: factors, ChallengeStore: store, DeviceStore: store}, nil
	}
	_ = open
}
