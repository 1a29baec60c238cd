// Package client serves auth.js, the half of jwtauth that runs in browsers: an ES
// module without dependencies that keeps a page signed in.
//
//	mux.Handle("GET /auth.js", client.Handler())
//
// and in the page
//
//	import { createAuth } from "/auth.js";
//	const auth = createAuth({ refreshURL: "/auth/refresh", revokeURL: "/auth/revoke" });
//	const orders = await auth.fetch("/api/orders");
//	await auth.logout();
//
// It is documented in itself, with types in JSDoc.
//
// # What it protects from
//
// A token that is left behind: the access token lives in the memory of the page
// and nowhere else; the refresh token is in an HttpOnly cookie that the module
// never sees. A token that goes astray: it is sent to the page's own origin and
// to those that are named, and not to others. Tabs that sign each other out: of
// any number of tabs and requests that find the token expired, one refreshes,
// under a Web Lock, and hands the others what it got. An answer that was lost: the
// refresh is sent once more, at once, while the service's grace lasts. A sign-out
// that is undone by a refresh under way, in this tab or another. A service that is
// down, taken for a sign-out: that is a RefreshError, and the user stays in.
//
// # What it does not
//
// Script of an attacker in the page can do whatever the page can, for as long as
// it is open: have a Content-Security-Policy. Tabs of one origin trust each
// other: they pass the token on over a BroadcastChannel. Without Web Locks each tab
// refreshes for itself; the service bears that, unless an older answer overtakes a
// newer one and leaves the browser with a spent cookie. Two refreshes in a row
// whose answers are lost sign the user out at the next one, when the grace is over.
//
// # Browsers
//
// Those that know private class members, AbortSignal.timeout, crypto.randomUUID and
// Web Locks: Chromium 103, Firefox 100, Safari 16 and newer. The page must be a
// secure context, which localhost is.
package client
