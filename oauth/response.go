package oauth

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sallyport/auth/problem"
)

// Limits of authorization responses.
const (
	maxAnswer     = 8 << 10 // bytes, as it was sent
	maxPosted     = 2800    // bytes that fit sealed into a cookie
	maxParameters = 32
	maxCode       = 4096

	// postedParam is the query of the GET that follows on a POST, and postedFor how
	// long a browser may take for it.
	postedParam = "posted"
	postedFor   = time.Minute
)

// response returns the parameters of the authorization response that r brings.
func (f *Flow) response(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	raw := r.URL.RawQuery
	if raw == postedParam+"=1" {
		var err error
		if raw, err = f.posted(w, r); err != nil {
			return nil, err
		}
	}
	return parseAnswer(raw)
}

// parseAnswer reads a query or a form, strictly: a parameter that is there twice is an
// error (RFC 6749 §3.1), as two readers could take one each.
func parseAnswer(raw string) (url.Values, error) {
	if len(raw) > maxAnswer {
		return nil, fmt.Errorf("%w: the answer is too long", ErrAttempt)
	}
	params, err := url.ParseQuery(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: the answer is not well-formed", ErrAttempt)
	}
	if len(params) > maxParameters {
		return nil, fmt.Errorf("%w: the answer has too many parameters", ErrAttempt)
	}
	for _, values := range params {
		if len(values) > 1 {
			return nil, fmt.Errorf("%w: a parameter of the answer is there twice", ErrAttempt)
		}
	}
	return params, nil
}

// readAnswer returns the code of an authorization response whose state is good.
func readAnswer(params url.Values, reg *Registration) (code string, err error) {
	// RFC 9207 §2.4, also for errors. A server that does not promise iss may send it
	// all the same; then it is compared.
	iss, there := params.Get("iss"), params.Has("iss")
	switch {
	case !there && reg.PromisesIssuer:
		return "", fmt.Errorf("%w: the answer has no iss, which the provider promises", ErrAttempt)
	case there && (iss != reg.Issuer || iss == ""):
		return "", fmt.Errorf("%w: the answer is of another issuer", ErrAttempt)
	}
	code = params.Get("code")
	switch {
	case params.Has("error") && code != "":
		return "", fmt.Errorf("%w: the answer has a code and an error", ErrAttempt)
	case params.Has("error"):
		return "", &DeniedError{Code: knownError(params.Get("error"))}
	case code == "" || len(code) > maxCode || !isVisible(code):
		return "", fmt.Errorf("%w: the answer has no code that could be one", ErrAttempt)
	}
	return code, nil
}

// answerErrors are the codes of RFC 6749 §4.1.2.1 and OpenID Connect Core §3.1.2.6.
var answerErrors = []string{
	"invalid_request", "unauthorized_client", "access_denied", "unsupported_response_type", "invalid_scope", "server_error",
	"temporarily_unavailable", "interaction_required", "login_required", "account_selection_required", "consent_required",
	"invalid_request_uri", "invalid_request_object", "request_not_supported", "request_uri_not_supported", "registration_not_supported",
	"unmet_authentication_requirements",
}

// knownError returns code if it is registered: nothing else of an answer is repeated,
// to nobody.
func knownError(code string) string {
	if slices.Contains(answerErrors, code) {
		return code
	}
	return "unknown_error"
}

// further are the parameters of an answer that are not for the Flow.
func further(params url.Values) url.Values {
	more := make(url.Values)
	for name, values := range params {
		switch name {
		case "code", "state", "iss":
		default:
			more[name] = values
		}
	}
	return more
}

// isVisible reports whether s is printable ASCII (VSCHAR of RFC 6749 appendix A).
func isVisible(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// relay takes an answer that the browser posts. It comes from another site and so
// without the cookies of this one. What it says is sealed into a cookie, and the
// browser is sent here once more with GET, which brings all of them. Nothing is
// believed and nothing decided here.
func (f *Flow) relay(w http.ResponseWriter, r *http.Request) error {
	if err := f.enabled(r.Context()); err != nil {
		return err
	}
	reg, err := f.registration(r.Context())
	if err != nil {
		return err
	}
	if !reg.FormPost {
		return notAllowed("GET")
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" || r.URL.RawQuery != "" {
		return problem.Wrap(problem.UnsupportedMediaType, errors.New("oauth: the answer is not a form, or has a query as well"))
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPosted))
	if err != nil {
		return err
	}
	if _, err := parseAnswer(string(data)); err != nil {
		return err
	}
	text := strconv.FormatInt(f.cfg.Now().UnixMilli(), 10) + "&" + string(data)
	f.setCookie(w, f.postedName(), f.sealer.SealString([]byte(text), f.binding("posted")), postedFor)
	w.Header().Set("Location", f.redirect.EscapedPath()+"?"+postedParam+"=1")
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// postedName is that of the one cookie with an answer that was posted. It is not one of
// the names of attempts, and there is one for each Flow: who makes browsers post here
// does not fill them with cookies.
func (f *Flow) postedName() string {
	if f.cfg.InsecureCookie {
		return "oauth.posted-" + f.name
	}
	return "__Host-oauth.posted-" + f.name
}

// posted returns what relay has put into the cookie.
func (f *Flow) posted(w http.ResponseWriter, r *http.Request) (string, error) {
	cookies := r.CookiesNamed(f.postedName())
	if len(cookies) != 1 {
		return "", fmt.Errorf("%w: the posted answer is not there, or twice", ErrAttempt)
	}
	f.clearCookie(w, f.postedName())
	text, _, err := f.sealer.OpenString(cookies[0].Value, f.binding("posted"))
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrAttempt, err)
	}
	at, raw, _ := strings.Cut(string(text), "&")
	ms, err := strconv.ParseInt(at, 10, 64)
	if age := f.cfg.Now().Sub(time.UnixMilli(ms)); err != nil || age >= postedFor || age < -maxSkew {
		return "", fmt.Errorf("%w: the posted answer is too old", ErrAttempt)
	}
	return raw, nil
}
