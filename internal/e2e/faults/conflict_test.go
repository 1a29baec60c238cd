package faults

import (
	"database/sql"
	"fmt"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

// Conflicts are transactions that PostgreSQL gives up, so many in turn. Triggers raise
// what it raises itself when two of them meet: in a statement, or not before COMMIT.
type conflicts struct{ pool *sql.DB }

// forEver is more conflicts than anybody tries again.
const forEver = 1 << 30

// conflicts prepares them for every table but that of the audit log, which is written on
// a goroutine of its own and would take some of them.
func (s *stage) conflicts(t *testing.T) *conflicts {
	t.Helper()
	c := &conflicts{s.DB.Open(t)}
	execute(t, c.pool, "CREATE TABLE conflict (most BIGINT NOT NULL, state TEXT NOT NULL, committing BOOLEAN NOT NULL)")
	execute(t, c.pool, "INSERT INTO conflict VALUES (0, '40001', false)")
	execute(t, c.pool, "CREATE SEQUENCE conflicts") // which no rollback takes back
	execute(t, c.pool, `CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$
		DECLARE c conflict; BEGIN
			SELECT * INTO c FROM conflict;
			IF c.committing = (TG_WHEN = 'AFTER') AND nextval('conflicts') <= c.most THEN
				RAISE EXCEPTION 'a conflict' USING ERRCODE = c.state;
			END IF;
			RETURN NULL;
		END $$`)
	for _, name := range s.tables(t, c.pool) {
		if name == "conflict" || name == "reference_audit" {
			continue
		}
		execute(t, c.pool, `CREATE TRIGGER conflict BEFORE INSERT OR UPDATE OR DELETE ON "`+name+`" FOR EACH STATEMENT EXECUTE FUNCTION conflict()`)
		execute(t, c.pool, `CREATE CONSTRAINT TRIGGER conflict_at_commit AFTER INSERT OR UPDATE OR DELETE ON "`+name+`" DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION conflict()`)
	}
	return c
}

// next has the next ones fail.
func (c *conflicts) next(t *testing.T, n int, state string, committing bool) {
	t.Helper()
	execute(t, c.pool, fmt.Sprintf("UPDATE conflict SET most = %d, state = '%s', committing = %t", n, state, committing))
	execute(t, c.pool, "ALTER SEQUENCE conflicts RESTART")
}

// were is how many writes met the trigger since next.
func (c *conflicts) were(t *testing.T) int {
	t.Helper()
	var n int
	if err := c.pool.QueryRowContext(t.Context(), "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM conflicts").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A write is a request that writes to PostgreSQL, and how one sees that it is done.
type write struct {
	name         string
	c            *running.Client
	method, path string
	in           any
	status       int
	done         func(t *testing.T) bool
}

// writes prepares one of each, of users of its own.
func (s *stage) writes(t *testing.T, srv *running.Server, who string) []write {
	t.Helper()
	works := func(email, pw string) int {
		return srv.Client().Call(t, "POST", "/api/v1/auth/login", running.Credentials(email, pw)).StatusCode
	}
	keys := srv.Member(t, "keys"+who, words)
	listed := func(t *testing.T) int {
		t.Helper()
		list, _ := keys.Want(t, keys.Call(t, "GET", "/api/v1/api-keys", nil), 200).JSON("data").([]any)
		return len(list)
	}
	holder := srv.Member(t, "holder"+who, words)
	key := s.watch(holder.Want(t, holder.Call(t, "POST", "/api/v1/api-keys", map[string]any{"name": "k", "scopes": []string{"orders:read"}}), 201))
	script := srv.Key(key.String("key"))

	changes := srv.Member(t, "changes"+who, words)
	stolen := copyOf(t, srv.Login(t, "changes"+who, words))
	forgets := srv.Member(t, "forgets"+who, words)
	forgets.Want(t, forgets.Call(t, "POST", "/api/v1/auth/forgot-password", map[string]string{"email": "forgets" + who}), 202)
	link := map[string]string{"token": srv.Token(t, "forgets"+who, "password"), "password": other}
	s.canary.Watch("a reset token", link["token"])

	enrols := srv.Member(t, "enrols"+who, words)
	secret := s.watch(enrols.Want(t, enrols.Call(t, "POST", "/api/v1/auth/mfa/enable", nil), 200)).String("secret")
	arrives := srv.Client()
	arrives.Want(t, arrives.Call(t, "POST", "/api/v1/auth/register", running.Credentials("arrives"+who, words)), 202)
	confirm := map[string]string{"token": srv.Token(t, "arrives"+who, "")}

	return []write{
		{"an API key", keys, "POST", "/api/v1/api-keys", map[string]any{"name": "k", "scopes": []string{"orders:read"}}, 201, func(t *testing.T) bool {
			n := listed(t)
			if n > 1 {
				t.Errorf("%d keys", n)
			}
			return n > 0
		}},
		{"the end of a key", holder, "DELETE", "/api/v1/api-keys/" + key.String("id"), nil, 204, func(t *testing.T) bool {
			return script.Call(t, "GET", "/api/v1/orders", nil).StatusCode == 401
		}},
		{"a change of password", changes, "POST", "/api/v1/auth/change-password", map[string]string{"current_password": words, "password": other}, 204, func(t *testing.T) bool {
			before, after := works("changes"+who, words), works("changes"+who, other)
			if before+after != 200+401 {
				t.Errorf("I2 logins with the old and the new password: %d and %d", before, after)
			}
			if a := stolen.Call(t, "GET", "/api/v1/profile", nil); after == 200 && a.StatusCode != 401 {
				t.Errorf("I2 a session from before the change: %d", a.StatusCode)
			}
			return after == 200
		}},
		{"a reset", srv.Client(), "POST", "/api/v1/auth/reset-password", link, 204, func(t *testing.T) bool {
			before, after := works("forgets"+who, words), works("forgets"+who, other)
			if before+after != 200+401 {
				t.Errorf("I2 logins with the old and the new password: %d and %d", before, after)
			}
			return after == 200
		}},
		{"an enrolment", enrols, "POST", "/api/v1/auth/mfa/verify", map[string]string{"code": running.Code(t, secret, 0)}, 200, func(*testing.T) bool {
			return works("enrols"+who, words) == 401
		}},
		{"a confirmation", srv.Client(), "POST", "/api/v1/auth/verify-email", confirm, 204, func(*testing.T) bool {
			return works("arrives"+who, words) == 200
		}},
	}
}

func TestPostgreSQLConflicts(t *testing.T) {
	s := newStage(t)
	srv := s.start(t, running.Options{})
	srv.Register(t, "alice@example.com", words)
	c := s.conflicts(t)
	for i, kind := range []struct {
		name, state string
		committing  bool
	}{
		{"a statement with 40P01, a deadlock", "40P01", false},
		{"COMMIT with 40001, a serialization failure", "40001", true},
		{"a statement with 40001, a serialization failure", "40001", false},
		{"COMMIT with 40P01, a deadlock", "40P01", true},
	} {
		if i > 1 && !running.Long() {
			break
		}
		corpus.Case(t, "F13", "PostgreSQL answers "+kind.name+", raised by triggers: for ever, and then thrice",
			"for ever: 503, nothing is half done; thrice: the same request is good, and done once", func(t *testing.T) {
				s.Redis.FlushAll() // registrations are limited
				for _, w := range s.writes(t, srv, fmt.Sprintf("%d@example.com", i)) {
					try := func(most int) (a *running.Answer, writes int) {
						c.next(t, most, kind.state, kind.committing)
						defer c.next(t, 0, kind.state, kind.committing)
						return within(t, dbBudget, w.c, w.method, w.path, w.in), c.were(t)
					}
					a, writes := try(forEver)
					unavailable(t, a)
					if done := w.done(t); done || writes < 3 || writes > 100 {
						t.Errorf("%s is answered with %d, and done: %v, after %d writes", w.name, a.StatusCode, done, writes)
					}
					a, writes = try(3)
					if done := w.done(t); a.StatusCode != w.status || !done || writes <= 3 {
						t.Errorf("I8 %s after three conflicts: %d %s, and done: %v, after %d writes", w.name, a.StatusCode, a.Text, done, writes)
					}
				}
			})
	}
	corpus.Case(t, "F13", "logins and reads while every write conflicts", "they work: who signs in writes nothing that must be there", func(t *testing.T) {
		c.next(t, forEver, "40001", false)
		defer c.next(t, 0, "40001", false)
		alice := srv.Login(t, "alice@example.com", words)
		alice.Want(t, within(t, dbBudget, alice, "GET", "/api/v1/orders", nil), 200)
		unavailable(t, within(t, dbBudget, srv.Administrator(t), "POST", "/api/v1/orders", map[string]string{"item": "rope"}))
	})
}
