package redisstore_test

import (
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/apikey/redisstore"
)

func Example() {
	client := redis.NewClient(&redis.Options{Addr: "localhost:6379", ContextTimeoutEnabled: true})
	defer client.Close()
	_, err := redisstore.New(client, redisstore.Config{})
	fmt.Println("ready:", err == nil)

	// A client that ignores deadlines would stall requests with Redis.
	careless := redis.NewClient(&redis.Options{Addr: "localhost:6379"})
	defer careless.Close()
	_, err = redisstore.New(careless, redisstore.Config{})
	fmt.Println(err)
	// Output:
	// ready: true
	// redisstore: the client ignores deadlines, so a stalled Redis would stall requests: set ContextTimeoutEnabled in its options
}
