// Package doors tries both doors of the running reference server as an attacker would:
// sign-in by a provider that lies, API keys, permissions, and the requests themselves.
// It knows nothing but the HTTP contract. The provider is package hostileidp, and each
// case is one of the corpus, with the id of its attack or requirement.
//
// Cases whose id begins with "X-" are attacks that no list names. The contract of the
// routes runs on every kind of backend, the attacks on SQLite.
package doors
