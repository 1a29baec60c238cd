package redisstore_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/testkit/redistest"
	"github.com/go-sallyport/auth/session"
	"github.com/go-sallyport/auth/session/redisstore"
)

// ran are the commands that the server has run since it forgot about them, those
// within scripts too, and how often.
func ran(t *testing.T, s *redistest.Server) (list []string) {
	t.Helper()
	if !s.Real() {
		return nil // miniredis does not count
	}
	info, err := s.Client().Info(t.Context(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(info) {
		name, rest, _ := strings.Cut(line, ":")
		calls, _, _ := strings.Cut(rest, ",")
		switch name = strings.TrimPrefix(strings.TrimSpace(name), "cmdstat_"); name {
		case "# Commandstats", "info", "hello", "config|resetstat", "client|setinfo":
		default:
			list = append(list, name+" "+calls)
		}
	}
	slices.Sort(list)
	return list
}

func forget(t *testing.T, s *redistest.Server) {
	t.Helper()
	if !s.Real() {
		return
	}
	if err := s.Client().ConfigResetStat(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
}

func TestCost(t *testing.T) {
	server := redistest.Start(t)
	client := server.Client()
	count := &tally{}
	client.AddHook(count)
	store := newStore(t, client, redisstore.Config{})
	ctx := t.Context()
	const own = 5
	// fill makes sessions of which each is younger than the one before.
	fill := func(subject string) (ids [own]session.ID, recs [own]*session.Record) {
		for i := range own {
			ids[i], recs[i] = randomID(subject), subjectRecord(subject)
			recs[i].Created = recs[i].Created.Add(time.Duration(i-own) * time.Minute)
			if err := store.Create(ctx, ids[i], recs[i], time.Now().Add(time.Hour), own); err != nil {
				t.Fatal(err)
			}
		}
		return ids, recs
	}
	// The scripts are known to the server from here on.
	ids, recs := fill("u-warm")
	for _, err := range []error{
		store.Touch(ctx, ids[0], time.Now(), time.Now().Add(time.Hour)),
		store.Rename(ctx, ids[0], randomID("u-warm"), recs[0], time.Now().Add(time.Hour)),
		store.Update(ctx, ids[1], recs[1], time.Now().Add(time.Hour)),
		store.Revoke(ctx, "u-warm", recs[2].ID),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}

	measure := func(subject string) (sent, run []string) {
		// Each write lives a minute longer than the one before, so that each has to
		// prolong its key.
		life := time.Hour
		expiry := func() time.Time {
			life += time.Minute
			return time.Now().Add(life)
		}
		ids, recs := fill(subject)
		for _, op := range []struct {
			name string
			do   func() error
		}{
			{"Find", func() error { _, err := store.Find(ctx, ids[0]); return err }},
			{"List", func() error { _, err := store.List(ctx, subject); return err }},
			{"Touch", func() error { return store.Touch(ctx, ids[0], time.Now(), expiry()) }},
			{"Update", func() error { return store.Update(ctx, ids[0], recs[0], expiry()) }},
			{"Rename", func() error { return store.Rename(ctx, ids[0], randomID(subject), recs[0], expiry()) }},
			{"Create", func() error {
				return store.Create(ctx, randomID(subject), subjectRecord(subject), expiry(), own)
			}},
			{"Delete", func() error { return store.Delete(ctx, ids[1]) }},
			{"Revoke", func() error { return store.Revoke(ctx, subject, recs[2].ID) }},
			{"RevokeSubject but one", func() error { return store.RevokeSubject(ctx, subject, "nobody") }},
			{"RevokeSubject", func() error { return store.RevokeSubject(ctx, subject, "") }},
		} {
			forget(t, server)
			count.since()
			if err := op.do(); err != nil {
				t.Fatalf("%s: %v", op.name, err)
			}
			trips := count.since()
			run = append(run, fmt.Sprint(op.name, ": ", ran(t, server)))
			if len(trips) != 1 {
				t.Errorf("%s: round trips %q, want 1", op.name, trips)
			}
			sent = append(sent, trips...)
		}
		return sent, run
	}
	t.Run("SES-16 listing and ending the sessions of one user costs the same however many others there are", func(t *testing.T) {
		sentAlone, runAlone := measure("u-alone")
		newCrowd(t, store, 300, 5)
		sent, run := measure("u-many")
		if !slices.Equal(sentAlone, sent) {
			t.Errorf("round trips\n%q alone\n%q among 1500 sessions", sentAlone, sent)
		}
		if !slices.Equal(runAlone, run) {
			t.Errorf("commands that Redis ran\n%q alone\n%q among 1500 sessions", runAlone, run)
		}
	})
}
