package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/clientip"
	"github.com/go-sallyport/auth/problem"
)

// A Linker says who of this service an identity is. Links is one.
type Linker interface {
	// Resolve returns the principal of the user that id belongs to, ready for an
	// auth.SignIn, and how that was found, or an error that says why there is none. It
	// is called once for each sign-in, after everything about id was checked.
	Resolve(ctx context.Context, id *Identity, v Visit) (*auth.Principal, Outcome, error)
	// Link makes id belong to the user, who has just proved to be both.
	Link(ctx context.Context, user string, id *Identity) error
}

// A Visit is the callback for which an identity is resolved.
type Visit struct {
	// At is when it came.
	At time.Time
	// Only is the user who is signed in in the browser, if nobody else may sign in
	// there: for any other user, and instead of making a new one, the answer is
	// ErrOtherUser, and nothing changes. Empty: anybody may.
	Only string
}

// An Outcome is how a Linker has found a user. What it does not cover is an error:
// ErrLinkRequired above all.
type Outcome string

// Outcomes.
const (
	OutcomeLinked   Outcome = "linked"    // the identity belonged to the user before
	OutcomeNew      Outcome = "new"       // the user was made for the identity
	OutcomeTakeOver Outcome = "take-over" // an unverified account was emptied for it
)

// AttributeLink is the attribute of a principal with the ID of the Link through which
// it has signed in.
const AttributeLink = "oauth_link"

// DefaultMaxLinks is how many links a user may have if not told otherwise.
const DefaultMaxLinks = 20

// Registered is what LinksConfig.Register answers.
type Registered struct {
	// User is the subject of the user's principals.
	User string
	// TakeOver says that User is not new: somebody has registered it and never proved
	// its mail address, which the identity has proved now. Everything that was there
	// before is wiped.
	TakeOver bool
}

// LinksConfig configures Links. Principal has no default.
type LinksConfig struct {
	// Principal returns the principal of a user who signs in with id: Subject, which
	// is user, and roles as they are today. A user who may not sign in is an error
	// (wrap auth.ErrInvalidCredentials). Links adds the time, the factor
	// auth.FactorFederated and AttributeLink.
	Principal func(ctx context.Context, user string, id *Identity) (*auth.Principal, error)
	// Register is asked about an identity that belongs to nobody. It answers with a
	// user that it has made; with an unverified account to be taken over, which
	// id.EmailVerified must allow; or with ErrLinkRequired, for example because there
	// is a verified account with that address. Nil: nobody can register, and the answer
	// is ErrLinkRequired.
	//
	// It and what follows on it do not end with the request: they have 30 seconds, also
	// if the client goes away. If it fails, or what follows does, nothing is linked, and
	// the next sign-in asks again. By then there may be a user that was made, or an
	// account that was emptied, without a link: answer with it once more, and with
	// TakeOver, as long as there is no way to sign in to it at all.
	//
	// Within a process one call at a time is about one identity; of two processes, one
	// may find the account that the other has made a moment ago and answer
	// ErrLinkRequired, or make a second one, which is discarded.
	Register func(ctx context.Context, id *Identity) (Registered, error)
	// Discard undoes a Register whose user lost the identity to another one at the
	// same moment. Nil: that user stays, without a way to sign in.
	Discard func(ctx context.Context, user string) error

	// Wipe takes from an account that is taken over whatever the stranger may have
	// left: password, factors, passkeys, API keys, pending changes of address. It also
	// makes the address count as verified. In one step, or so that it can be repeated.
	// Nil: nobody can be taken over.
	Wipe func(ctx context.Context, user string) error
	// Revokers end credentials: all of them before and after Wipe, and those made
	// through a link when it is removed.
	Revokers auth.Revokers
	// OtherMethods reports whether a user could sign in without any link, such as
	// with a password or a passkey. Whoever removes those asks Links.List in turn; two
	// removals of different kinds at the same moment are not told of each other. Nil:
	// there is no other method, so the last link stays.
	OtherMethods func(ctx context.Context, user string) (bool, error)
	// Tokens forgets kept tokens when a link is removed. Nil: none are kept.
	Tokens *Tokens
	// MaxPerUser is how many links a user may have. Zero: 20.
	MaxPerUser int
	// FreshFor is how recent a proof of identity must be to remove a link. Zero: 15
	// minutes.
	FreshFor time.Duration

	// ErrorHandler answers what the handlers refuse. Nil: problem.WriteError.
	ErrorHandler func(w http.ResponseWriter, r *http.Request, err error)
	// CrossOrigin decides which other origins may make a browser remove a link. Nil:
	// none may.
	CrossOrigin *http.CrossOriginProtection
	// OnEvent is told of every decision.
	OnEvent auth.EventFunc
	// ClientIP finds the client's address for events of handlers. Nil: the peer of the
	// connection.
	ClientIP func(r *http.Request) (netip.Addr, error)
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// Kinds of events of Links. CredentialID is the ID of the link and Resource the name
// of the provider.
const (
	EventLinked    auth.EventKind = "oauth.linked"     // an identity belongs to a user from now on
	EventUnlinked  auth.EventKind = "oauth.unlinked"   // and no longer does
	EventTakenOver auth.EventKind = "oauth.taken-over" // an unverified account was emptied
)

// Links knows which identity is which user. It protects from what happens when that
// is guessed: whoever can make a provider show a mail address, or registers here with
// the address of somebody else before they do, gets into their account. So
//
//   - an identity is found by issuer and subject and by nothing else;
//   - an identity that is new makes a new user, or the answer is ErrLinkRequired: the
//     user signs in to the account that is there and links by Flow.StartLink;
//   - a link is added only by who has proved both sides, within one session;
//   - an account that was never verified can be taken over by who proves its address,
//     and is emptied first (LinksConfig.Wipe).
//
// Whether two addresses are one is for LinksConfig.Register to say, by the canonical
// form of its accounts. The last way to sign in cannot be removed.
//
// Links is safe for concurrent use.
type Links struct {
	store     LinkStore
	cfg       LinksConfig
	registers keyedLock // by the ID of the link to be
}

var _ Linker = (*Links)(nil)

// NewLinks returns Links over a store. Nil: one in the memory of this process, which
// forgets at a restart who is who, so it is for development and tests.
func NewLinks(store LinkStore, cfg LinksConfig) (*Links, error) {
	var errs []error
	if cfg.Principal == nil {
		errs = append(errs, errors.New("oauth: LinksConfig.Principal is missing: it says what a user may do"))
	}
	if cfg.MaxPerUser == 0 {
		cfg.MaxPerUser = DefaultMaxLinks
	}
	if cfg.MaxPerUser < 0 {
		errs = append(errs, fmt.Errorf("oauth: MaxPerUser %d: use a positive number, or 0 for %d", cfg.MaxPerUser, DefaultMaxLinks))
	}
	if cfg.FreshFor == 0 {
		cfg.FreshFor = DefaultFreshFor
	}
	if cfg.FreshFor < 0 {
		errs = append(errs, fmt.Errorf("oauth: FreshFor is %s: use a positive duration, or 0 for %s", cfg.FreshFor, DefaultFreshFor))
	}
	cfg.Revokers = append(auth.Revokers(nil), cfg.Revokers...)
	for _, r := range cfg.Revokers {
		if r == nil {
			errs = append(errs, errors.New("oauth: one of the Revokers is nil"))
		}
	}
	if cfg.ErrorHandler == nil {
		cfg.ErrorHandler = problem.WriteError
	}
	if cfg.CrossOrigin == nil {
		cfg.CrossOrigin = http.NewCrossOriginProtection()
	}
	if cfg.ClientIP == nil {
		cfg.ClientIP = func(r *http.Request) (netip.Addr, error) { return clientip.Peer(r), nil }
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if store == nil {
		store = NewMemoryLinkStore(0)
	}
	return &Links{store: store, cfg: cfg}, nil
}
