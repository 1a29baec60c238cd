// Package breach asks whether a password is known from a breach, by the range
// search of Have I Been Pwned or of a server of one's own that speaks like it.
//
//	breached, err := breach.New(breach.Config{})
//	...
//	policy, err := password.NewPolicy(password.PolicyConfig{Breached: breached.Check})
//
// # What it protects from
//
// Credential stuffing: a password that was ever stolen anywhere is in the lists
// that attackers try (NIST SP 800-63B, ASVS 6.2.12).
//
// # What leaves the service
//
// The first five hexadecimal digits of the SHA-1 of the password, of 40: some
// 1,000 of the known passwords have the same, and all passwords that are not
// known share them too. The answer is looked through here. It is padded with
// random lines (Add-Padding), so that its length does not tell on the wire which
// five digits were asked for. No password, no digest and no part of one is ever in
// an error.
//
// The server learns besides the address of the service, and when it asks.
//
// # When it fails
//
// Whatever is not a whole and well-formed range within the time is an error. A
// Policy then refuses the password with 503, and the user tries again; with
// PolicyConfig.FailOpenBreached it accepts it. There is no retry and no cache: two
// passwords hardly ever share a range, and memory would hold what was asked for.
// One question takes some 40 KB of answer.
//
// # Limits
//
// SHA-1 is what the service is indexed by; nothing here rests on its strength. A
// password that is not in the list may have been stolen all the same.
package breach
