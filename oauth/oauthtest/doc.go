// Package oauthtest is an authorization server on loopback for the tests of a service
// that signs its users in with package oauth: they need no network and no account
// anywhere.
//
//	idp := oauthtest.New(t, oauthtest.Config{Users: []oauthtest.User{{Subject: "7", Email: "alice@example.com"}}})
//	provider, err := oauth.NewGeneric(oauth.GenericConfig{
//		Name: "test", Issuer: idp.URL, AuthURL: idp.URL + "/authorize", TokenURL: idp.URL + "/token",
//		UserInfoURL: idp.URL + "/userinfo", ClientID: oauthtest.ClientID, Auth: oauth.ClientSecretBasic(oauthtest.ClientSecret),
//	})
//
// It speaks the authorization code flow (RFC 6749) with PKCE, which it demands
// (RFC 7636), iss (RFC 9207), refresh tokens that rotate, and OpenID Connect: discovery,
// signed ID tokens, JWKS, userinfo and logout. Where GitHub has its endpoints it answers
// as GitHub does, so the URL of a GitHub can be its own, and the APIURL /api/v3 below.
//
// A browser is shown a page on which a person chooses a user and allows or denies; with
// Config.SkipConsent the first user is signed in at once. The same server serves by hand:
// NewServer needs no test.
//
// It checks what a server has to check, so that a client which forgets PKCE, or sends
// another redirect URI, fails here as it would there. It is for tests: it keeps
// everything in memory and knows no passwords.
package oauthtest
