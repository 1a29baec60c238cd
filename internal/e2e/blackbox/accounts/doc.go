// Package accounts holds the tests that try the running reference server as an
// attacker would who wants into an account: passwords, links of mail, limits and
// second factors. They know nothing of the server but its contract, and its database
// where a case begins with a row that no request makes, such as a hostile hash.
//
// What such a test cannot show is left to the tests of the packages: the clock of a
// process cannot be set (M13), nobody waits for a lock of a day, and how much alike the
// times of answers are is a matter of statistics (P05).
package accounts
