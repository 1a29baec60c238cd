package oauth

import (
	"context"
	"net/http"
	"net/url"
)

// A ClientAuth proves to a token endpoint which client a request is of (RFC 6749
// §2.3). It is safe for concurrent use.
type ClientAuth interface {
	// Authenticate adds the proof to a request before it is sent. Each call is for
	// one request, so a proof that is used once is made here.
	Authenticate(ctx context.Context, r *TokenRequest) error
}

// A TokenRequest is a request to a token endpoint that has not been sent yet.
type TokenRequest struct {
	// URL is the endpoint, and Issuer the identifier of the server if that is known.
	URL, Issuer string
	// ClientID is that of this service.
	ClientID string
	// Form becomes the body and Header the header. Both may be added to.
	Form   url.Values
	Header http.Header
}

// A ClientAuthFunc is a function that is a ClientAuth.
type ClientAuthFunc func(ctx context.Context, r *TokenRequest) error

// Authenticate calls f.
func (f ClientAuthFunc) Authenticate(ctx context.Context, r *TokenRequest) error { return f(ctx, r) }

// ClientSecretBasic sends the secret in the Authorization header
// (client_secret_basic). It is what RFC 6749 §2.3.1 wants every server to take.
func ClientSecretBasic(secret string) ClientAuth {
	return ClientAuthFunc(func(_ context.Context, r *TokenRequest) error {
		if secret == "" {
			return errNoSecret
		}
		// Both parts are form-encoded before they are joined (RFC 6749 §2.3.1), which
		// SetBasicAuth does not do.
		req := http.Request{Header: r.Header}
		req.SetBasicAuth(url.QueryEscape(r.ClientID), url.QueryEscape(secret))
		return nil
	})
}

// ClientSecretPost sends the secret in the body (client_secret_post), for servers that
// do not take it in the header.
func ClientSecretPost(secret string) ClientAuth {
	return ClientAuthFunc(func(_ context.Context, r *TokenRequest) error {
		if secret == "" {
			return errNoSecret
		}
		r.Form.Set("client_id", r.ClientID)
		r.Form.Set("client_secret", secret)
		return nil
	})
}

// publicClient names the client and proves nothing (RFC 6749 §3.2.1).
func publicClient(_ context.Context, r *TokenRequest) error {
	r.Form.Set("client_id", r.ClientID)
	return nil
}
