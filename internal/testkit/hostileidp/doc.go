// Package hostileidp is an identity provider on loopback that does what a test tells it
// to: every answer of every endpoint can be scripted. What is not scripted is answered
// well, by package oauthtest behind it.
//
//	idp := hostileidp.New(t)
//	idp.Script(hostileidp.Token, hostileidp.Answer(500, "text/plain", "down"))
//	...
//	if n := idp.Count(hostileidp.Token); n != 1 { … }
//
// What attackers and broken servers do is in tables, each case with the id of its
// attack or fault and a name: TokenCases for the token endpoint, UserInfoCases, and for
// OpenID Connect IDTokenCases, DiscoveryCases and KeyCases.
package hostileidp
