package stores

import (
	"context"
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/session"
)

// Everything can be made while both servers are down, and Ready says that they are.
func TestDown(t *testing.T) {
	db, err := sql.Open("pgx", "postgres://127.0.0.1:1/none?connect_timeout=1")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	client := Redis("127.0.0.1:1")
	defer client.Close()
	if _, err := Open(db, client); err != nil {
		t.Error(err)
	}
	if err := Ready(t.Context(), db, client); err == nil {
		t.Error("ready without servers")
	}
	careless := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	defer careless.Close()
	if _, err := Open(db, careless); err == nil {
		t.Error("a client that ignores deadlines is taken")
	}
}

// Two processes migrate at once, and a session and an epoch of one are seen by the other.
func TestServers(t *testing.T) {
	postgres, address := os.Getenv("POSTGRES_URL"), os.Getenv("REDIS_URL")
	if postgres == "" || address == "" {
		return // the test that runs this one has told; TestDown is what can be had without servers
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	admin, err := sql.Open("pgx", postgres)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	name := "guide_" + strings.ToLower(rand.Text()) // others may run this beside us
	drop := func(ctx context.Context) {
		if _, err := admin.ExecContext(ctx, "DROP SCHEMA "+name+" CASCADE"); err != nil {
			t.Error(err)
		}
	}
	if _, err := admin.ExecContext(ctx, "CREATE SCHEMA "+name); err != nil {
		t.Fatal(err)
	}
	defer drop(context.WithoutCancel(ctx))
	u, err := url.Parse(postgres)
	if err != nil {
		t.Fatal(err)
	}
	settings := u.Query()
	settings.Set("search_path", name)
	settings.Set("synchronous_commit", "off")
	u.RawQuery = settings.Encode()
	opts, err := redis.ParseURL(address)
	if err != nil {
		t.Fatal(err)
	}
	opts.ContextTimeoutEnabled = true
	var both [2]*Stores
	var wait sync.WaitGroup
	for i := range both {
		db, err := sql.Open("pgx", u.String())
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		client := redis.NewClient(opts)
		defer client.Close()
		if both[i], err = Open(db, client); err != nil {
			t.Fatal(err)
		}
		if err := Ready(ctx, db, client); err != nil {
			t.Fatal(err)
		}
		wait.Go(func() {
			if err := both[i].Migrate(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if err := both[0].Epochs.Advance(ctx, "1", time.Now()); err != nil {
		t.Error(err)
	}
	if at, err := both[1].Epochs.Epoch(ctx, "1"); err != nil || at.IsZero() {
		t.Error(at, err)
	}
	// A sign-in that waits in one process is completed in the other.
	factors, err := mfa.New(both[0].Factors, mfa.Config{Issuer: "Example", Key: []byte("32 random bytes from a secret..."), Throttle: both[0].Counts})
	if err != nil {
		t.Fatal(err)
	}
	alice := &auth.Principal{Subject: name, Method: auth.MethodSession, CredentialID: "s", AuthenticatedAt: time.Now()}
	if _, err := factors.Enrol(ctx, alice); err != nil {
		t.Error(err)
	}
	var id session.ID
	bucket := session.BucketOf(name)
	copy(id[:], bucket[:])
	now := time.Now().UTC().Truncate(time.Millisecond)
	rec := &session.Record{ID: "guide", Principal: alice, Created: now, Seen: now, Deadline: now.Add(time.Minute)}
	_ = both[0].Sessions.Delete(ctx, id)
	if err := both[0].Sessions.Create(ctx, id, rec, now.Add(time.Minute), 0); err != nil {
		t.Error(err)
	}
	if _, err := both[1].Sessions.Find(ctx, id); err != nil {
		t.Error(err)
	}
	if err := both[1].Sessions.RevokeSubject(ctx, name, ""); err != nil {
		t.Error(err)
	}
	if _, err := both[0].Sessions.Find(ctx, id); err == nil {
		t.Error("a session that was ended is there")
	}
}
