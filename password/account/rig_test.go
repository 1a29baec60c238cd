package account_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/session"
)

const (
	alice    = "alice@example.com"
	oldPass  = "correct horse battery staple"
	newPass  = "seven purple ducks at dawn"
	evilPass = "mallory knows this one too"
)

// A fastHasher is a Hasher without the work, which counts it.
type fastHasher struct {
	hashes, verifies atomic.Int64
	hold             chan struct{} // if set, Verify waits for it before it returns
	held             chan struct{}
}

func (h *fastHasher) Hash(_ context.Context, pw string) (string, error) {
	h.hashes.Add(1)
	return digest(rand.Text(), pw), nil
}

func (h *fastHasher) Verify(_ context.Context, encoded, pw string) (ok, outdated bool, err error) {
	h.verifies.Add(1)
	scheme, rest, _ := strings.Cut(encoded, "$")
	salt, _, found := strings.Cut(rest, "$")
	if !found {
		return false, false, password.ErrUnknownScheme
	}
	ok = strings.TrimPrefix(digest(salt, pw), "fast$") == rest
	if h.hold != nil {
		h.held <- struct{}{}
		<-h.hold
	}
	return ok, ok && scheme == "old", nil
}

func digest(salt, pw string) string {
	sum := sha256.Sum256([]byte(salt + pw))
	return "fast$" + salt + "$" + hex.EncodeToString(sum[:])
}

// A rig is a whole service, with sessions.
type rig struct {
	t        *testing.T
	clock    *authtest.Clock
	store    *stepStore
	tokens   *stepTokens
	hasher   *fastHasher
	mail     *account.Capture
	sent     chan account.Message // flush marks
	outbox   *account.Outbox
	sessions *session.Manager
	accounts *account.Service
	mux      *http.ServeMux
	handler  http.Handler
	browser  *authtest.Browser
	steps    *steps

	mu      sync.Mutex
	events  []auth.Event
	notices []string
	mailer  account.MailerFunc // in place of mail, if set
}

// newRig makes a rig. configure may change what the Service is made of.
func newRig(t *testing.T, configure ...func(*account.Config)) *rig {
	t.Helper()
	g := &rig{t: t, clock: authtest.NewClock(time.Time{}), hasher: &fastHasher{}, mail: account.NewCapture(10_000), sent: make(chan account.Message, 100), steps: &steps{}}
	g.clock.Advance(123 * time.Millisecond) // a time of whole seconds is one of a token
	users, err := account.NewMemoryStore(0)
	g.must(err)
	tokens, err := password.NewMemoryTokenStore(0)
	g.must(err)
	g.store, g.tokens = &stepStore{users, g.steps}, &stepTokens{tokens, g.steps}
	g.outbox, err = account.NewOutbox(account.MailerFunc(g.send), account.OutboxConfig{Workers: 1, Queue: 100_000, Backoff: time.Millisecond, OnEvent: g.onEvent})
	g.must(err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = g.outbox.Close(ctx)
	})
	g.sessions, err = session.New(nil, session.Config{Now: g.clock.Now})
	g.must(err)
	g.accounts = g.service(configure...)
	g.routes()
	g.browser = authtest.NewBrowser(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.handler.ServeHTTP(w, r) }))
	return g
}

// service makes another Service over the same stores, as after a restart.
func (g *rig) service(configure ...func(*account.Config)) *account.Service {
	g.t.Helper()
	cfg := account.Config{
		BaseURL:  "https://app.example.com",
		Name:     "Example",
		Key:      []byte("0123456789abcdef0123456789abcdef"),
		Outbox:   g.outbox,
		Hasher:   g.hasher,
		Revokers: auth.Revokers{&stepRevoker{g.sessions, g.steps}},
		Elevate:  g.sessions.Elevate,
		Roles:    []string{"customer"},
		OnEvent:  g.onEvent,
		Now:      g.clock.Now,
		Notify: func(_ context.Context, kind account.MessageKind, u account.User) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.notices = append(g.notices, string(kind)+" "+u.Email)
		},
	}
	cfg.Tokens = g.tokensOf()
	var err error
	cfg.Guard, err = throttle.NewGuard(nil, throttle.GuardConfig{Now: g.clock.Now, MaxPerAddress: 1000})
	g.must(err)
	cfg.ClientLimit, err = throttle.New(nil, throttle.Config{Name: "client", Max: 1000, Window: time.Hour, Now: g.clock.Now})
	g.must(err)
	for _, f := range configure {
		f(&cfg)
	}
	s, err := account.New(g.store, cfg)
	g.must(err)
	return s
}

// tokensOf makes Tokens over the same store.
func (g *rig) tokensOf() *password.Tokens {
	g.t.Helper()
	tokens, err := password.NewTokens(g.tokens, password.TokensConfig{Now: g.clock.Now, OnEvent: g.onEvent})
	g.must(err)
	return tokens
}

// routes serves what g.accounts is now.
func (g *rig) routes() {
	s := g.accounts
	member := (&auth.Gate{Authenticators: []auth.Authenticator{g.sessions}, Current: s.Current}).Handler
	g.mux = http.NewServeMux()
	g.mux.Handle("/register", s.Register())
	g.mux.Handle("/verify", s.VerifyEmail())
	g.mux.Handle("/login", s.Login(g.sessions))
	g.mux.Handle("/logout", s.Logout(g.sessions.SignOut))
	g.mux.Handle("/forgot", s.Forgot())
	g.mux.Handle("/reset", s.Reset())
	g.mux.Handle("/change-password", member(s.ChangePassword()))
	g.mux.Handle("/change-email", member(s.ChangeEmail()))
	g.mux.Handle("/delete", member(s.Delete()))
	g.mux.Handle("GET /me", member(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		_, _ = fmt.Fprint(w, p.Attributes[account.AttributeEmail], " ", strings.Join(p.Roles, ","))
	})))
	g.handler = g.sessions.Handler(g.mux)
}

func (g *rig) must(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

func (g *rig) onEvent(_ context.Context, e auth.Event) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.events = append(g.events, e)
}

// saw returns how many events of a kind there were.
func (g *rig) saw(kind auth.EventKind) (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range g.events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

const flushMark account.MessageKind = "flush"

func (g *rig) send(ctx context.Context, m account.Message) error {
	if m.Kind == flushMark {
		g.sent <- m
		return nil
	}
	g.mu.Lock()
	mailer := g.mailer
	g.mu.Unlock()
	if mailer != nil {
		return mailer(ctx, m)
	}
	return g.mail.Send(ctx, m)
}

// flush waits until all mail is sent that was asked for, and returns it, the newest
// first. The outbox has one worker.
func (g *rig) flush() []account.Message {
	g.t.Helper()
	if !g.outbox.Enqueue(g.t.Context(), func(context.Context) ([]account.Message, error) {
		return []account.Message{{Kind: flushMark}}, nil
	}) {
		g.t.Fatal("the outbox takes no job")
	}
	<-g.sent
	return g.mail.Messages()
}

// last returns the newest mail, which has to be of this kind and to that address.
func (g *rig) last(kind account.MessageKind, to string) account.Message {
	g.t.Helper()
	mail := g.flush()
	if len(mail) == 0 || mail[0].Kind != kind || mail[0].To != to {
		g.t.Fatalf("the last mail is not %q to %s: %v", kind, to, g.inbox())
	}
	return mail[0]
}

// inbox is all mail, the oldest first: "verify alice@example.com".
func (g *rig) inbox() []string {
	g.t.Helper()
	var list []string
	for _, m := range g.flush() {
		list = append([]string{string(m.Kind) + " " + m.To}, list...)
	}
	return list
}

// user adds a user with oldPass.
func (g *rig) user(email string, change ...func(*account.User)) account.User {
	g.t.Helper()
	canonical, err := account.Canonical(email)
	g.must(err)
	u := account.User{ID: rand.Text(), Email: email, Canonical: canonical, Verified: true, Hash: digest(rand.Text(), oldPass), Roles: []string{"customer"}, CreatedAt: g.clock.Now()}
	for _, f := range change {
		f(&u)
	}
	_, err = g.store.MemoryStore.Create(g.t.Context(), u)
	g.must(err)
	return u
}

// stored returns what is in the store.
func (g *rig) stored(id string) account.User {
	g.t.Helper()
	u, err := g.store.MemoryStore.Find(g.t.Context(), id)
	g.must(err)
	return u
}

// fits reports whether pw is the password of a user.
func (g *rig) fits(id, pw string) bool {
	g.t.Helper()
	ok, _, err := (&fastHasher{}).Verify(g.t.Context(), g.stored(id).Hash, pw)
	g.must(err)
	return ok
}

// login signs a new browser in.
func (g *rig) login(email, pw string) *authtest.Browser {
	g.t.Helper()
	b := g.browser.Another(g.t)
	g.want(b.PostJSON("/login", credentials(email, pw)), 204)
	return b
}

func (g *rig) want(resp *authtest.Response, status int) *authtest.Response {
	g.t.Helper()
	if resp.StatusCode != status {
		g.t.Fatalf("%s %s: %d %s, want %d", resp.Request.Method, resp.Request.URL.Path, resp.StatusCode, resp.Body, status)
	}
	return resp
}

// resetToken asks for a reset and returns the token of the mail.
func (g *rig) resetToken(email string) string {
	g.t.Helper()
	g.must(g.accounts.RequestReset(g.t.Context(), account.Client{}, email))
	return g.last(account.MessageReset, email).Token
}

type object map[string]any

func credentials(email, pw string) object { return object{"email": email, "password": pw} }

// goBlind makes look-ups by ID fail, or not any more.
func (g *rig) goBlind(err error) {
	g.steps.mu.Lock()
	defer g.steps.mu.Unlock()
	g.steps.blind = err
}

// steps count the writes to all stores, and can cut one of them off.
type steps struct {
	mu     sync.Mutex
	names  []string
	kill   int  // the step that is the last one, from 1 on; 0: none
	after  bool // it is done before the end
	cancel context.CancelFunc
	fail   error  // instead of the end
	read   func() // before each look-up, if set
	blind  error  // of each look-up by ID
	once   map[string]func()
}

var errKilled = errors.New("killed")

func (s *steps) run(name string, do func() error) error {
	s.mu.Lock()
	s.names = append(s.names, name)
	last := s.kill != 0 && len(s.names) >= s.kill
	after, cancel, fail, once := s.after, s.cancel, s.fail, s.once[name]
	delete(s.once, name)
	s.mu.Unlock()
	if once != nil {
		once()
	}
	switch {
	case !last:
		return do()
	case cancel != nil:
		cancel()
		return do()
	case after:
		_ = do()
	}
	if fail != nil {
		return fail
	}
	panic(errKilled)
}

// before calls do before the next step of that name.
func (s *steps) before(name string, do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.once = map[string]func(){name: do}
}

// arm cuts step n off from now on.
func (s *steps) arm(n int, after bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names, s.kill, s.after = nil, n, after
}

func (s *steps) disarm() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := s.names
	s.names, s.kill, s.fail, s.cancel = nil, 0, nil, nil
	return names
}

func (s *steps) look() {
	s.mu.Lock()
	read := s.read
	s.mu.Unlock()
	if read != nil {
		read()
	}
}

// A stepStore counts writes of users.
type stepStore struct {
	*account.MemoryStore
	steps *steps
}

func (s *stepStore) Find(ctx context.Context, id string) (account.User, error) {
	s.steps.look()
	s.steps.mu.Lock()
	err := s.steps.blind
	s.steps.mu.Unlock()
	if err != nil {
		return account.User{}, err
	}
	return s.MemoryStore.Find(ctx, id)
}

func (s *stepStore) FindByEmail(ctx context.Context, canonical string) (account.User, error) {
	s.steps.look()
	return s.MemoryStore.FindByEmail(ctx, canonical)
}

func (s *stepStore) Create(ctx context.Context, u account.User) (id string, err error) {
	err = s.steps.run("create", func() (err error) {
		id, err = s.MemoryStore.Create(ctx, u)
		return err
	})
	return id, err
}

func (s *stepStore) SetPassword(ctx context.Context, id, oldHash, newHash string, at time.Time) error {
	return s.steps.run("set password", func() error { return s.MemoryStore.SetPassword(ctx, id, oldHash, newHash, at) })
}

func (s *stepStore) SetEmail(ctx context.Context, id, old, email, canonical string) error {
	return s.steps.run("set e-mail", func() error { return s.MemoryStore.SetEmail(ctx, id, old, email, canonical) })
}

func (s *stepStore) Delete(ctx context.Context, id string) error {
	return s.steps.run("delete", func() error { return s.MemoryStore.Delete(ctx, id) })
}

// A stepTokens counts writes of tokens.
type stepTokens struct {
	*password.MemoryTokenStore
	steps *steps
}

func (s *stepTokens) Consume(ctx context.Context, hash [32]byte, p password.Purpose, now time.Time) (t password.Token, err error) {
	err = s.steps.run("consume", func() (err error) {
		t, err = s.MemoryTokenStore.Consume(ctx, hash, p, now)
		return err
	})
	return t, err
}

func (s *stepTokens) Void(ctx context.Context, subject string, purposes ...password.Purpose) error {
	return s.steps.run("void", func() error { return s.MemoryTokenStore.Void(ctx, subject, purposes...) })
}

// A stepRevoker counts revocations.
type stepRevoker struct {
	auth.Revoker
	steps *steps
}

func (r *stepRevoker) RevokeSubject(ctx context.Context, subject, except string) error {
	return r.steps.run("revoke", func() error { return r.Revoker.RevokeSubject(ctx, subject, except) })
}
