// Package tokens attacks access tokens, refresh tokens, sessions and their cookies
// on the running reference server, by HTTP only. It has tests only.
package tokens
