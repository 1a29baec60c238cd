package mfasql_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/sqltest"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/mfa/sqlstore"
	"github.com/go-sallyport/auth/mfa/storetest"
)

// doors are two stores on one database, as of two services; the second pool is as
// strict as the server can be.
func doors(t *testing.T, d *sqltest.Database) [2]*sqlstore.Store {
	t.Helper()
	return [2]*sqlstore.Store{open(t, d), on(t, d, d.OpenStrict(t), sqlstore.Config{})}
}

func TestTwoPools(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		t.Run("MFA-03 M01 one pool", func(t *testing.T) { s := open(t, d); storetest.Shared(t, s, s) })
		t.Run("MFA-03 M01 two pools", func(t *testing.T) { storetest.Shared(t, open(t, d), open(t, d)) })
		t.Run("MFA-03 M01 F13 two pools, of which one is strict", func(t *testing.T) {
			s := doors(t, d)
			storetest.Shared(t, s[0], s[1])
			storetest.Shared(t, s[1], s[1])
		})
	})
}

func TestRaces(t *testing.T) {
	sqltest.Run(t, func(t *testing.T, d *sqltest.Database) {
		s := doors(t, d)
		ctx := t.Context()
		t.Run("M10 F13 codes that are replaced by many at once are of one set", func(t *testing.T) {
			for range 5 {
				subject := newSubject()
				enrol(t, s[0], subject)
				sets := make([][]mfa.CodeHash, 20)
				sqltest.Together(len(sets), func(i int) {
					sets[i] = []mfa.CodeHash{newHash(), newHash(), newHash(), newHash()}
					if err := s[i%2].ReplaceCodes(ctx, subject, sets[i]); err != nil {
						t.Error(err)
					}
				})
				good := 0
				for _, set := range sets {
					used, left, err := s[0].ConsumeCode(ctx, subject, set[0], newCall())
					must(t, err)
					if used {
						good++
						if left != 3 {
							t.Errorf("%d codes are left", left)
						}
					}
				}
				if good != 1 {
					t.Errorf("codes of %d sets are good", good)
				}
			}
		})
		t.Run("MFA-09 F13 all codes of a user can be used at once", func(t *testing.T) {
			subject := newSubject()
			codes := make([]mfa.CodeHash, mfa.MaxRecoveryCodes)
			for i := range codes {
				codes[i] = newHash()
			}
			must(t, s[0].ReplaceCodes(ctx, subject, codes))
			var won atomic.Int64
			var lefts sync.Map
			sqltest.Together(2*len(codes), func(i int) {
				used, left, err := s[i%2].ConsumeCode(ctx, subject, codes[i/2], newCall())
				if err != nil {
					t.Error(err)
				}
				if used {
					won.Add(1)
					if _, twice := lefts.LoadOrStore(left, true); twice {
						t.Errorf("two uses left %d", left)
					}
				}
			})
			if won.Load() != int64(len(codes)) {
				t.Errorf("%d uses of %d codes", won.Load(), len(codes))
			}
		})
		t.Run("F13 enrolments, factors and codes that change all at once: no deadlock is anybody's error, and no state is half", func(t *testing.T) {
			const subjects = 3
			names := [subjects]string{newSubject(), newSubject(), newSubject()}
			var activated, advanced atomic.Int64
			sqltest.Together(24, func(i int) {
				for j := range 10 {
					subject, s := names[(i+j)%subjects], s[(i+j)%2]
					id := newID()
					err := s.Begin(ctx, subject, mfa.PendingTOTP{ID: id, Sealed: id}, long)
					if err == nil {
						switch err = s.Activate(ctx, subject, mfa.TOTP{ID: id, Sealed: id, Step: 1, Call: newCall()}, []mfa.CodeHash{newHash()}); {
						case err == nil:
							activated.Add(1)
						case errors.Is(err, mfa.ErrNoPending): // somebody began another
							err = nil
						}
					}
					ok, err2 := s.Advance(ctx, subject, id, 2, newCall())
					if ok {
						advanced.Add(1)
					}
					var err3 error
					switch j % 5 {
					case 1:
						err3 = s.ReplaceCodes(ctx, subject, []mfa.CodeHash{newHash(), newHash()})
					case 2:
						err3 = s.Deactivate(ctx, subject, id, i%2 == 0)
					case 4:
						err3 = s.Remove(ctx, subject)
					}
					if err := errors.Join(err, err2, err3); err != nil {
						t.Error(err)
					}
					st, err := s.Find(ctx, subject)
					if err != nil || st.TOTP.ID != st.TOTP.Sealed || st.CodesLeft != st.Codes {
						t.Errorf("%+v, %v", st, err)
					}
				}
			})
			t.Logf("%d activated, %d advanced", activated.Load(), advanced.Load())
			if activated.Load() == 0 || advanced.Load() == 0 {
				t.Error("nothing was tested")
			}
		})
		t.Run("F13 F25 challenges and devices of one user that are added and ended all at once stay within their limits", func(t *testing.T) {
			subject := newSubject()
			b := mfa.BucketOf(subject)
			sqltest.Together(24, func(i int) {
				for j := range 8 {
					s := s[(i+j)%2]
					c, dev := newChallenge(b), newDevice()
					err := errors.Join(s.OpenChallenge(ctx, c, long, 5), s.AddDevice(ctx, subject, dev, long, 5))
					_, err2 := s.TryChallenge(ctx, c.ID, 10)
					err3 := s.ClaimChallenge(ctx, c.ID, newCall())
					for _, e := range []error{err2, err3} {
						if e != nil && !errors.Is(e, mfa.ErrNoChallenge) {
							err = errors.Join(err, e)
						}
					}
					if j%4 == 3 {
						err = errors.Join(err, s.EndChallenges(ctx, b), s.DropDevice(ctx, subject, dev.ID), s.DropDevices(ctx, subject))
					}
					if err != nil {
						t.Error(fmt.Errorf("racer %d: %w", i, err))
					}
				}
			})
			var open []mfa.Challenge
			sqltest.Together(12, func(i int) {
				if err := s[i%2].AddDevice(ctx, subject, newDevice(), long, 5); err != nil {
					t.Error(err)
				}
			})
			for range 12 {
				c := newChallenge(b)
				must(t, s[0].OpenChallenge(ctx, c, long, 5))
				open = append(open, c)
			}
			for i, c := range open {
				if _, err := s[1].FindChallenge(ctx, c.ID); (err == nil) != (i >= 7) {
					t.Errorf("challenge %d: %v", i, err)
				}
			}
			if list, err := s[1].ListDevices(ctx, subject); err != nil || len(list) != 5 {
				t.Errorf("%d devices, %v", len(list), err)
			}
		})
	})
}
