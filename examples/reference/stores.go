package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	_ "github.com/go-sql-driver/mysql" // the driver "mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/apikey"
	keysql "github.com/go-sallyport/auth/apikey/sqlstore"
	"github.com/go-sallyport/auth/jwtauth"
	tokenredis "github.com/go-sallyport/auth/jwtauth/redisstore"
	tokensql "github.com/go-sallyport/auth/jwtauth/sqlstore"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/mfa/passkey"
	passkeysql "github.com/go-sallyport/auth/mfa/passkey/sqlstore"
	factorsql "github.com/go-sallyport/auth/mfa/sqlstore"
	"github.com/go-sallyport/auth/oauth"
	linksql "github.com/go-sallyport/auth/oauth/sqlstore"
	"github.com/go-sallyport/auth/password"
	usersql "github.com/go-sallyport/auth/password/sqlstore"
	"github.com/go-sallyport/auth/password/throttle"
	throttleredis "github.com/go-sallyport/auth/password/throttle/redisstore"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/session"
	sessionredis "github.com/go-sallyport/auth/session/redisstore"
	sessionsql "github.com/go-sallyport/auth/session/sqlstore"
)

// stores is where everything is kept. Users and what they have (one-time tokens, factors,
// passkeys, API keys, links), epochs, orders and the audit log are in the database: what is
// lost there cannot be had again. Sessions and refresh tokens are in Redis if there is one,
// else in the database; limits are in Redis, else in memory.
type stores struct {
	db      *sql.DB
	dialect usersql.Dialect
	redis   redis.UniversalClient // nil: there is none

	users    userStore
	tokens   *password.Tokens
	epochs   jwtauth.EpochStore
	sessions session.Store
	families jwtauth.FamilyStore
	factors  mfa.Store
	passkeys passkey.Store
	keys     apikey.Store
	links    oauth.LinkStore
	attempts oauth.Consumer // sign-ins elsewhere that have come back, each of which counts once

	counts                                    throttle.Store // nil: memory
	guard                                     *throttle.Guard
	clientLimit, mailLimit, refreshes, starts *throttle.Limiter
}

// maxConns is how many connections to the database a process has: a rush of requests
// waits for one, and does not take them away from the other processes. PostgreSQL has
// 100 for all.
const maxConns = 20

func openStores(ctx context.Context, cfg config) (_ *stores, err error) {
	s := &stores{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.db, s.dialect, err = openDB(cfg.DB); err != nil {
		return nil, err
	}
	s.db.SetMaxOpenConns(maxConns)
	s.db.SetMaxIdleConns(maxConns)
	s.db.SetConnMaxIdleTime(5 * time.Minute)
	users, err := usersql.New(s.db, s.dialect, usersql.Config{})
	if err != nil {
		return nil, err
	}
	s.users = userStore{users, s}
	if s.tokens, err = password.NewTokens(users.Tokens(), password.TokensConfig{}); err != nil {
		return nil, err
	}
	families, err := tokensql.New(s.db, s.dialect, tokensql.Config{})
	if err != nil {
		return nil, err
	}
	sessions, err := sessionsql.New(s.db, s.dialect, sessionsql.Config{})
	if err != nil {
		return nil, err
	}
	factors, err := factorsql.New(s.db, s.dialect, factorsql.Config{})
	if err != nil {
		return nil, err
	}
	keys, err := keysql.New(s.db, s.dialect, keysql.Config{})
	if err != nil {
		return nil, err
	}
	links, err := linksql.New(s.db, s.dialect, linksql.Config{})
	if err != nil {
		return nil, err
	}
	passkeys, err := passkeysql.New(s.db, s.dialect, passkeysql.Config{})
	if err != nil {
		return nil, err
	}
	for _, migrate := range []func(context.Context) error{
		users.Migrate, families.Migrate, sessions.Migrate, factors.Migrate, keys.Migrate, links.Migrate, passkeys.Migrate, s.createTables,
	} {
		if err := migrate(ctx); err != nil {
			return nil, err
		}
	}
	s.families, s.sessions, s.epochs, s.factors, s.keys = families, sessions, families.Epochs(), factors, keys
	s.links, s.attempts, s.passkeys = links, links.Consumer(), passkeys
	if cfg.Redis != "" {
		if s.counts, err = s.openRedis(cfg.Redis); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// openDB tells by the name what database is meant.
func openDB(name string) (*sql.DB, usersql.Dialect, error) {
	u, err := url.Parse(name)
	switch {
	case err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql"):
		db, err := sql.Open("pgx", name)
		return db, usersql.PostgreSQL, err
	case err == nil && u.Scheme == "mysql":
		db, err := sql.Open("mysql", mysqlDSN(u))
		return db, usersql.MySQL, err
	case strings.Contains(name, "://"): // it may have a password
		return nil, 0, errors.New("-db: use a SQLite file, postgres://… or mysql://…, with what is special in a password percent-encoded")
	}
	db, err := sql.Open("sqlite", "file:"+name+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(1000)&_pragma=synchronous(NORMAL)")
	return db, usersql.SQLite, err
}

// mysqlDSN is the address as the driver wants it. What it says beyond the name, such as
// ?tls=true, is for the driver.
func mysqlDSN(u *url.URL) string {
	login := u.User.Username()
	if pw, ok := u.User.Password(); ok {
		login += ":" + pw
	}
	q := u.Query()
	q.Set("interpolateParams", "true")
	return login + "@tcp(" + u.Host + ")" + u.Path + "?" + q.Encode()
}

// openRedis puts what is short-lived into Redis, and returns the store of counts.
func (s *stores) openRedis(address string) (_ throttle.Store, err error) {
	if s.redis, err = dialRedis(address); err != nil {
		return nil, err
	}
	if s.sessions, err = sessionredis.New(s.redis, sessionredis.Config{}); err != nil {
		return nil, err
	}
	if s.families, err = tokenredis.New(s.redis, tokenredis.Config{}); err != nil {
		return nil, err
	}
	return throttleredis.New(s.redis, throttleredis.Config{})
}

// checkRedis says in the log if Redis may sign users out to make room. One that is down is
// no reason not to start: what needs no session works, and the rest when it is back.
func (s *stores) checkRedis(ctx context.Context, log *slog.Logger) {
	if s.redis == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if err := sessionredis.CheckEviction(ctx, s.redis); err != nil {
		log.Warn("redis", "err", err)
	}
}

// dialRedis connects to one server, or to the cluster that has further nodes as
// addr=host:port. Without ContextTimeoutEnabled a request would wait for Redis longer
// than it may.
func dialRedis(address string) (redis.UniversalClient, error) {
	u, err := url.Parse(address)
	if err != nil { // which has the address in it, and that a password
		return nil, errors.New("-redis: use redis://user:password@host:6379, with what is special in a password percent-encoded")
	}
	if u.Query().Has("addr") {
		opts, err := redis.ParseClusterURL(address)
		if err != nil {
			return nil, err
		}
		opts.ContextTimeoutEnabled = true
		opts.ClusterStateReloadInterval = 2 * time.Second // how soon a failover is noticed
		// A master that is gone refuses connections. By default a command dials it five times,
		// twice, and its second is over before the one that replaces it is known: dial once,
		// and look again more often.
		opts.DialerRetries, opts.MaxRedirects = 1, 8
		return redis.NewClusterClient(opts), nil
	}
	opts, err := redis.ParseURL(address)
	if err != nil {
		return nil, err
	}
	opts.ContextTimeoutEnabled = true
	return redis.NewClient(opts), nil
}

// openLimits makes the limits, which tell of every lock: it comes when there is an audit
// log, which is kept in these stores.
func (s *stores) openLimits(onEvent auth.EventFunc, onError problem.ErrorHandler) (err error) {
	if s.guard, err = throttle.NewGuard(s.counts, throttle.GuardConfig{OnEvent: onEvent}); err != nil {
		return err
	}
	for _, l := range []struct {
		limiter **throttle.Limiter
		cfg     throttle.Config
	}{
		{&s.clientLimit, throttle.Config{Name: "account", Max: 60, Window: time.Hour}},
		{&s.mailLimit, throttle.Config{Name: "mail", Max: 5, Window: time.Hour}},
		{&s.refreshes, throttle.Config{Name: "refresh", Max: 60, Window: time.Minute}},
		{&s.starts, throttle.Config{Name: "provider", Max: 1200, Window: time.Minute}}, // cheap: nothing is stored
	} {
		l.cfg.OnEvent, l.cfg.ErrorHandler = onEvent, onError
		if *l.limiter, err = throttle.New(s.counts, l.cfg); err != nil {
			return err
		}
	}
	return nil
}

// exec and query take "?" for a parameter, whatever the database calls it.
func (s *stores) exec(ctx context.Context, query string, args ...any) error {
	_, err := s.execCount(ctx, query, args...)
	return err
}

func (s *stores) execCount(ctx context.Context, query string, args ...any) (int64, error) {
	res, err := s.db.ExecContext(ctx, s.bind(query), args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (s *stores) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return s.db.QueryContext(ctx, s.bind(query), args...)
}

func (s *stores) bind(query string) string {
	if s.dialect != usersql.PostgreSQL {
		return query
	}
	var b strings.Builder
	for i, part := range strings.Split(query, "?") {
		if i > 0 {
			fmt.Fprintf(&b, "$%d", i)
		}
		b.WriteString(part)
	}
	return b.String()
}

// ping reports what is down.
func (s *stores) ping(ctx context.Context) error {
	err := s.db.PingContext(ctx)
	if s.redis != nil {
		err = errors.Join(err, s.redis.Ping(ctx).Err())
	}
	return err
}

func (s *stores) close() error {
	var errs []error
	if s.redis != nil {
		errs = append(errs, s.redis.Close())
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	return errors.Join(errs...)
}
