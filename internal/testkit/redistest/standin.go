package redistest

import (
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// A standIn is miniredis with a clock that runs: by itself miniredis forgets no
// key until it is told how much time has passed.
type standIn struct {
	server *miniredis.Miniredis
	stop   chan struct{}
	wg     sync.WaitGroup
}

func newStandIn(addr string) (*standIn, error) {
	s := &standIn{server: miniredis.NewMiniRedis(), stop: make(chan struct{})}
	if err := s.server.StartAddr(addr); err != nil {
		return nil, err
	}
	s.wg.Go(func() {
		tick := time.NewTicker(poll)
		defer tick.Stop()
		for last := time.Now(); ; {
			select {
			case now := <-tick.C:
				s.server.FastForward(now.Sub(last))
				last = now
			case <-s.stop:
				return
			}
		}
	})
	return s, nil
}

// close ends the server and its clock.
func (s *standIn) close() {
	close(s.stop)
	s.wg.Wait()
	s.server.Close()
}
