package redisstore

import (
	"context"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/apikey"
)

// Touch implements apikey.Store. The uses go in one pipeline, or in one for each node
// of a cluster.
func (s *Store) Touch(ctx context.Context, uses []apikey.Use) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	calls := make([]touchCall, 0, len(uses))
	for _, u := range uses {
		shard, ok := shardOf(u.ID)
		if !ok {
			continue // no key has that id
		}
		use, err := encodeUse(u)
		if err != nil {
			return err
		}
		calls = append(calls, touchCall{[]string{s.prefix + shard}, u.ID, use})
	}
	unknown, err := s.touch(ctx, calls, touch.EvalSha)
	if err != nil || len(unknown) == 0 {
		return failed("touch", err)
	}
	// The servers that did not know the script learn it.
	_, err = s.touch(ctx, unknown, touch.Eval)
	return failed("touch", err)
}

// A touchCall is one run of the script.
type touchCall struct {
	keys    []string
	id, use string
}

// touch runs the script for each call, and returns those whose server does not know
// it. The error is the first of another kind; what follows is done all the same.
func (s *Store) touch(ctx context.Context, calls []touchCall, run func(context.Context, redis.Scripter, []string, ...any) *redis.Cmd) (unknown []touchCall, err error) {
	if len(calls) == 0 {
		return nil, nil
	}
	pipe := s.client.Pipeline()
	results := make([]*redis.Cmd, len(calls))
	for i, c := range calls {
		results[i] = run(ctx, pipe, c.keys, c.id, c.use)
	}
	_, _ = pipe.Exec(ctx) // each result has its error
	for i, r := range results {
		switch e := r.Err(); {
		case e == nil:
		case redis.HasErrorPrefix(e, "NOSCRIPT"):
			unknown = append(unknown, calls[i])
		case err == nil:
			err = e
		}
	}
	return unknown, err
}
