package redisstore_test

import (
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/password/throttle/redisstore"
)

func Example() {
	client := redis.NewClient(&redis.Options{Addr: "localhost:6379", ContextTimeoutEnabled: true})
	defer client.Close()
	store, err := redisstore.New(client, redisstore.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = throttle.NewGuard(store, throttle.GuardConfig{})
	fmt.Println("ready:", err == nil)
	// Output:
	// ready: true
}
