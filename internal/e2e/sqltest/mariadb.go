package sqltest

import (
	"context"
	"database/sql"
	"net/url"
	"os"
	"strconv"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/go-sallyport/auth/internal/sqldb"
)

// mariadb gives each test a database.
type mariadb struct {
	config  *mysql.Config
	admin   *sql.DB
	problem string
}

func findMariaDB() server {
	dsn, given := os.Getenv("MARIADB_URL"), true
	if dsn == "" {
		dsn, given = "root@tcp(127.0.0.1:3306)/", false
	}
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		return &mariadb{problem: "MariaDB: MARIADB_URL is not user:password@tcp(host:port)/, so its dialect was not tested"}
	}
	config.Logger = &mysql.NopLogger{} // killed connections are what tests are about
	admin, err := reach("mysql", config.FormatDSN())
	switch {
	case err == nil:
		return &mariadb{config: config, admin: admin}
	case given:
		return &mariadb{problem: "MariaDB: the server of MARIADB_URL does not answer, so the dialect MySQL was not tested"}
	}
	return &mariadb{problem: "MariaDB: no root without password on 127.0.0.1:3306 and MARIADB_URL is not set, so the dialect MySQL was not tested"}
}

func (*mariadb) name() string           { return "MariaDB" }
func (*mariadb) dialect() sqldb.Dialect { return sqldb.MySQL }
func (m *mariadb) missing() string      { return m.problem }
func (m *mariadb) pool() *sql.DB        { return m.admin }
func (*mariadb) self() string           { return "SELECT CONNECTION_ID()" }

func (m *mariadb) create(t testing.TB, name string) string {
	apply(t, m.admin, "CREATE DATABASE `"+name+"`")
	t.Cleanup(func() { apply(t, m.admin, "DROP DATABASE `"+name+"`") })
	config := m.config.Clone()
	config.DBName = name
	return config.FormatDSN()
}

// address has no parameters: those of the driver are its user's choice.
func (*mariadb) address(dsn string) string {
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		return dsn
	}
	u := url.URL{Scheme: "mysql", User: url.User(config.User), Host: config.Addr, Path: "/" + config.DBName}
	if config.Passwd != "" {
		u.User = url.UserPassword(config.User, config.Passwd)
	}
	return u.String()
}

// open takes parameters as variables of the session, but for clientFoundRows
// and interpolateParams, which are the driver's.
func (*mariadb) open(dsn string, extra map[string]string) (*sql.DB, error) {
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	config.Logger = &mysql.NopLogger{}
	for name, value := range extra {
		switch name {
		case "clientFoundRows":
			config.ClientFoundRows = value == "true"
		case "interpolateParams":
			config.InterpolateParams = value == "true"
		default:
			if config.Params == nil {
				config.Params = make(map[string]string)
			}
			config.Params[name] = value
		}
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

func (m *mariadb) connections(ctx context.Context, name string) ([]int64, error) {
	return ids(ctx, m.admin, "SELECT id FROM information_schema.processlist WHERE db = ?", name)
}

func (m *mariadb) kill(ctx context.Context, id int64) error {
	_, err := m.admin.ExecContext(ctx, "KILL "+strconv.FormatInt(id, 10))
	return err
}
