package storetest

import (
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth/apikey"
)

// crowd is how many do something at once.
const crowd = 200

// together calls f from n goroutines that begin at the same moment.
func together(n int, f func(i int)) {
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}

var raceCases = []testCase{
	{"of many rotations at once one makes a successor", "two holders of a key make it two", func(t *testing.T, s apikey.Store) {
		k := create(t, s, newSubject())
		var won atomic.Int64
		var winner atomic.Pointer[apikey.Key]
		together(crowd, func(int) {
			r := rotation(k)
			switch err := s.Rotate(t.Context(), k.ID, r); {
			case err == nil:
				won.Add(1)
				winner.Store(r.Next)
			case !errors.Is(err, apikey.ErrRotated):
				t.Errorf("Rotate: %v", err)
			}
		})
		if won.Load() != 1 {
			t.Fatalf("%d rotations of one key", won.Load())
		}
		wantListed(t, s, k.Subject, k.ID, winner.Load().ID)
		if got := find(t, s, k.ID); got.Successor != winner.Load().ID {
			t.Fatal("the successor is another")
		}
	}},
	{"F03 of one rotation many times at once all succeed", "a call that is sent again while it runs fails", func(t *testing.T, s apikey.Store) {
		k := create(t, s, newSubject())
		r := rotation(k)
		together(crowd/4, func(int) {
			if err := s.Rotate(t.Context(), k.ID, r); err != nil {
				t.Errorf("Rotate: %v", err)
			}
		})
		wantListed(t, s, k.Subject, k.ID, r.Next.ID)
	}},
	{"of many creations at once no more succeed than there may be", "an account has more keys than it may", func(t *testing.T, s apikey.Store) {
		subject := newSubject()
		const limit = 7
		var made atomic.Int64
		together(crowd/2, func(int) {
			switch err := s.Create(t.Context(), newKey(subject), limit); {
			case err == nil:
				made.Add(1)
			case !errors.Is(err, apikey.ErrTooMany):
				t.Errorf("Create: %v", err)
			}
		})
		if n := live(t, s, subject); made.Load() != limit || n != limit {
			t.Fatalf("%d keys were made and %d are there, want %d", made.Load(), n, limit)
		}
	}},
	{"I2 a revocation among rotations leaves no successor behind that nobody was told of", "a revoked key lives on in its successor", func(t *testing.T, s apikey.Store) {
		for range 10 {
			k := create(t, s, newSubject())
			var made atomic.Int64
			together(20, func(i int) {
				if i%4 == 0 {
					if err := s.Revoke(t.Context(), k.ID, now()); err != nil {
						t.Errorf("Revoke: %v", err)
					}
					return
				}
				switch err := s.Rotate(t.Context(), k.ID, rotation(k)); {
				case err == nil:
					made.Add(1)
				case !errors.Is(err, apikey.ErrRotated) && !errors.Is(err, apikey.ErrRevoked):
					t.Errorf("Rotate: %v", err)
				}
			})
			got := find(t, s, k.ID)
			if made.Load() > 1 || got.RevokedAt.IsZero() || (got.Successor != "") != (made.Load() == 1) {
				t.Fatalf("%d rotations, %+v", made.Load(), got)
			}
			if n := live(t, s, k.Subject); int64(n) != made.Load() {
				t.Fatalf("%d live keys after %d rotations", n, made.Load())
			}
		}
	}},
	{"I2 nothing that was there outlives a revocation of all, nor its successors", "a thief rotates while the owner revokes everything", func(t *testing.T, s apikey.Store) {
		for range 10 {
			subject := newSubject()
			var keys []*apikey.Key
			for range 5 {
				keys = append(keys, create(t, s, subject))
			}
			together(20, func(i int) {
				if i == 10 {
					if err := s.RevokeAll(t.Context(), subject, "", now()); err != nil {
						t.Errorf("RevokeAll: %v", err)
					}
					return
				}
				k := keys[i%len(keys)]
				for range 30 { // the successor, and its successor
					r := rotation(k)
					switch err := s.Rotate(t.Context(), k.ID, r); {
					case err == nil:
						k = r.Next
					case errors.Is(err, apikey.ErrRotated), errors.Is(err, apikey.ErrRevoked):
						return
					default:
						t.Errorf("Rotate: %v", err)
						return
					}
				}
			})
			if n := live(t, s, subject); n != 0 {
				t.Fatalf("%d keys are alive", n)
			}
		}
	}},
	{"KEY-10 of many uses at once the newest is noted", "the last use goes back in time", func(t *testing.T, s apikey.Store) {
		k := create(t, s, newSubject())
		at := now()
		together(crowd, func(i int) {
			u := apikey.Use{ID: k.ID, At: at.Add(time.Duration(i*7919%crowd) * time.Second), From: netip.AddrFrom4([4]byte{192, 0, 2, byte(i * 7919 % crowd)})}
			if err := s.Touch(t.Context(), []apikey.Use{u}); err != nil {
				t.Errorf("Touch: %v", err)
			}
		})
		k.LastUsedAt, k.LastUsedFrom = at.Add((crowd-1)*time.Second), netip.AddrFrom4([4]byte{192, 0, 2, crowd - 1})
		want(t, s, k)
	}},
}
