package session_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/session"
	"github.com/go-sallyport/auth/session/storetest"
)

func TestFromSCSConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) session.Store {
		return fromSCS(t, memstore.NewWithCleanupInterval(0)) // 0: no goroutine
	})
}

func TestFromSCSHistory(t *testing.T) {
	storetest.History(t, time.Second, fromSCS(t, memstore.NewWithCleanupInterval(0)))
}

func fromSCS(t testing.TB, s scs.Store) session.Store {
	t.Helper()
	store, err := session.FromSCS(s)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// A table is a store of scs that a test looks into. Adapters that share one are
// processes that share a database.
type table struct {
	mu     sync.Mutex
	values map[string][]byte
	expiry map[string]time.Time
	keys   []string // that were written, in order of first writing
}

func newTable() *table {
	return &table{values: make(map[string][]byte), expiry: make(map[string]time.Time)}
}

func (s *table) Find(key string) ([]byte, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.values[key]
	return b, ok, nil
}

func (s *table) Commit(key string, b []byte, expiry time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.keys, key) {
		s.keys = append(s.keys, key)
	}
	s.values[key], s.expiry[key] = b, expiry
	return nil
}

func (s *table) Delete(key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.values, key)
	return nil
}

// A connection of a process to a table. Before its call number at, counted from
// 0, it does something else, or fails with what that returns.
type connection struct {
	*table
	at, calls int
	do        func() error
}

func (c *connection) before() error {
	c.calls++
	if c.do != nil && c.calls-1 == c.at {
		return c.do()
	}
	return nil
}

func (c *connection) Find(key string) ([]byte, bool, error) {
	if err := c.before(); err != nil {
		return nil, false, err
	}
	return c.table.Find(key)
}

func (c *connection) Commit(key string, b []byte, expiry time.Time) error {
	if err := c.before(); err != nil {
		return err
	}
	return c.table.Commit(key, b, expiry)
}

func (c *connection) Delete(key string) error {
	if err := c.before(); err != nil {
		return err
	}
	return c.table.Delete(key)
}

// memberOf and visitorRecord are records to be stored.
func memberOf(subject string) *session.Record {
	now := time.UnixMilli(time.Now().UnixMilli()).UTC()
	id := rand.Text()
	return &session.Record{
		ID: id, Created: now, Seen: now, Deadline: now.Add(24 * time.Hour), Values: []byte("values"),
		Principal: &auth.Principal{Subject: subject, Method: auth.MethodSession, CredentialID: id, AuthenticatedAt: now},
	}
}

func visitorRecord() *session.Record {
	rec := memberOf("")
	rec.Principal = nil
	return rec
}

// idOf is a random id for a session of subject; that of a visitor is in a bucket
// of its own, or in that of like.
func idOf(subject string, like ...session.ID) session.ID {
	var id session.ID
	_, _ = rand.Read(id[:])
	b := id.Bucket()
	if subject != "" {
		b = session.BucketOf(subject)
	}
	for _, l := range like {
		b = l.Bucket()
	}
	copy(id[:], b[:])
	return id
}

func hence() time.Time { return time.Now().Add(time.Hour) }

// start makes a session.
func start(t testing.TB, s session.Store, rec *session.Record) session.ID {
	t.Helper()
	subject := ""
	if rec.Principal != nil {
		subject = rec.Principal.Subject
	}
	id := idOf(subject)
	if err := s.Create(t.Context(), id, rec, hence(), 0); err != nil {
		t.Fatal(err)
	}
	return id
}

func lives(t testing.TB, s session.Store, id session.ID) bool {
	t.Helper()
	_, err := s.Find(t.Context(), id)
	if err != nil && !errors.Is(err, session.ErrNoSession) {
		t.Fatal(err)
	}
	return err == nil
}

const alices = "u-alice"

func TestFromSCSProcesses(t *testing.T) {
	// Every way to write, of process A, with every way to end, of process B,
	// before every call that A makes of the database.
	type write struct {
		name string
		run  func(ctx context.Context, s session.Store, id, to session.ID, rec *session.Record) error
	}
	update := write{"Update", func(ctx context.Context, s session.Store, id, _ session.ID, rec *session.Record) error {
		return s.Update(ctx, id, rec, hence())
	}}
	touch := write{"Touch", func(ctx context.Context, s session.Store, id, _ session.ID, rec *session.Record) error {
		return s.Touch(ctx, id, rec.Seen.Add(time.Minute), hence())
	}}
	renew := write{"renewal", func(ctx context.Context, s session.Store, id, to session.ID, rec *session.Record) error {
		return s.Rename(ctx, id, to, rec, hence())
	}}
	signIn := write{"sign-in", func(ctx context.Context, s session.Store, id, to session.ID, _ *session.Record) error {
		return s.Rename(ctx, id, to, memberOf(alices), hence())
	}}
	create := write{"Create", func(ctx context.Context, s session.Store, _, _ session.ID, _ *session.Record) error {
		return s.Create(ctx, idOf(alices), memberOf(alices), hence(), 5)
	}}
	ends := map[string]func(s session.Store, id session.ID, rec *session.Record) error{
		"Delete": func(s session.Store, id session.ID, _ *session.Record) error { return s.Delete(t.Context(), id) },
		"Revoke": func(s session.Store, _ session.ID, rec *session.Record) error {
			return s.Revoke(t.Context(), alices, rec.ID)
		},
		"RevokeSubject": func(s session.Store, _ session.ID, _ *session.Record) error {
			return s.RevokeSubject(t.Context(), alices, "")
		},
		"RevokeSubject but another": func(s session.Store, _ session.ID, _ *session.Record) error {
			return s.RevokeSubject(t.Context(), alices, "nobody")
		},
		"Rename": func(s session.Store, id session.ID, rec *session.Record) error {
			return s.Rename(t.Context(), id, idOf(alices), rec, hence())
		},
	}
	for _, w := range []write{update, touch, renew, signIn, create} {
		for name, end := range ends {
			moves := w.name == renew.name || w.name == signIn.name
			t.Run("SES-07 SES-04 S12 no "+w.name+" of a process brings back what another ends by "+name, func(t *testing.T) {
				escaped := 0
				for at, done := 0, false; !done; at++ {
					tab := newTable()
					b := fromSCS(t, tab)
					rec := memberOf(alices)
					id := start(t, b, rec)
					to := idOf(alices)
					done = true // unless A gets as far as that call
					a := fromSCS(t, &connection{table: tab, at: at, do: func() error {
						done = false
						if err := end(b, id, rec); err != nil && !errors.Is(err, session.ErrNoSession) {
							t.Error(err)
						}
						return nil
					}})
					_ = w.run(t.Context(), a, id, to, rec)
					if done {
						break
					}
					if lives(t, a, id) || lives(t, b, id) {
						t.Errorf("before call %d: it lives", at)
					}
					if lives(t, b, to) {
						escaped++
						if !moves || strings.HasPrefix(name, "RevokeSubject") {
							t.Errorf("before call %d: it lives on under its new id", at)
						}
					}
				}
				// What FromSCS says that it cannot do. If this fails it says too little
				// for itself.
				if moves && !strings.HasPrefix(name, "RevokeSubject") && escaped == 0 {
					t.Error("it is better than its comment")
				}
			})
		}
	}
	t.Run("SES-07 S04 in a crowd, too", func(t *testing.T) {
		for range 20 {
			tab := newTable()
			rec := memberOf(alices)
			id := start(t, fromSCS(t, tab), rec)
			var wg sync.WaitGroup
			for i := range 200 {
				s := fromSCS(t, tab) // a process of its own
				wg.Go(func() {
					var err error
					switch {
					case i == 100:
						err = s.Delete(t.Context(), id)
					case i%2 == 0:
						err = s.Update(t.Context(), id, rec, hence())
					default:
						err = s.Touch(t.Context(), id, rec.Seen, hence())
					}
					if err != nil && !errors.Is(err, session.ErrNoSession) {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if lives(t, fromSCS(t, tab), id) {
				t.Fatal("it lives")
			}
		}
	})
	t.Run("S12 RevokeSubject while sign-ins run in other processes ends all that are older", func(t *testing.T) {
		tab := newTable()
		first := fromSCS(t, tab)
		var older []session.ID
		for range 10 {
			older = append(older, start(t, first, memberOf(alices)))
		}
		var wg sync.WaitGroup
		for i := range 100 {
			s := fromSCS(t, tab)
			wg.Go(func() {
				var err error
				if i == 50 {
					err = s.RevokeSubject(t.Context(), alices, "")
				} else {
					err = s.Create(t.Context(), idOf(alices), memberOf(alices), hence(), 20)
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		for _, id := range older {
			if lives(t, first, id) {
				t.Error("an older session lives")
			}
		}
	})
	t.Run("weaker than storetest: what the comment of FromSCS names", func(t *testing.T) {
		// Each finds the moment at which it happens.
		moment := func(name string, run func(at int) (reached, happened bool)) {
			for at := 0; ; at++ {
				reached, happened := run(at)
				if happened {
					return
				}
				if !reached {
					t.Errorf("%s: it is better than its comment", name)
					return
				}
			}
		}
		moment("of many creates of one id one wins", func(at int) (reached, happened bool) {
			tab := newTable()
			id := idOf(alices)
			var err error
			a := fromSCS(t, &connection{table: tab, at: at, do: func() error {
				reached = true
				err = fromSCS(t, tab).Create(t.Context(), id, memberOf(alices), hence(), 0)
				return nil
			}})
			mine := a.Create(t.Context(), id, memberOf(alices), hence(), 0)
			return reached, reached && mine == nil && err == nil
		})
		for name, next := range map[string]func(rec *session.Record) *session.Record{
			"of many renames of one id one wins (renewals)": func(rec *session.Record) *session.Record { return rec },
			"of many renames of one id one wins (sign-ins)": func(*session.Record) *session.Record { return memberOf(alices) },
		} {
			moment(name, func(at int) (reached, happened bool) {
				tab := newTable()
				b := fromSCS(t, tab)
				rec := memberOf(alices)
				id := start(t, b, rec)
				x, y := idOf(alices), idOf(alices)
				var err error
				a := fromSCS(t, &connection{table: tab, at: at, do: func() error {
					reached = true
					err = b.Rename(t.Context(), id, x, next(rec), hence())
					return nil
				}})
				mine := a.Rename(t.Context(), id, y, next(rec), hence())
				if strings.Contains(name, "renewals") && lives(t, b, x) && lives(t, b, y) {
					t.Error("two ids of one session live")
				}
				return reached, reached && mine == nil && err == nil
			})
		}
		moment("touch changes nothing but the time", func(at int) (reached, happened bool) {
			tab := newTable()
			b := fromSCS(t, tab)
			rec := memberOf(alices)
			id := start(t, b, rec)
			a := fromSCS(t, &connection{table: tab, at: at, do: func() error {
				reached = true
				next := *rec
				next.Values = []byte("new")
				return b.Update(t.Context(), id, &next, hence())
			}})
			if err := a.Touch(t.Context(), id, rec.Seen, hence()); err != nil {
				t.Error(err)
			}
			got, err := b.Find(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			return reached, reached && string(got.Values) != "new"
		})
		moment("list has the sessions of the subject", func(at int) (reached, happened bool) {
			tab := newTable()
			b := fromSCS(t, tab)
			start(t, b, memberOf(alices))
			var x session.ID
			a := fromSCS(t, &connection{table: tab, at: at, do: func() error {
				reached = true
				x = start(t, b, memberOf(alices))
				return nil
			}})
			start(t, a, memberOf(alices))
			list, err := b.List(t.Context(), alices)
			if err != nil {
				t.Fatal(err)
			}
			happened = reached && len(list) == 2
			if err := b.RevokeSubject(t.Context(), alices, ""); err != nil || lives(t, b, x) {
				t.Errorf("RevokeSubject misses what List misses: %v", err)
			}
			return reached, happened
		})
	})
}

func TestFromSCSRevokeSubject(t *testing.T) {
	t.Run("S12 a dead session does not come back by being spared", func(t *testing.T) {
		for name, forget := range map[string]bool{"": false, "and its user's list is lost": true} {
			tab := newTable()
			s := fromSCS(t, tab)
			dead, live := memberOf(alices), memberOf(alices)
			deadID, liveID := start(t, s, dead), start(t, s, live)
			if forget {
				_ = tab.Delete(tab.keys[1]) // see TestFromSCSEntries
			}
			revoke := func(except string) {
				t.Helper()
				if err := s.RevokeSubject(t.Context(), alices, except); err != nil {
					t.Fatal(err)
				}
			}
			revoke(live.ID)
			revoke(dead.ID)
			if lives(t, s, deadID) || lives(t, s, liveID) {
				t.Errorf("%s: it lives", name)
			}
		}
	})
	t.Run("who is spared stays so, renews, and goes with the next", func(t *testing.T) {
		s := fromSCS(t, newTable())
		rec := memberOf(alices)
		id := start(t, s, rec)
		for range 3 {
			if err := s.RevokeSubject(t.Context(), alices, rec.ID); err != nil {
				t.Fatal(err)
			}
			to := idOf(alices)
			if err := s.Rename(t.Context(), id, to, rec, hence()); err != nil || !lives(t, s, to) || lives(t, s, id) {
				t.Fatal(err)
			}
			id = to
		}
		next := idOf(alices)
		if err := s.Rename(t.Context(), id, next, memberOf(alices), hence()); err != nil || !lives(t, s, next) {
			t.Fatal(err)
		}
		if err := s.RevokeSubject(t.Context(), alices, rec.ID); err != nil || lives(t, s, next) || lives(t, s, id) {
			t.Fatalf("by its old public id: %v", err)
		}
	})
	t.Run("the public id of somebody else spares nobody", func(t *testing.T) {
		s := fromSCS(t, newTable())
		bob, mine := memberOf("u-bob"), memberOf(alices)
		bobs, id := start(t, s, bob), start(t, s, mine)
		if err := s.RevokeSubject(t.Context(), alices, bob.ID); err != nil || lives(t, s, id) || !lives(t, s, bobs) {
			t.Error(err)
		}
	})
	t.Run("nothing is stored for whom there is nothing", func(t *testing.T) {
		tab := newTable()
		if err := fromSCS(t, tab).RevokeSubject(t.Context(), alices, ""); err != nil || len(tab.values) != 0 {
			t.Error(err, len(tab.values))
		}
	})
}

func TestFromSCSEntries(t *testing.T) {
	// In the order in which Create writes them.
	kinds := []string{"generation", "list", "record", "pass"}
	fresh := func() (*table, session.Store, session.ID, *session.Record) {
		tab := newTable()
		s := fromSCS(t, tab)
		rec := memberOf(alices)
		return tab, s, start(t, s, rec), rec
	}
	t.Run("SES-03 SES-10 keys and values tell nothing, fit the tables of scs, and expire", func(t *testing.T) {
		tab, s, id, rec := fresh()
		if err := s.RevokeSubject(t.Context(), alices, rec.ID); err != nil {
			t.Fatal(err)
		}
		if len(tab.keys) != len(kinds) {
			t.Fatalf("%d entries", len(tab.keys))
		}
		for key, value := range tab.values {
			if len(key) != 43 || strings.Trim(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
				t.Errorf("key %q", key)
			}
			if len(value) == 0 || !tab.expiry[key].After(time.Now()) {
				t.Errorf("%d bytes until %s", len(value), tab.expiry[key])
			}
		}
		if got := tab.expiry[tab.keys[2]]; got.After(hence()) {
			t.Errorf("the record expires %s", got)
		}
		if got := tab.expiry[tab.keys[3]]; !got.Equal(rec.Deadline) {
			t.Errorf("the pass expires %s", got)
		}
		_ = id
	})
	t.Run("an entry that is lost signs out, or changes nothing", func(t *testing.T) {
		for i, kind := range kinds {
			tab, s, id, _ := fresh()
			_ = tab.Delete(tab.keys[i])
			if got := lives(t, s, id); got != (kind == "list") {
				t.Errorf("without %s: lives %v", kind, got)
			}
			if err := s.RevokeSubject(t.Context(), alices, ""); err != nil || lives(t, s, id) {
				t.Errorf("without %s: %v", kind, err)
			}
		}
	})
	t.Run("what a late write leaves of an old id does not end the new one", func(t *testing.T) {
		tab, s, id, rec := fresh()
		left := tab.values[tab.keys[2]]
		to := idOf(alices)
		if err := s.Rename(t.Context(), id, to, rec, hence()); err != nil {
			t.Fatal(err)
		}
		tab.values[tab.keys[2]] = left
		if lives(t, s, id) {
			t.Error("the old id lives")
		}
		if err := s.Delete(t.Context(), id); err != nil || !lives(t, s, to) {
			t.Errorf("the new one is gone: %v", err)
		}
	})
	t.Run("SES-07 who is spared needs a pass, too", func(t *testing.T) {
		tab, s, id, rec := fresh()
		if err := s.RevokeSubject(t.Context(), alices, rec.ID); err != nil || !lives(t, s, id) {
			t.Fatal(err)
		}
		if _ = tab.Delete(tab.keys[3]); lives(t, s, id) {
			t.Error("it lives")
		}
	})
	t.Run("SES-23 an entry that cannot be read counts as lost", func(t *testing.T) {
		for i, kind := range kinds {
			for name, corrupt := range map[string]func([]byte) []byte{
				"empty":   func([]byte) []byte { return nil },
				"cut":     func(b []byte) []byte { return b[:len(b)-1] },
				"longer":  func(b []byte) []byte { return append(bytes.Clone(b), 0) },
				"version": func(b []byte) []byte { return append([]byte{9}, b[1:]...) },
				"tiny":    func([]byte) []byte { return []byte{1} },
				"noise":   func(b []byte) []byte { return append([]byte{1}, bytes.Repeat([]byte{0xff}, len(b)+9)...) },
			} {
				if kind == "list" && name == "longer" {
					continue // read all the same
				}
				tab, s, id, _ := fresh()
				tab.values[tab.keys[i]] = corrupt(tab.values[tab.keys[i]])
				_, err := s.Find(t.Context(), id)
				if kind == "list" {
					if err != nil {
						t.Errorf("%s list: %v", name, err)
					}
					list, err := s.List(t.Context(), alices)
					if err != nil || len(list) != 0 {
						t.Errorf("%s list: %v, %v", name, list, err)
					}
					continue
				}
				if !errors.Is(err, session.ErrNoSession) || (kind == "record" && name != "empty" && name != "noise") != errors.Is(err, session.ErrCorrupt) {
					t.Errorf("%s %s: %v", name, kind, err)
				}
				if err := s.Delete(t.Context(), id); err != nil {
					t.Errorf("%s %s: Delete: %v", name, kind, err)
				}
				start(t, s, memberOf(alices))
			}
		}
	})
	t.Run("SES-10 the store need not be exact about expiry", func(t *testing.T) {
		soon := func() time.Time { return time.Now().Add(20 * time.Millisecond) }
		for name, run := range map[string]func(s session.Store, id session.ID, rec *session.Record) (session.ID, error){
			"SES-09 Create": func(s session.Store, _ session.ID, _ *session.Record) (session.ID, error) {
				id := idOf(alices)
				return id, s.Create(t.Context(), id, memberOf(alices), soon(), 0)
			},
			"SES-09 Update": func(s session.Store, id session.ID, rec *session.Record) (session.ID, error) {
				return id, s.Update(t.Context(), id, rec, soon())
			},
			"SES-09 Touch": func(s session.Store, id session.ID, rec *session.Record) (session.ID, error) {
				return id, s.Touch(t.Context(), id, rec.Seen, soon())
			},
			"SES-09 Rename": func(s session.Store, id session.ID, rec *session.Record) (session.ID, error) {
				to := idOf(alices)
				return to, s.Rename(t.Context(), id, to, rec, soon())
			},
		} {
			_, s, id, rec := fresh() // a table forgets nothing by itself
			id, err := run(s, id, rec)
			if err != nil {
				t.Fatal(name, err)
			}
			<-time.After(25 * time.Millisecond)
			if lives(t, s, id) {
				t.Error(name, "it lives")
			}
			for doing, err := range map[string]error{
				"Update": s.Update(t.Context(), id, rec, hence()),
				"Touch":  s.Touch(t.Context(), id, rec.Seen, hence()),
				"Rename": s.Rename(t.Context(), id, idOf(alices), rec, hence()),
			} {
				if !errors.Is(err, session.ErrNoSession) {
					t.Error(name, doing, err)
				}
			}
		}
	})
	t.Run("an update does not change the public id", func(t *testing.T) {
		_, s, id, _ := fresh()
		if err := s.Update(t.Context(), id, memberOf(alices), hence()); err == nil || errors.Is(err, session.ErrNoSession) || !lives(t, s, id) {
			t.Error(err)
		}
	})
	t.Run("a generation that would end before the session is replaced", func(t *testing.T) {
		tab, s, id, _ := fresh()
		before := bytes.Clone(tab.values[tab.keys[0]])
		long := memberOf(alices)
		long.Deadline = time.Now().Add(900 * 24 * time.Hour)
		longID := start(t, s, long)
		if bytes.Equal(before, tab.values[tab.keys[0]]) || lives(t, s, id) || !lives(t, s, longID) {
			t.Error("it was not")
		}
	})
	t.Run("a visitor has a record and a pass", func(t *testing.T) {
		tab := newTable()
		s := fromSCS(t, tab)
		id := start(t, s, visitorRecord())
		if len(tab.keys) != 2 || !lives(t, s, id) {
			t.Errorf("%d entries", len(tab.keys))
		}
		pass := tab.keys[1]
		kept := tab.values[pass]
		if _ = tab.Delete(pass); lives(t, s, id) {
			t.Error("a visitor without a pass lives")
		}
		tab.values[pass] = kept
		if err := s.Delete(t.Context(), id); err != nil || len(tab.values) != 0 {
			t.Errorf("%v, %d entries are left", err, len(tab.values))
		}
	})
}

func TestFromSCSFaults(t *testing.T) {
	down := errors.New("the database is down")
	bg := t.Context()
	ops := map[string]func(s session.Store, id, to session.ID, rec *session.Record) error{
		"Create": func(s session.Store, _, to session.ID, _ *session.Record) error {
			return s.Create(bg, to, memberOf(alices), hence(), 1)
		},
		"Find": func(s session.Store, id, _ session.ID, _ *session.Record) error { _, err := s.Find(bg, id); return err },
		"Update": func(s session.Store, id, _ session.ID, rec *session.Record) error {
			return s.Update(bg, id, rec, hence())
		},
		"Touch": func(s session.Store, id, _ session.ID, rec *session.Record) error {
			return s.Touch(bg, id, rec.Seen, hence())
		},
		"Rename": func(s session.Store, id, to session.ID, rec *session.Record) error {
			return s.Rename(bg, id, to, rec, hence())
		},
		"Rename to another session": func(s session.Store, id, to session.ID, _ *session.Record) error {
			return s.Rename(bg, id, to, memberOf(alices), hence())
		},
		"Rename too late": func(s session.Store, id, to session.ID, rec *session.Record) error {
			if err := s.Rename(bg, id, to, rec, time.Now()); !errors.Is(err, session.ErrNoSession) || errors.Is(err, down) {
				return err
			}
			return nil
		},
		"Delete": func(s session.Store, id, _ session.ID, _ *session.Record) error { return s.Delete(bg, id) },
		"List": func(s session.Store, _, _ session.ID, _ *session.Record) error {
			_, err := s.List(bg, alices)
			return err
		},
		"Revoke": func(s session.Store, _, _ session.ID, rec *session.Record) error { return s.Revoke(bg, alices, rec.ID) },
		"RevokeSubject": func(s session.Store, _, _ session.ID, _ *session.Record) error {
			return s.RevokeSubject(bg, alices, "")
		},
	}
	ending := []string{"Delete", "Revoke", "RevokeSubject"}
	for _, name := range slices.Sorted(maps.Keys(ops)) {
		t.Run("SES-08 F a store that fails at any call of "+name+" is an error, and done is done", func(t *testing.T) {
			for at := 0; ; at++ {
				tab := newTable()
				sound := fromSCS(t, tab)
				rec := memberOf(alices)
				id, to := start(t, sound, rec), idOf(alices)
				c := &connection{table: tab, at: at, do: func() error { return down }}
				err := ops[name](fromSCS(t, c), id, to, rec)
				if c.calls <= at {
					if err != nil {
						t.Errorf("without a failure: %v", err)
					}
					if slices.Contains(ending, name) && lives(t, sound, id) {
						t.Error("without a failure: it lives")
					}
					return
				}
				if !errors.Is(err, down) {
					t.Errorf("call %d: %v", at, err)
				}
				if lives(t, sound, id) && lives(t, sound, to) && name != "Create" {
					t.Errorf("call %d: both ids live", at)
				}
				if !slices.Contains(ending, name) {
					continue
				}
				if err := ops[name](sound, id, to, rec); err != nil || lives(t, sound, id) {
					t.Errorf("call %d: after trying again: %v", at, err)
				}
			}
		})
	}
	t.Run("a variant with a context is preferred", func(t *testing.T) {
		s := fromSCS(t, withContext{newTable()})
		rec := memberOf(alices)
		id := start(t, s, rec)
		if err := s.Update(t.Context(), id, rec, hence()); err != nil || !lives(t, s, id) {
			t.Fatal(err)
		}
		if err := s.Delete(t.Context(), id); err != nil || lives(t, s, id) {
			t.Fatal(err)
		}
	})
	t.Run("who waits for a stalled database stops when the context is over", func(t *testing.T) {
		tab := newTable()
		stalled, release := make(chan struct{}), make(chan struct{})
		id := idOf(alices)
		s := fromSCS(t, &connection{table: tab, do: func() error {
			close(stalled)
			<-release
			return nil
		}})
		var wg sync.WaitGroup
		wg.Go(func() { _ = s.Create(t.Context(), id, memberOf(alices), hence(), 0) })
		<-stalled
		ctx, cancel := context.WithCancel(t.Context())
		wg.Go(cancel)
		if err := s.Delete(ctx, id); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		close(release)
		wg.Wait()
	})
	t.Run("XCT-05 what is no store of scs is refused", func(t *testing.T) {
		m := newManager(t, nil, session.Config{})
		for _, s := range []scs.Store{nil, m.SCS().Store} {
			if store, err := session.FromSCS(s); err == nil || store != nil {
				t.Errorf("%T: no error", s)
			}
		}
	})
}

// withContext is a store that may only be called with a context.
type withContext struct{ *table }

var errNoContext = errors.New("no context")

func (withContext) Find(string) ([]byte, bool, error)      { return nil, false, errNoContext }
func (withContext) Commit(string, []byte, time.Time) error { return errNoContext }
func (withContext) Delete(string) error                    { return errNoContext }
func (s withContext) FindCtx(_ context.Context, key string) ([]byte, bool, error) {
	return s.table.Find(key)
}
func (s withContext) CommitCtx(_ context.Context, key string, b []byte, expiry time.Time) error {
	return s.table.Commit(key, b, expiry)
}
func (s withContext) DeleteCtx(_ context.Context, key string) error { return s.table.Delete(key) }

// TestFromSCSManager is a service over a store of scs.
func TestFromSCSManager(t *testing.T) {
	tab := newTable()
	s := newSite(t, fromSCS(t, tab), session.Config{})
	b := s.signedIn(t)
	b.do("POST /put?cart=3").wants(t, http.StatusOK)
	if a := b.do("GET /get?cart"); a.body != "3" {
		t.Errorf("%q", a.body)
	}
	t.Run("SES-07 S04 a request in flight does not bring the session back", func(t *testing.T) {
		running, release := make(chan struct{}), make(chan struct{})
		s.mux.HandleFunc("POST /slow", func(w http.ResponseWriter, r *http.Request) {
			s.SCS().Put(r.Context(), "x", "y")
			close(running)
			<-release
			_, _ = w.Write([]byte("kept"))
		})
		old := cookieName + "=" + b.token()
		done := make(chan int)
		go func() {
			w := serve(s.Handler(s.mux), "POST", "/slow", "Cookie", old)
			done <- w.Code
		}()
		<-running
		b.do("POST /logout").wants(t, http.StatusNoContent)
		close(release)
		if code := <-done; code != http.StatusUnauthorized {
			t.Errorf("the late write was answered with %d", code)
		}
		if w := serve(s.Handler(s.mux), "GET", "/me", "Cookie", old); w.Code != http.StatusUnauthorized {
			t.Errorf("%d", w.Code)
		}
	})
	for key, value := range tab.values {
		if text := fmt.Sprintf("%s %s", key, value); strings.Contains(text, b.token()) && b.token() != "" {
			t.Error("SES-03 the store has the cookie")
		}
	}
}

// FuzzFromSCSEntries: whatever the database returns for an entry, a session is
// found as it was, or not at all.
func FuzzFromSCSEntries(f *testing.F) {
	tab := newTable()
	s := fromSCS(f, tab)
	rec := memberOf(alices)
	rec.Values = nil
	id := start(f, s, rec)
	good := make(map[string][]byte)
	for i, key := range tab.keys {
		good[key] = tab.values[key]
		f.Add(uint8(i), tab.values[key])
		f.Add(uint8(i), tab.values[key][:len(tab.values[key])-1])
		f.Add(uint8(i), []byte{1})
	}
	f.Fuzz(func(t *testing.T, which uint8, value []byte) {
		key := tab.keys[int(which)%len(tab.keys)]
		tab.values[key] = value
		defer func() { tab.values[key] = good[key] }()
		got, err := s.Find(t.Context(), id)
		switch {
		case err != nil && !errors.Is(err, session.ErrNoSession):
			t.Fatal(err)
		case err == nil && (got.Principal == nil || got.Principal.Subject == "") && got.ID == rec.ID && got.Principal != nil:
			t.Fatal("a session of nobody")
		}
		if _, err := s.List(t.Context(), alices); err != nil {
			t.Fatal(err)
		}
	})
}
