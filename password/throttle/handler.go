package throttle

import "net/http"

// Handler returns middleware that answers a request with 429 and Retry-After if
// there have been Config.Max of them with the same key in the window, as Allow
// does: for registration, password reset, refresh and the start of an OAuth flow.
// A request that is refused is not counted.
//
// The key is mostly ByAddress or the Key of a ClientIP. A request whose key
// cannot be told, or is empty, is refused with the error of that function, or
// ErrNoKey.
func (l *Limiter) Handler(key func(r *http.Request) (string, error)) func(http.Handler) http.Handler {
	if key == nil {
		panic("throttle: Handler wants a key function, such as ByAddress")
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			text, err := key(r)
			if err == nil {
				err = l.Allow(r.Context(), text)
			}
			if err != nil {
				l.onError(w, r, err)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}
