package apikey

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/go-sallyport/auth/problem"
)

// The pauses between attempts to subscribe.
const (
	minWatchPause = 250 * time.Millisecond
	maxWatchPause = 30 * time.Second
)

// watch subscribes to the changes of other processes until ctx is done. Each record has
// its life, CacheFor, with or without: a subscription makes it shorter and never longer.
func (m *Manager) watch(ctx context.Context, w Watcher) {
	pause := minWatchPause
	for {
		err := m.subscribe(ctx, w, func() {
			pause = minWatchPause
			m.cache.forget(Change{}) // what was read before could have changed meanwhile
		})
		if ctx.Err() != nil {
			return
		}
		m.cache.forget(Change{})
		m.emit(ctx, EventWatchLost, "", "", netip.Addr{}, fmt.Errorf("apikey: watching for changes: %w", err))
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		pause = min(2*pause, maxWatchPause)
	}
}

// subscribe calls Watch, whose panic must not end the process.
func (m *Manager) subscribe(ctx context.Context, w Watcher, listening func()) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("%w: %v", problem.ErrPanic, v)
		}
	}()
	if err := w.Watch(ctx, listening, m.cache.forget); err != nil {
		return err
	}
	return errWatchEnded
}

var errWatchEnded = errors.New("the Watcher has ended")
