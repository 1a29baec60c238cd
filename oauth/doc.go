// Package oauth signs users in with an account that they have somewhere else: with
// GitHub, with any OAuth 2 server, and through package oauth/oidc with any OpenID
// Connect provider.
//
//	github, err := oauth.NewGitHub(oauth.GitHubConfig{ClientID: id, Auth: oauth.ClientSecretPost(secret)})
//	links, err := oauth.NewLinks(nil, oauth.LinksConfig{Principal: users.Principal, Register: users.Register})
//	flow, err := oauth.New(github, oauth.Config{
//		RedirectURL: "https://app.example.com/auth/github/callback",
//		Key:         key,
//		SignedIn:    sessions,
//	})
//	...
//	mux.Handle("GET /auth/github", flow.Start())
//	mux.Handle("GET /auth/github/callback", flow.Callback(links, factors.Gate(sessions)))
//	mux.Handle("POST /account/links/github", auth.Require(sessions)(flow.StartLink()))
//
// [Flow] is the authorization code flow of RFC 6749 with one [Provider], which says
// who the user is there: an [Identity]. A [Linker], such as [Links], says who that is
// here. What comes out is a principal for an auth.SignIn, so a second factor and the
// kind of credential are the caller's choice.
//
// # What it protects from
//
//   - Forged and replayed callbacks: an attempt is sealed in a cookie of the browser
//     that began it, for one provider, for ten minutes, and is used up before
//     anything is asked of the provider (RFC 9700 §4.7, RFC 6819 §4.4.1.8). An address
//     of a callback that somebody was sent signs nobody in.
//   - Stolen and injected codes: PKCE with S256, always (RFC 7636), and a nonce for
//     OpenID Connect.
//   - Mix-up of providers: each has its own redirect URI and keys its cookies; the
//     iss parameter is compared if there is one, and must be there if the provider
//     promises it (RFC 9207).
//   - Open redirects: the page to return to is an auth.LocalPath and is kept in the
//     sealed attempt. The redirect URI comes from the configuration and never from a
//     Host header.
//   - Hostile and broken providers: see [NewHTTPClient], and the strict reading of
//     token responses (RFC 6749 §5.1) and of JSON, [Fetch].
//   - Accounts taken over through mail: an identity is known by issuer and subject.
//     Nothing is ever matched by a mail address, see [Links].
//
// # Who is signed in already
//
// A callback that would sign in another user than the one who is signed in in this
// browser is refused with [ErrOtherUser] unless Config.SwitchUser says that it takes
// over; two users are never merged. The same user gets a new credential. That needs
// Config.SignedIn, or a gate around the callback.
//
// # Refusals
//
// Whatever is refused is a problem with a code, such as SIGN_IN_ATTEMPT_INVALID or
// LINK_REQUIRED, and an event. It is a person who sees it: let Config.ErrorHandler show a
// page with a way to begin again, or lead to one. Nothing that a provider or an address
// says is in it but a registered error code.
//
// # Step-up
//
// The principal has one factor, auth.FactorFederated, of the time at which the
// provider says that the user proved who they are (auth_time), or of the callback if
// it does not say. AuthenticatedAt is the time of the callback. A provider may answer
// without asking the user anything, so guard what needs a recent proof with
// auth.RequireFresh and the kinds of the factors.
//
// # Answers by POST
//
// Some providers answer with a form that the browser posts (response_mode=form_post),
// which arrives without the cookies of this site, because those are SameSite=Lax.
// The callback then takes POST as well: it seals what came into a short-lived cookie
// of its own and sends the browser to itself with GET, where everything is decided as
// usual. So no cookie is SameSite=None, and a callback can also link. Where
// middleware refuses cross-site requests, exempt this one POST.
//
// # What it does not
//
// It is a client that signs users in, not an authorization server. The implicit and
// hybrid flows, request objects, PAR, DPoP and mTLS are not there. A user who controls
// an account at a provider is that user: if a provider lets somebody take over an
// account, they have it here as well.
//
// Attempts are used up in the memory of the process unless Config.Consumer is
// shared: see [Consumer] for what that means on several machines.
package oauth
