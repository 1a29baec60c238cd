// Metrics is a small API whose security decisions can be watched: what happens is
// counted for Prometheus, and written to an audit log that no request waits for. It
// needs nothing but Go.
//
//	go run ./metrics
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/rbac"
	"github.com/go-sallyport/auth/session"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen; plain HTTP and passwords of a demo, so keep it on loopback")
	metricsAddr := flag.String("metrics-addr", "127.0.0.1:9464", "where Prometheus reads, away from the world")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	s, err := newService(os.Stderr)
	if err != nil {
		fatal(err)
	}
	announce(os.Stdout, "http://"+*addr, "http://"+*metricsAddr+"/metrics")
	servers := []*http.Server{
		{Addr: *addr, Handler: s.api, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second},
		{Addr: *metricsAddr, Handler: s.metrics, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second},
	}
	ended := make(chan error, len(servers))
	for _, server := range servers {
		go func() { ended <- server.ListenAndServe() }()
	}
	select {
	case err = <-ended:
	case <-ctx.Done():
	}

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, server := range servers {
		err = errors.Join(err, server.Shutdown(ctx))
	}
	if err = errors.Join(err, s.close(ctx)); err != nil {
		fatal(err)
	}
}

// A service is the API and, at another address, what is measured of it.
type service struct {
	api, metrics http.Handler
	close        func(context.Context) error // writes the events that wait
}

// auditQueue is how many events may wait for the audit log. Each takes a few hundred
// bytes.
const auditQueue = 1000

// newService wires the events: every manager hands them to onEvent, which counts them
// at once, for that takes less than a microsecond, and leaves the writing to a queue.
func newService(auditLog io.Writer) (*service, error) {
	registry := prometheus.NewRegistry() // not the global one, which any package may add to
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	audit := auth.NewEventQueue(auth.LogEvents(slog.New(slog.NewJSONHandler(auditLog, nil))), auditQueue)
	events := newEventCounter(registry, audit)
	onEvent := func(ctx context.Context, e auth.Event) {
		events.count(e)
		audit.OnEvent(ctx, e)
	}

	memory, err := session.NewMemoryStore(session.MemoryConfig{})
	if err != nil {
		return nil, err
	}
	api, keys, err := newAPI(newTimedStore(registry, memory), onEvent)
	if err != nil {
		return nil, err
	}
	metrics := http.NewServeMux()
	metrics.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return &service{api: api, metrics: metrics, close: func(ctx context.Context) error {
		return errors.Join(keys.Close(ctx), audit.Close(ctx))
	}}, nil
}

// newAPI is a service like any other: people sign in, programs have keys, and each may
// do what its roles and scopes say.
func newAPI(store session.Store, onEvent auth.EventFunc) (http.Handler, *apikey.Manager, error) {
	onError := problem.Log(slog.Default(), problem.WriteError) // 5xx go to the log, clients get the problem
	policy, err := rbac.NewPolicy(map[string]rbac.Role{
		"clerk":   {Permissions: []rbac.Permission{"orders:read"}},
		"manager": {Permissions: []rbac.Permission{"orders:delete"}, Inherits: []string{"clerk"}},
	})
	if err != nil {
		return nil, nil, err
	}
	users, err := newUsers()
	if err != nil {
		return nil, nil, err
	}
	logins, err := password.NewChecker(users.lookup, password.CheckerConfig{OnEvent: onEvent})
	if err != nil {
		return nil, nil, err
	}
	sessions, err := session.New(store, session.Config{
		InsecureCookie: true, // this is plain HTTP on loopback; delete the line behind TLS
		ErrorHandler:   onError, OnEvent: onEvent,
	})
	if err != nil {
		return nil, nil, err
	}
	keys, err := apikey.New(nil, apikey.Config{
		Owner:        users.current,
		Permits:      func(owner *auth.Principal, scope string) bool { return policy.Allows(owner, rbac.Permission(scope)) },
		ErrorHandler: onError, OnEvent: onEvent,
	})
	if err != nil {
		return nil, nil, err
	}

	person := (&auth.Gate{Authenticators: []auth.Authenticator{sessions}, ErrorHandler: onError, OnEvent: onEvent}).Handler
	caller := (&auth.Gate{Authenticators: []auth.Authenticator{keys, sessions}, ErrorHandler: onError, OnEvent: onEvent}).Handler
	may := (&rbac.Guard{Decider: policy, ErrorHandler: onError, OnEvent: onEvent}).Require

	mux := http.NewServeMux()
	mux.Handle("POST /login", login(logins, sessions, onError))
	mux.Handle("POST /logout", sessions.SignOutHandler())
	mux.Handle("POST /keys", person(keys.CreateHandler()))
	mux.Handle("GET /orders/{id}", auth.Chain(caller, may("orders:read"))(http.HandlerFunc(showOrder)))
	mux.Handle("DELETE /orders/{id}", auth.Chain(caller, may("orders:delete"))(http.HandlerFunc(deleteOrder)))
	return auth.Chain(problem.Recover(onError), sessions.Handler)(mux), keys, nil
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "metrics:", err)
	os.Exit(1)
}
