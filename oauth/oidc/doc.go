// Package oidc has the OpenID Connect providers for package oauth: any issuer by
// discovery, Google, Microsoft, GitLab and Apple.
//
//	provider, err := oidc.New(oidc.Config{
//		Issuer:   "https://login.example.com",
//		ClientID: id,
//		Auth:     oauth.ClientSecretBasic(secret),
//	})
//	flow, err := oauth.New(provider, oauth.Config{
//		RedirectURL: "https://app.example.com/auth/oidc/callback",
//		Key:         key,
//		SignedIn:    sessions,
//	})
//
// # What it protects from
//
//   - ID tokens that are forged, for somebody else, of another time or of another kind:
//     every check of OpenID Connect Core §3.1.3.7 is made, also those that go-oidc, which
//     verifies the signature, leaves to its callers: nonce, azp and further audiences,
//     sub, iat, typ, at_hash, auth_time and acr. JSON is read strictly. A token that is
//     also for others is refused unless Config.Audiences knows them.
//   - Weak and confused signatures: RSA from 2048 bits, ECDSA and Ed25519, by the
//     algorithms of the configuration or of the metadata, and never HMAC or none. Keys
//     are used for what they say they are for. A published secret, a key for encryption,
//     and all keys of an id that several have are not used.
//   - Metadata of somebody else: its issuer must be that of the configuration,
//     character for character, and no endpoint is plain HTTP if the issuer is not.
//   - A provider that fails or is hostile: see oauth.NewHTTPClient for what a request may
//     cost. Metadata and keys are fetched when they are first needed, so a service
//     starts while its provider is down. There is one fetch at a time; every 10 minutes,
//     3 seconds after one that failed, and once a minute for tokens whose key is not
//     there, however many come. The last good document serves for up to 24 hours.
//   - UserInfo about another user: its sub must be that of the ID token.
//   - Accounts taken over through mail: EmailVerified is true only if the provider says
//     so as JSON true, and never for Microsoft.
//
// The endpoints need not be on the host of the issuer: the metadata may name others,
// as that of Google does.
//
// # Sign-out
//
// [Provider.Logout] signs users out at the provider as well (RP-Initiated Logout).
// [Provider.Backchannel] is told by the provider that a user has signed out there
// (Back-Channel Logout) and ends what the user has here through an auth.Revoker.
//
// # What it does not
//
// Encrypted ID tokens, signed or encrypted UserInfo, the implicit and hybrid flows,
// Front-Channel Logout, Session Management and dynamic registration are not there.
// Ed448 and the algorithm name "Ed25519" of RFC 9864 are not known. Distributed claims
// are not resolved.
//
// A key that a provider takes back counts for up to 10 minutes. After an abrupt change
// of keys one fetch is made at once; after a second one within the same minute,
// sign-ins fail until it is over. Whoever knows the address of Backchannel can spend
// that one fetch a minute with a token of an unknown key; it brings the newest keys all
// the same.
package oidc
