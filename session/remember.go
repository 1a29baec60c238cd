package session

import "context"

type rememberKey struct{}

// Remember returns a context for a sign-in whose user has asked to be remembered
// ("keep me signed in"). Pass it to Begin, or in the request to SignIn:
//
//	if r.PostFormValue("remember") == "on" {
//		r = r.WithContext(session.Remember(r.Context()))
//	}
//	err := sessions.SignIn(w, r, p)
//
// The cookie then outlives the browser: its Max-Age is what is left until the
// deadline of the session. The limits of the session are Config.RememberLifetime
// and Config.RememberIdleTimeout. Without Remember the browser drops the cookie
// when it ends, whatever the session before was. Only a sign-in asks; a renewal
// keeps the choice. Offer it for devices of one person only. Where a sign-in takes
// several requests, as with a second factor, the last one has to know the choice.
func Remember(ctx context.Context) context.Context {
	return context.WithValue(ctx, rememberKey{}, true)
}

func remembers(ctx context.Context) bool { return ctx.Value(rememberKey{}) != nil }
