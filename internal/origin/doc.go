// Package origin tells where a request comes from, for packages that set cookies:
// whether another site made a browser send it, and whether it came over plain HTTP.
//
// # What it does not
//
// A client that is no browser can send any header. What is refused here is what a
// browser can be made to do against the will of its user.
package origin
