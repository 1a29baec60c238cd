package sqltest

import (
	"context"
	"database/sql"
	"net/url"
	"os"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/go-sallyport/auth/internal/sqldb"
)

// postgresql gives each test a schema, which is its search path, in one database:
// a schema is made in a millisecond. The name of the schema is also the name of
// the application, by which its connections are known. Commits do not wait for
// the disk, which tests of atomicity do not need.
type postgresql struct {
	url     *url.URL
	admin   *sql.DB
	problem string
}

func findPostgreSQL() server {
	candidates := []string{
		"postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable",
		"postgres://root@127.0.0.1:5432/test?sslmode=disable",
		"postgres:///postgres?host=/var/run/postgresql&user=postgres",
		"postgres:///test?host=/var/run/postgresql&user=root",
	}
	if given := os.Getenv("POSTGRES_URL"); given != "" {
		candidates = []string{given}
	}
	p := &postgresql{problem: "PostgreSQL: not on 127.0.0.1:5432 and POSTGRES_URL is not set, so its dialect was not tested"}
	for _, candidate := range candidates {
		u, err := url.Parse(candidate)
		if err != nil {
			p.problem = "PostgreSQL: POSTGRES_URL is not a URL, so its dialect was not tested"
			continue
		}
		if p.admin, err = reach("pgx", with(u, map[string]string{"synchronous_commit": "off"})); err == nil {
			p.url, p.problem = u, ""
			return p
		}
		if os.Getenv("POSTGRES_URL") != "" {
			p.problem = "PostgreSQL: the server of POSTGRES_URL does not answer, so its dialect was not tested"
		}
	}
	return p
}

func (*postgresql) name() string           { return "PostgreSQL" }
func (*postgresql) dialect() sqldb.Dialect { return sqldb.PostgreSQL }
func (p *postgresql) missing() string      { return p.problem }
func (p *postgresql) pool() *sql.DB        { return p.admin }
func (*postgresql) self() string           { return "SELECT pg_backend_pid()" }

func (p *postgresql) create(t testing.TB, name string) string {
	apply(t, p.admin, `CREATE SCHEMA "`+name+`"`)
	t.Cleanup(func() {
		// A driver may leave connections behind that hold locks.
		apply(t, p.admin, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '"+name+"'")
		apply(t, p.admin, `DROP SCHEMA "`+name+`" CASCADE`)
	})
	return with(p.url, map[string]string{"search_path": name, "application_name": name, "synchronous_commit": "off"})
}

func (*postgresql) address(dsn string) string { return dsn }

// open takes parameters as settings of the session.
func (*postgresql) open(dsn string, extra map[string]string) (*sql.DB, error) {
	u, err := url.Parse(dsn)
	if err != nil {
		return nil, err
	}
	return sql.Open("pgx", with(u, extra))
}

func (p *postgresql) connections(ctx context.Context, name string) ([]int64, error) {
	return ids(ctx, p.admin, "SELECT pid FROM pg_stat_activity WHERE application_name = $1", name)
}

func (p *postgresql) kill(ctx context.Context, id int64) error {
	_, err := p.admin.ExecContext(ctx, "SELECT pg_terminate_backend($1)", id)
	return err
}

func with(u *url.URL, params map[string]string) string {
	clone := *u
	query := clone.Query()
	for name, value := range params {
		query.Set(name, value)
	}
	clone.RawQuery = query.Encode()
	return clone.String()
}
