package doors_test

// A route is one of the contract, with a body that it would take.
type route struct {
	method, path string
	body         any
}

// accountChanges are what only a person may do, and no key.
var accountChanges = []route{
	{"POST", "/api/v1/auth/change-password", object{"current_password": words, "password": words + " 2"}},
	{"POST", "/api/v1/auth/mfa/enable", object{}},
	{"POST", "/api/v1/auth/mfa/verify", object{"code": "123456"}},
	{"POST", "/api/v1/auth/mfa/disable", object{"code": "123456"}},
	{"POST", "/api/v1/auth/mfa/recovery-codes", object{"code": "123456"}},
	{"GET", "/api/v1/sessions", nil},
	{"DELETE", "/api/v1/sessions/x", nil},
	{"DELETE", "/api/v1/sessions", nil},
	{"GET", apiKeys, nil},
	{"POST", apiKeys, object{"name": "n", "scopes": []string{"orders:read"}}},
	{"POST", apiKeys + "/x/rotate", object{}},
	{"DELETE", apiKeys + "/x", nil},
	{"DELETE", "/api/v1/links/x", nil},
	{"POST", "/api/v1/passkeys/register/begin", object{}},
	{"GET", "/api/v1/passkeys", nil},
	{"DELETE", "/api/v1/passkeys/x", nil},
}

// guarded are the other routes that need a login, and what a customer may not.
var guarded = []route{
	{"GET", profile, nil},
	{"GET", "/api/v1/links", nil},
	{"GET", orders, nil},
	{"POST", orders, object{"item": "tea"}},
	{"DELETE", orders + "/x", nil},
	{"GET", "/api/v1/admin/users", nil},
	{"PUT", "/api/v1/admin/users/x/roles", object{"roles": []string{"admin"}}},
	{"GET", "/api/v1/admin/audit", nil},
}

// pages are those that need a login.
var pages = []string{"/account", "/account/prove", "/orders", "/admin"}
