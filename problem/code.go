package problem

import (
	"net/http"
	"strings"
)

// A Code names a problem for machines. It never changes its meaning. The codes
// below are those of this module; an application may use its own beside them,
// in a Details that it fills in by itself.
type Code string

// The registry of codes. Each has a paragraph of the same name in
// docs/problems.md, which says when it is sent and what a client should do.
const (
	BadRequest              Code = "BAD_REQUEST"
	BodyInvalid             Code = "BODY_INVALID"
	BodyTooLarge            Code = "BODY_TOO_LARGE"
	UnsupportedMediaType    Code = "UNSUPPORTED_MEDIA_TYPE"
	Unauthenticated         Code = "UNAUTHENTICATED"
	InvalidCredentials      Code = "INVALID_CREDENTIALS"
	TokenExpired            Code = "TOKEN_EXPIRED"
	TokenInvalid            Code = "TOKEN_INVALID"
	StepUpRequired          Code = "STEP_UP_REQUIRED"
	Forbidden               Code = "FORBIDDEN"
	InsufficientScope       Code = "INSUFFICIENT_SCOPE"
	CrossOrigin             Code = "CROSS_ORIGIN"
	CSRFTokenInvalid        Code = "CSRF_TOKEN_INVALID"
	NotFound                Code = "NOT_FOUND"
	MethodNotAllowed        Code = "METHOD_NOT_ALLOWED"
	OneTimeTokenInvalid     Code = "ONE_TIME_TOKEN_INVALID"
	PasswordRejected        Code = "PASSWORD_REJECTED"
	EmailInvalid            Code = "EMAIL_INVALID"
	EmailUnverified         Code = "EMAIL_UNVERIFIED"
	SignInAttemptInvalid    Code = "SIGN_IN_ATTEMPT_INVALID"
	ProviderDenied          Code = "PROVIDER_DENIED"
	ProviderFailed          Code = "PROVIDER_FAILED"
	IdentityInvalid         Code = "IDENTITY_INVALID"
	OtherUserSignedIn       Code = "OTHER_USER_SIGNED_IN"
	LinkRequired            Code = "LINK_REQUIRED"
	LinkConflict            Code = "LINK_CONFLICT"
	LastLoginMethod         Code = "LAST_LOGIN_METHOD"
	MFARequired             Code = "MFA_REQUIRED"
	MFACodeInvalid          Code = "MFA_CODE_INVALID"
	MFAChallengeInvalid     Code = "MFA_CHALLENGE_INVALID"
	MFANotEnrolled          Code = "MFA_NOT_ENROLLED"
	MFAEnrolmentInvalid     Code = "MFA_ENROLMENT_INVALID"
	PasskeyInvalid          Code = "PASSKEY_INVALID"
	PasskeyUnknown          Code = "PASSKEY_UNKNOWN"
	PasskeyChallengeInvalid Code = "PASSKEY_CHALLENGE_INVALID"
	PasskeyRejected         Code = "PASSKEY_REJECTED"
	PasskeyExists           Code = "PASSKEY_EXISTS"
	PasskeyLimit            Code = "PASSKEY_LIMIT"
	TooManyRequests         Code = "TOO_MANY_REQUESTS"
	APIKeyMalformed         Code = "API_KEY_MALFORMED"
	APIKeyInvalid           Code = "API_KEY_INVALID"
	APIKeyExpired           Code = "API_KEY_EXPIRED"
	APIKeyRevoked           Code = "API_KEY_REVOKED"
	APIKeyAddress           Code = "API_KEY_ADDRESS"
	APIKeyRejected          Code = "API_KEY_REJECTED"
	APIKeyLimit             Code = "API_KEY_LIMIT"
	APIKeyRotated           Code = "API_KEY_ROTATED"
	Internal                Code = "INTERNAL_ERROR"
	Unavailable             Code = "UNAVAILABLE"
)

// typeBase is where a code is explained: the type member of RFC 9457 §3.1.1 is
// a URI that a person can open.
const typeBase = "https://github.com/go-sallyport/auth/blob/main/docs/problems.md#"

// fixed is a registered problem, rendered once: the whole body, and what comes
// before and after the members of one occurrence.
type fixed struct {
	details          Details
	body, head, tail []byte
}

// registry is written during package initialisation and only read afterwards.
var registry = register(
	entry{BadRequest, http.StatusBadRequest, "The request is malformed"},
	entry{BodyInvalid, http.StatusBadRequest, "The request body could not be read"},
	entry{BodyTooLarge, http.StatusRequestEntityTooLarge, "The request body is too large"},
	entry{UnsupportedMediaType, http.StatusUnsupportedMediaType, "The content type is not supported"},
	entry{Unauthenticated, http.StatusUnauthorized, "Authentication is required"},
	entry{InvalidCredentials, http.StatusUnauthorized, "The credentials are not valid"},
	entry{TokenExpired, http.StatusUnauthorized, "The access token is no longer good"},
	entry{TokenInvalid, http.StatusUnauthorized, "The access token is not valid"},
	entry{StepUpRequired, http.StatusUnauthorized, "A more recent or stronger sign-in is required"},
	entry{Forbidden, http.StatusForbidden, "You may not do this"},
	entry{InsufficientScope, http.StatusForbidden, "The credential does not cover this"},
	entry{CrossOrigin, http.StatusForbidden, "Requests from another origin are refused"},
	entry{CSRFTokenInvalid, http.StatusForbidden, "The form is not from this session"},
	entry{NotFound, http.StatusNotFound, "There is nothing here"},
	entry{MethodNotAllowed, http.StatusMethodNotAllowed, "The method is not allowed here"},
	entry{OneTimeTokenInvalid, http.StatusBadRequest, "The link or code is not valid any more"},
	entry{PasswordRejected, http.StatusUnprocessableEntity, "The password is not acceptable"},
	entry{EmailInvalid, http.StatusUnprocessableEntity, "The e-mail address is not acceptable"},
	entry{EmailUnverified, http.StatusForbidden, "The e-mail address is not verified yet"},
	entry{SignInAttemptInvalid, http.StatusBadRequest, "The sign-in attempt is not valid any more"},
	entry{ProviderDenied, http.StatusForbidden, "The sign-in was refused at the other service"},
	entry{ProviderFailed, http.StatusBadGateway, "The other service does not answer as it should"},
	entry{IdentityInvalid, http.StatusBadRequest, "The answer of the other service cannot be trusted"},
	entry{OtherUserSignedIn, http.StatusConflict, "Another user is signed in"},
	entry{LinkRequired, http.StatusConflict, "Sign in to the existing account first"},
	entry{LinkConflict, http.StatusConflict, "The identity cannot be linked to this account"},
	entry{LastLoginMethod, http.StatusConflict, "This is the last way to sign in"},
	entry{MFARequired, http.StatusUnauthorized, "A second factor is required"},
	entry{MFACodeInvalid, http.StatusUnauthorized, "The code is not valid"},
	entry{MFAChallengeInvalid, http.StatusUnauthorized, "No sign-in waits for a second factor"},
	entry{MFANotEnrolled, http.StatusConflict, "There is no such second factor"},
	entry{MFAEnrolmentInvalid, http.StatusConflict, "No enrolment waits to be confirmed"},
	entry{PasskeyInvalid, http.StatusUnauthorized, "The passkey was not proved"},
	entry{PasskeyUnknown, http.StatusUnauthorized, "There is no such passkey"},
	entry{PasskeyChallengeInvalid, http.StatusUnauthorized, "The challenge is not good any more"},
	entry{PasskeyRejected, http.StatusUnprocessableEntity, "The passkey is not acceptable"},
	entry{PasskeyExists, http.StatusConflict, "The passkey is registered already"},
	entry{PasskeyLimit, http.StatusConflict, "There are as many passkeys as may be"},
	entry{APIKeyMalformed, http.StatusUnauthorized, "The API key is not complete or mistyped"},
	entry{APIKeyInvalid, http.StatusUnauthorized, "The API key is not valid"},
	entry{APIKeyExpired, http.StatusUnauthorized, "The API key has expired"},
	entry{APIKeyRevoked, http.StatusUnauthorized, "The API key was revoked"},
	entry{APIKeyAddress, http.StatusForbidden, "The API key may not be used from here"},
	entry{APIKeyRejected, http.StatusUnprocessableEntity, "Such an API key is not issued"},
	entry{APIKeyLimit, http.StatusConflict, "There are as many API keys as may be"},
	entry{APIKeyRotated, http.StatusConflict, "The API key was rotated before"},
	entry{TooManyRequests, http.StatusTooManyRequests, "Too many requests"},
	entry{Internal, http.StatusInternalServerError, "Something went wrong on our side"},
	entry{Unavailable, http.StatusServiceUnavailable, "The service cannot answer right now"},
)

type entry struct {
	code   Code
	status int
	title  string
}

func register(entries ...entry) map[Code]*fixed {
	m := make(map[Code]*fixed, len(entries))
	for _, e := range entries {
		f := &fixed{details: Details{
			Type:   typeBase + strings.ToLower(string(e.code)),
			Title:  e.title,
			Status: e.status,
			Code:   e.code,
		}}
		f.body = f.details.append(nil)
		f.head = f.details.appendHead(nil)
		f.tail = f.details.appendTail(nil)
		f.details.fixed = f
		m[e.code] = f
	}
	return m
}

// Codes returns the registered codes, in no particular order.
func Codes() []Code {
	codes := make([]Code, 0, len(registry))
	for code := range registry {
		codes = append(codes, code)
	}
	return codes
}
