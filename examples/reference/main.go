// Reference is a whole service around Sallyport: accounts with passwords, sessions
// for browsers, bearer tokens for scripts and pages, roles, an audit log, all of it
// on one SQLite file. It is written to be copied: newService below is the wiring
// diagram of the library.
//
//	go run ./reference
//	go run ./reference -db postgres://localhost/app -redis redis://localhost:6379
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/jwtauth"
	"github.com/go-sallyport/auth/mfa"
	"github.com/go-sallyport/auth/mfa/passkey"
	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/oauth/oidc"
	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/rbac"
	"github.com/go-sallyport/auth/session"
)

func main() {
	cfg, err := parseConfig(os.Args[1:], os.Getenv)
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		err = run(ctx, cfg, slog.New(slog.NewTextHandler(os.Stderr, nil)))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

// run serves until ctx is done, and then lets requests and mail come to an end.
func run(ctx context.Context, cfg config, log *slog.Logger) error {
	s, err := newService(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer s.close(log)
	if done, err := s.begin(ctx, os.Stdout); done || err != nil {
		return err
	}
	return serve(ctx, cfg, s.handler, log)
}

// A service is everything that has to be closed, and what the handlers share.
type service struct {
	cfg     config
	stores  *stores
	outbox  *account.Outbox
	mailbox *account.Capture // nil unless in development
	audit   *auditLog
	policy  *rbac.Policy
	clients *throttle.ClientIP // who is asking, also behind proxies
	onEvent auth.EventFunc     // the log and the audit log

	accounts  *account.Service // passwords
	providers []provider       // accounts elsewhere
	links     *oauth.Links
	logout    *oidc.Logout     // nil: without OpenID Connect
	factors   *mfa.Manager     // second factors
	passkeys  *passkey.Manager // and a login of their own
	sessions  *session.Manager
	tokens    *jwtauth.Issuer
	keys      *apikey.Manager

	passkeyOrigin string       // where browsers may use passkeys
	backchannel   http.Handler // where the provider says that a user has signed out there

	onError problem.ErrorHandler
	handler http.Handler
}

// newService wires the two roads. The sign-in road: a proof (accounts, providers) goes through a
// gate (factors) and ends in a credential (sessions, tokens). The request road: a credential is recognised
// (member), the user is asked for as of now (accounts.Current), and a permission
// decides (may).
func newService(ctx context.Context, cfg config, log *slog.Logger) (_ *service, err error) {
	s := &service{cfg: cfg}
	defer func() {
		if err != nil {
			s.close(log)
		}
	}()
	keys, err := loadSecrets(cfg.Secrets)
	if err != nil {
		return nil, err
	}
	if s.stores, err = openStores(ctx, cfg); err != nil {
		return nil, err
	}
	s.stores.checkRedis(ctx, log)
	s.audit = newAuditLog(s.stores, cfg.AuditDays, log)
	s.onEvent = both(auth.LogEvents(log), s.audit.record)
	s.onError = problem.Log(log, s.showProblem)
	if s.clients, err = throttle.NewClientIP(throttle.ClientIPConfig{TrustedProxies: cfg.Proxies}); err != nil {
		return nil, err
	}
	if err := s.stores.openLimits(s.onEvent, s.onError); err != nil {
		return nil, err
	}

	current := func(ctx context.Context, p *auth.Principal) (*auth.Principal, error) {
		return s.accounts.Current(ctx, p)
	}

	// Credentials.
	s.sessions, err = session.New(s.stores.sessions, session.Config{
		Keep: []string{idToken}, InsecureCookie: cfg.Dev, Respond: s.signedIn, ClientIP: s.clients.Address, ErrorHandler: s.onError, OnEvent: s.onEvent,
	})
	if err != nil {
		return nil, err
	}
	signing, err := keys.signing()
	if err != nil {
		return nil, err
	}
	s.tokens, err = jwtauth.NewIssuer(signing, s.stores.families, jwtauth.IssuerConfig{
		Issuer: cfg.BaseURL, Audience: []string{cfg.BaseURL}, RefreshKeys: [][]byte{keys.Refresh},
		Current: current, Epochs: s.stores.epochs, AccessLifetime: cfg.Access,
		InsecureCookie: cfg.Dev, ClientIP: s.clients.Address, ErrorHandler: s.onError, OnEvent: s.onEvent,
	})
	if err != nil {
		return nil, err
	}
	bearer, err := jwtauth.NewVerifier(signing, jwtauth.VerifierConfig{Issuer: cfg.BaseURL, Audience: cfg.BaseURL, Epochs: s.stores.epochs})
	if err != nil {
		return nil, err
	}

	s.policy, err = rbac.NewPolicy(roles)
	if err != nil {
		return nil, err
	}
	s.keys, err = apikey.New(s.stores.keys, apikey.Config{
		Owner:   current, // the key of a disabled user is refused, and one of a demoted user has fewer rights
		Permits: func(owner *auth.Principal, scope string) bool { return s.policy.Allows(owner, rbac.Permission(scope)) },
		Limits:  s.stores.counts, ClientIP: s.clients.Address, ErrorHandler: s.onError, OnEvent: s.onEvent,
	})
	if err != nil {
		return nil, err
	}

	// Proofs, and the gate behind them.
	gate := auth.Gate{
		Authenticators: []auth.Authenticator{bearer, s.keys, s.sessions},
		Current:        current, // a demotion counts at the next request, whatever the credential
		ClientIP:       s.clients.Address, ErrorHandler: s.onError, OnEvent: s.onEvent,
	}
	s.factors, err = mfa.New(s.stores.factors, mfa.Config{
		Issuer: "Sallyport Reference", Key: keys.Factors, TrustDevices: trustDevices, Throttle: s.stores.counts,
		Revokers: auth.Revokers{s.sessions, s.tokens}, Elevate: s.sessions.Elevate, Reissue: s.tokens, SignedIn: &gate,
		Current: current, Remember: session.Remember, Pages: mfa.Pages{Challenge: "/login/factor", Account: "/account"}, Form: s.factorForm,
		InsecureCookie: cfg.Dev, Notify: s.factorChanged, ClientIP: s.clients.Address, ErrorHandler: s.onError, OnEvent: s.onEvent,
	})
	if err != nil {
		return nil, err
	}
	if err := s.newOutbox(log); err != nil {
		return nil, err
	}
	s.accounts, err = account.New(s.stores.users, account.Config{
		BaseURL: cfg.BaseURL, Name: "Sallyport Reference", Key: keys.Devices,
		Outbox: s.outbox, Tokens: s.stores.tokens, Guard: s.stores.guard, ClientLimit: s.stores.clientLimit, MailLimit: s.stores.mailLimit,
		Revokers: auth.Revokers{s.factors, s.sessions, s.tokens}, Elevate: s.sessions.Elevate, Remember: s.factors.Remember,
		Claim: s.claim, Notify: s.accountChanged, Roles: []string{"customer"}, Form: s.formAgain, ClientIP: s.clients.Address, ErrorHandler: s.onError, OnEvent: s.onEvent,
	})
	if err != nil {
		return nil, err
	}

	if err := s.newPasskeys(keys.Passkey, current); err != nil {
		return nil, err
	}
	if err := s.newProviders(keys.OAuth, &gate); err != nil {
		return nil, err
	}

	// Doors.
	jwks, err := signing.JWKSHandler(jwtauth.JWKSConfig{})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /.well-known/jwks.json", jwks)
	mux.HandleFunc("GET /healthz", s.healthy)
	guard := &rbac.Guard{Decider: s.policy, ClientIP: s.clients.Address, ErrorHandler: s.onError, OnEvent: s.onEvent}
	s.routeAPI(mux, gate, guard)
	s.routePages(mux, gate, guard)
	s.routeProviders(mux, gate.Handler)
	s.routePasskeys(mux, gate.Handler)
	if s.mailbox != nil {
		mux.Handle("GET /dev/mailbox", s.mailbox.InsecureMailbox())
	}
	s.handler = auth.Chain(s.harden, problem.Recover(s.onError), s.sessions.Handler)(mux)
	return s, nil
}

// roles is what each role may do. A user without any of them may do nothing.
var roles = map[string]rbac.Role{
	"customer": {Permissions: []rbac.Permission{"orders:read"}},
	"manager":  {Permissions: []rbac.Permission{"orders:write"}, Inherits: []string{"customer"}},
	"admin":    {Permissions: []rbac.Permission{"orders:delete", "users:read", "users:write", "audit:read"}, Inherits: []string{"manager"}},
}

// close ends what newService has begun, the newest first.
func (s *service) close(log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var errs []error
	if s.outbox != nil {
		errs = append(errs, s.outbox.Close(ctx))
	}
	if s.keys != nil {
		errs = append(errs, s.keys.Close(ctx)) // writes down when keys were last used
	}
	if s.audit != nil {
		errs = append(errs, s.audit.close(ctx))
	}
	if s.stores != nil {
		errs = append(errs, s.stores.close())
	}
	if err := errors.Join(errs...); err != nil {
		log.Error("closing", "err", err)
	}
}
