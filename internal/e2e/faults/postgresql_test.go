package faults

import (
	"context"
	"database/sql"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

// A registration is answered before the database is asked, so that the time tells nobody
// who has an account: what is lost while the database is down is a mail, and it is not in
// these lists.

// dbBudget is what a request may take when PostgreSQL does not answer: five seconds for
// a call (the Timeout of the sqlstores, which the reference server leaves as it is), and
// two for the rest. No request goes on to a second call when the first has failed, but for
// one to know who it is that signs out.
const dbBudget = 7 * time.Second

func TestPostgreSQLDown(t *testing.T) {
	t.Parallel() // it waits more than it works
	s := newStage(t)
	srv := s.start(t, running.Options{})
	alice := srv.Member(t, "alice@example.com", words)
	phone := srv.Login(t, "alice@example.com", words)
	tokens, _ := srv.TokenFor(t, "alice@example.com", words)

	for name, fault := range map[string]func(){"refuses": s.db.Refuse, "accepts and stalls": s.db.Stall} {
		corpus.Case(t, "F13", "PostgreSQL "+name, "503 in time, a sign-out of a session works; all works afterwards", func(t *testing.T) {
			tablet := srv.Login(t, "alice@example.com", words)
			old := copyOf(t, tablet)
			fault()
			defer s.db.Pass()
			tablet.Want(t, within(t, budget, tablet, "POST", "/api/v1/auth/logout", nil), 204)
			var wait sync.WaitGroup
			for _, want := range []struct {
				c            *running.Client
				method, path string
				in           any
			}{
				{alice, "GET", "/api/v1/profile", nil},
				{alice, "GET", "/api/v1/orders", nil},
				{copyOf(t, tokens), "POST", "/api/v1/auth/token/refresh", nil},
				{srv.Client(), "POST", "/api/v1/auth/login", running.Credentials("alice@example.com", words)},
				{srv.Client(), "POST", "/api/v1/auth/reset-password", map[string]string{"token": strings.Repeat("x", 43), "password": other}},
			} {
				wait.Go(func() {
					a, err := want.c.TryCall(t, want.method, want.path, want.in)
					if err != nil {
						t.Errorf("%s: %v", want.path, err)
						return
					}
					if a.StatusCode != 400 || want.path != "/api/v1/auth/reset-password" { // a token that cannot be one
						unavailable(t, a)
					}
					if a.Took > dbBudget {
						t.Errorf("I6 %s: after %v", want.path, a.Took)
					}
				})
			}
			wait.Wait()
			s.db.Pass()
			old.Want(t, old.Call(t, "GET", "/api/v1/profile", nil), 401)
			eventually(t, alice, "GET", "/api/v1/orders", nil, 200)
			eventually(t, tokens, "POST", "/api/v1/auth/token/refresh", nil, 200)
			eventually(t, srv.Client(), "POST", "/api/v1/auth/login", running.Credentials("alice@example.com", words), 200)
		})
	}
	corpus.Case(t, "F13", "a burst of 100 requests while every query takes long", "I5: the server opens no more connections than its pool has", func(t *testing.T) {
		s.db.Latency(100 * time.Millisecond)
		defer s.db.Pass()
		var wait sync.WaitGroup
		most := 0
		for i := range 100 {
			c := alice.From(i % 10)
			wait.Go(func() {
				a, err := c.TryCall(t, "GET", "/api/v1/profile", nil)
				if err != nil || a.StatusCode != 200 && a.StatusCode != 503 {
					t.Errorf("%v, %v", a, err)
				}
				c.HTTP.CloseIdleConnections()
			})
		}
		done := make(chan struct{})
		go func() { wait.Wait(); close(done) }()
		for {
			select {
			case <-done:
				if most > 40 {
					t.Errorf("I5 %d connections", most)
				}
				return
			case <-time.After(5 * time.Millisecond):
				most = max(most, s.db.Open())
			}
		}
	})
	corpus.Case(t, "F13", "pg_terminate_backend on every connection, again and again", "200 or 503, what was answered holds, all works at once", func(t *testing.T) {
		rest := load(t, alice, func(a *running.Answer) bool { return a.StatusCode == 200 || a.StatusCode == 503 })
		defer rest()
		for range 10 {
			s.DB.KillAll(t)
			a := srv.Client().Call(t, "POST", "/api/v1/auth/login", running.Credentials("alice@example.com", words))
			if a.StatusCode != 200 && a.StatusCode != 503 {
				t.Errorf("login: %d %s", a.StatusCode, a.Text)
			}
		}
		rest()
		old := copyOf(t, phone)
		phone.Want(t, phone.Call(t, "POST", "/api/v1/auth/logout", nil), 204)
		old.Want(t, old.Call(t, "GET", "/api/v1/profile", nil), 401)
		eventually(t, alice, "GET", "/api/v1/profile", nil, 200)
	})
}

// TestPostgreSQLWithoutWrites is a server that was replaced by one that only reads, and
// one whose disk is full.
func TestPostgreSQLWithoutWrites(t *testing.T) {
	s := newStage(t)
	pool := s.DB.Open(t)
	role := s.DB.Schema()
	execute(t, pool, `CREATE ROLE "`+role+`" LOGIN SUPERUSER PASSWORD 'loopback'`)
	t.Cleanup(func() {
		for _, statement := range []string{`DROP OWNED BY "` + role + `" CASCADE`, `DROP ROLE "` + role + `"`} {
			if _, err := pool.ExecContext(context.Background(), statement); err != nil {
				t.Error(err)
			}
		}
	})
	u, err := url.Parse(s.DB.URL())
	if err != nil {
		t.Fatal(err)
	}
	u.User, u.Host = url.UserPassword(role, "loopback"), s.db.Addr()
	srv := s.start(t, running.Options{DB: u.String()})
	alice := srv.Member(t, "alice@example.com", words)
	key := s.watch(alice.Want(t, alice.Call(t, "POST", "/api/v1/api-keys", map[string]any{"name": "k", "scopes": []string{"orders:read"}}), 201))
	alice.Want(t, alice.Call(t, "POST", "/api/v1/auth/forgot-password", map[string]string{"email": "alice@example.com"}), 202)
	link := map[string]string{"token": srv.Token(t, "alice@example.com", "password"), "password": other}

	refused := func(t *testing.T) {
		t.Helper()
		for path, in := range map[string]any{
			"/api/v1/auth/reset-password":  link,
			"/api/v1/auth/change-password": map[string]string{"current_password": words, "password": other},
			"/api/v1/auth/mfa/enable":      nil,
			"/api/v1/api-keys":             map[string]any{"name": "k", "scopes": []string{"orders:read"}},
		} {
			unavailable(t, within(t, dbBudget, alice, "POST", path, in))
		}
		unavailable(t, within(t, dbBudget, alice, "DELETE", "/api/v1/api-keys/"+key.String("id"), nil))
		script := srv.Key(key.String("key"))
		script.Want(t, within(t, dbBudget, script, "GET", "/api/v1/orders", nil), 200)
		alice.Want(t, within(t, dbBudget, alice, "GET", "/api/v1/profile", nil), 200)
		srv.Login(t, "alice@example.com", words)
	}
	corpus.Case(t, "F13", "PostgreSQL becomes read-only", "writes are 503, reads work, nothing is half done; all works when it writes again", func(t *testing.T) {
		execute(t, pool, `ALTER ROLE "`+role+`" SET default_transaction_read_only = on`)
		s.db.Reset()
		refused(t)
		execute(t, pool, `ALTER ROLE "`+role+`" RESET default_transaction_read_only`)
		eventually(t, alice, "POST", "/api/v1/api-keys", map[string]any{"name": "k2", "scopes": []string{"orders:read"}}, 201)
	})
	corpus.Case(t, "F32", "PostgreSQL has no room on its disk: every write fails with 53100 disk_full, raised by triggers", "writes are 503, reads work, nothing is half done; all works when there is room", func(t *testing.T) {
		execute(t, pool, `CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$`)
		for _, name := range s.tables(t, pool) {
			execute(t, pool, `CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE OR DELETE ON "`+name+`" FOR EACH STATEMENT EXECUTE FUNCTION full_disk()`)
		}
		refused(t)
		execute(t, pool, "DROP FUNCTION full_disk() CASCADE")
		eventually(t, alice, "DELETE", "/api/v1/api-keys/"+key.String("id"), nil, 204)
		script := srv.Key(key.String("key"))
		script.Want(t, script.Call(t, "GET", "/api/v1/orders", nil), 401)
		eventually(t, srv.Client(), "POST", "/api/v1/auth/reset-password", link, 204)
		srv.Login(t, "alice@example.com", other)
		alice.Want(t, alice.Call(t, "GET", "/api/v1/profile", nil), 401)
	})
}

// tables are all that the service has in PostgreSQL.
func (s *stage) tables(t *testing.T, pool *sql.DB) (names []string) {
	t.Helper()
	rows, err := pool.QueryContext(t.Context(), "SELECT tablename FROM pg_tables WHERE schemaname = $1", s.DB.Schema())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil || len(names) < 5 {
		t.Fatalf("%v, %v", names, err)
	}
	return names
}

func execute(t *testing.T, pool *sql.DB, statement string) {
	t.Helper()
	if _, err := pool.ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
