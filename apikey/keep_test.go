package apikey_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"
	"unsafe"
	"weak"

	"github.com/go-sallyport/auth/apikey"
)

// An echo is a Store whose records have the id that they were asked by, as one has that
// does not keep it in the record.
type echo struct{ *faults }

func (s echo) Find(ctx context.Context, id string) (*apikey.Key, error) {
	k, err := s.faults.Find(ctx, id)
	if err != nil {
		return nil, err
	}
	k = k.Clone()
	k.ID = id
	return k, nil
}

// What is kept of a request must not be a part of its key, or a dump of the memory has
// the secrets of all that were used, and of all that strangers have tried.
func TestKeysAreNotKept(t *testing.T) {
	r := newRig(t, func(cfg *apikey.Config) { cfg.MaxKeys = 100 })
	m, err := apikey.New(echo{r.store}, apikey.Config{
		Owner: standing, Permits: permits, CacheFor: time.Minute, CacheSize: 32, TouchEvery: time.Hour, Now: r.clock.Now, OnEvent: r.onEvent,
	})
	if err != nil {
		t.Fatal(err)
	}
	// verify uses texts that nobody else has, and returns the memory that they were in.
	verify := func(texts ...string) (kept []weak.Pointer[byte]) {
		for _, text := range texts {
			b := []byte(text)
			kept = append(kept, weak.Make(&b[0]))
			_, _ = m.Verify(t.Context(), unsafe.String(&b[0], len(b)), home)
		}
		return kept
	}
	text, _ := r.issue(nil)
	known := slices.Repeat([]string{text}, 100) // some of them move their entry to the young half
	for range 40 {
		other, _ := r.issue(nil)
		known = append(known, other, text)
	}
	for name, texts := range map[string][]string{
		"keys that were used": known,
		"keys that are none":  {forged(apikey.ShardOf("x") + "0123456789abcdef"), wrongSecret(text)},
	} {
		kept := verify(texts...)
		runtime.GC()
		for _, p := range kept {
			if p.Value() != nil {
				t.Errorf("%s: one is kept", name)
				break
			}
		}
	}
	runtime.KeepAlive(m)
	runtime.KeepAlive(r)
}

// The shards of a cache fill up together.
func TestCacheHolds(t *testing.T) {
	const half = 16_000 // of the cache: so many keys in use at a time are always there
	r := newRig(t, func(cfg *apikey.Config) {
		cfg.CacheFor, cfg.CacheSize, cfg.MaxKeys, cfg.OnEvent, cfg.Owner = time.Minute, 2*half, 1000, nil, standing
	})
	var texts []string
	for i := range half * 85 / 100 {
		text, _ := r.issue(func(q *apikey.Request) { q.Subject = fmt.Sprint("s", i/500) })
		texts = append(texts, text)
	}
	for range 3 {
		for _, text := range texts {
			r.good(text)
		}
	}
	if finds := r.store.finds.Load(); finds != int64(len(texts)) {
		t.Errorf("%d look-ups of %d keys", finds, len(texts))
	}
}
