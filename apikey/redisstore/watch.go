package redisstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/apikey"
)

const (
	// pingEvery is how often a subscription is asked whether it lives.
	pingEvery = 4 * time.Second
	// patience is after how many pings without an answer it is taken for dead, within
	// 20 seconds.
	patience = 3
	// lookEvery is how often Watch looks whether there are other servers.
	lookEvery = 10 * time.Second
	// subscribeFor bounds the time until all servers are listened to.
	subscribeFor = 5 * time.Second
)

var (
	errSilent = errors.New("redisstore: a subscription is silent")
	errAgain  = errors.New("redisstore: a subscription was lost and made again")
	errOthers = errors.New("redisstore: there are other servers than before")
)

// Watch implements apikey.Watcher, by publish and subscribe. It keeps one connection
// to each primary of a cluster and each shard of a ring, and one to anything else,
// beside those of the pool.
func (s *Store) Watch(ctx context.Context, listening func(), changed func(apikey.Change)) error {
	before, err := s.servers(ctx)
	if err != nil {
		return stopped(ctx, err)
	}
	// The first of the goroutines that ends takes the others with it.
	ctx, cancel := context.WithCancelCause(ctx)
	var all sync.WaitGroup
	defer func() {
		cancel(nil)
		all.Wait()
	}()
	var subscriptions []*subscription
	for _, server := range before {
		sub, err := s.subscribe(ctx, server)
		if err != nil {
			return stopped(ctx, err)
		}
		defer sub.close()
		subscriptions = append(subscriptions, sub)
	}
	listening()
	for _, sub := range subscriptions {
		all.Go(func() { cancel(sub.read(ctx, changed)) })
		all.Go(func() { cancel(sub.ping(ctx)) })
	}
	ticks := time.NewTicker(lookEvery)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return stopped(ctx, context.Cause(ctx))
		case <-ticks.C:
		}
		now, err := s.servers(ctx)
		if err != nil {
			return stopped(ctx, err)
		}
		if !slices.Equal(slices.Sorted(maps.Keys(now)), slices.Sorted(maps.Keys(before))) {
			return stopped(ctx, errOthers)
		}
	}
}

// stopped is why Watch returns.
func stopped(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return failed("watch", err)
}

// A subscriber is a client of one server.
type subscriber interface {
	Subscribe(ctx context.Context, channels ...string) *redis.PubSub
}

// servers are those that scripts run on, by address. A cluster sends what is published
// at one of its nodes to the others, and does not tell when it could not; so all are
// listened to. A ring sends nothing to anybody.
func (s *Store) servers(ctx context.Context) (map[string]subscriber, error) {
	found := make(map[string]subscriber)
	var mu sync.Mutex
	add := func(_ context.Context, c *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		found[c.Options().Addr] = c
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	switch c := s.client.(type) {
	case *redis.ClusterClient:
		return found, c.ForEachMaster(ctx, add)
	case *redis.Ring:
		return found, c.ForEachShard(ctx, add)
	default:
		return map[string]subscriber{"": c}, nil
	}
}

// A subscription is a connection that listens to the channel.
type subscription struct {
	redis *redis.PubSub
	pings atomic.Int64 // without an answer
	once  sync.Once
}

// subscribe returns when the server has said that it will send what is published.
func (s *Store) subscribe(ctx context.Context, server subscriber) (*subscription, error) {
	ctx, cancel := context.WithTimeout(ctx, subscribeFor)
	defer cancel()
	sub := &subscription{redis: server.Subscribe(ctx, s.channel)}
	// The reading of an answer does not end with a context that is cancelled.
	defer context.AfterFunc(ctx, sub.close)()
	answer, err := sub.redis.Receive(ctx)
	if err == nil {
		if _, ok := answer.(*redis.Subscription); !ok {
			err = fmt.Errorf("redisstore: a %T where a subscription is confirmed", answer)
		}
	}
	if err != nil {
		sub.close()
		return nil, err
	}
	return sub, nil
}

// read hands on what comes until the subscription is lost or closed.
func (s *subscription) read(ctx context.Context, changed func(apikey.Change)) error {
	for {
		// Without a deadline: one in the midst of a message would lose its place.
		message, err := s.redis.Receive(context.WithoutCancel(ctx))
		if err != nil {
			return err
		}
		s.pings.Store(0)
		switch m := message.(type) {
		case *redis.Message:
			changed(parseChange(m.Payload))
		case *redis.Subscription:
			// go-redis has connected again by itself.
			return errAgain
		}
	}
}

// ping asks for answers, and notices when none come.
func (s *subscription) ping(ctx context.Context) error {
	ticks := time.NewTicker(pingEvery)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticks.C:
		}
		if s.pings.Add(1) > patience {
			return errSilent
		}
		if err := s.redis.Ping(ctx); err != nil {
			return err
		}
	}
}

func (s *subscription) close() { s.once.Do(func() { _ = s.redis.Close() }) }

// parseChange reads what a script has told. What it does not know is a change of
// everything.
func parseChange(payload string) apikey.Change {
	if payload != "" {
		switch payload[0] {
		case 'k':
			return apikey.Change{ID: payload[1:]}
		case 's':
			return apikey.Change{Subject: payload[1:]}
		}
	}
	return apikey.Change{}
}
