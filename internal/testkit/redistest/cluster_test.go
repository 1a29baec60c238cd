package redistest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/testkit/faketb"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
)

func TestCluster(t *testing.T) {
	t.Parallel()
	c, nodes := redistest.Cluster(t, 3)
	ctx := t.Context()
	for i := range 100 {
		must(t, c.Set(ctx, fmt.Sprint("k", i), i, time.Minute).Err())
	}
	all := 0
	for i, node := range nodes {
		n := len(node.Keys())
		all += n
		if n < 10 {
			t.Errorf("node %d has %d of 100 keys", i, n)
		}
		node.AssertTTL(t)
	}
	if all != 100 || len(nodes) != 3 {
		t.Errorf("%d nodes have %d keys", len(nodes), all)
	}
	t.Run("F12 a key of another node is MOVED", func(t *testing.T) {
		moved := 0
		for i := range 100 {
			if err := nodes[0].Client().Get(ctx, fmt.Sprint("k", i)).Err(); err != nil && strings.HasPrefix(err.Error(), "MOVED ") {
				moved++
			}
		}
		if moved != 100-len(nodes[0].Keys()) {
			t.Errorf("%d keys moved", moved)
		}
	})
	t.Run("F12 a script over two slots is refused, over one hash tag not", func(t *testing.T) {
		const script = "return redis.call('EXISTS', KEYS[1], KEYS[2])"
		if err := c.Eval(ctx, script, []string{"a", "b"}).Err(); err == nil || !strings.Contains(err.Error(), "CROSSSLOT") {
			t.Errorf("two slots: %v", err)
		}
		must(t, c.Eval(ctx, script, []string{"{x}a", "{x}b"}).Err())
	})
}

func TestClusterOfNone(t *testing.T) {
	if r := faketb.Run("TestX", func(t testing.TB) { redistest.Cluster(t, 0) }); !r.Failed {
		t.Errorf("%+v", r)
	}
}
