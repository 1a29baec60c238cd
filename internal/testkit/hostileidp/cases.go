package hostileidp

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
)

// A Case is something that a provider does. Unless it says OK, nobody may be signed in.
type Case struct {
	Name   string // begins with the id of the attack or the fault
	Script Script
	// OK says that a sign-in must work all the same.
	OK bool
	// Slow says that the answer never ends: give the client a short timeout.
	Slow bool
}

const jsonType = "application/json"

// tokens is a Script that answers with this JSON.
func tokens(body string) Script { return Answer(http.StatusOK, jsonType, body) }

// TokenCases are answers of the token endpoint: attack O07 and fault F19, and requirement
// OAU-11.
func TokenCases() []Case {
	set := func(name string, v any) Script {
		return Change(func(object map[string]any) { object[name] = v })
	}
	return []Case{
		{Name: "O07 a good answer", OK: true},
		{Name: "O07 500", Script: Answer(500, "text/plain", "down")},
		{Name: "O07 503 with JSON", Script: Answer(503, jsonType, `{"access_token":"a","token_type":"Bearer"}`)},
		{Name: "O07 201 with good JSON", Script: Answer(201, jsonType, `{"access_token":"a","token_type":"Bearer"}`)},
		{Name: "O07 204", Script: Answer(204, "", "")},
		{Name: "O07 HTML with 200", Script: Answer(200, "text/html", "<h1>Welcome</h1>")},
		{Name: "O07 an empty body", Script: tokens("")},
		{Name: "O07 a body cut short", Script: tokens(`{"access_token":"a","token_type":"Bea`)},
		{Name: "O07 something after the object", Script: tokens(`{"access_token":"a","token_type":"Bearer"} {}`)},
		{Name: "O07 a list", Script: tokens(`["access_token"]`)},
		{Name: "O07 null", Script: tokens(`null`)},
		{Name: "O07 deep nesting", Script: tokens(`{"access_token":"a","token_type":"Bearer","x":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`)},
		{Name: "O07 invalid UTF-8", Script: tokens("{\"access_token\":\"\xff\xfe\",\"token_type\":\"Bearer\"}")},
		{Name: "F19 a body of 1 GB", Script: Flood(1 << 30)},
		{Name: "O07 a gzip bomb", Script: Bomb},
		{Name: "O07 an encoding that nobody has asked for", Script: encoded},
		{Name: "F19 no answer", Script: Stall, Slow: true},
		{Name: "O07 a slow drip", Script: Drip, Slow: true},
		{Name: "O07 a redirect to an internal address", Script: redirect(http.StatusFound, "http://169.254.169.254/latest/meta-data/")},
		{Name: "O07 a redirect to another host", Script: redirect(http.StatusTemporaryRedirect, "https://attacker.example/token")},
		{Name: "O07 a redirect that keeps the body, within the origin", Script: redirect(http.StatusTemporaryRedirect, "/elsewhere")},
		{Name: "F19 a redirect loop", Script: redirect(http.StatusFound, "/token")},
		{Name: "F19 a connection that breaks", Script: hangUp},
		{Name: "OAU-11 a form, with its content type", Script: Answer(200, "application/x-www-form-urlencoded", "access_token=a&token_type=bearer")},
		{Name: "OAU-11 JSON that says that it is text", Script: Answer(200, "text/plain", `{"access_token":"a","token_type":"Bearer"}`)},
		{Name: "OAU-11 JSON without a content type", Script: Answer(200, "", `{"access_token":"a","token_type":"Bearer"}`)},
		{Name: "OAU-11 JSON with a charset", OK: true, Script: retype("application/json; charset=utf-8")},
		{Name: "OAU-11 no access_token", Script: set("access_token", nil)},
		{Name: "OAU-11 access_token is empty", Script: set("access_token", "")},
		{Name: "OAU-11 access_token is null", Script: tokens(`{"access_token":null,"token_type":"Bearer"}`)},
		{Name: "OAU-11 access_token is a number", Script: set("access_token", 7)},
		{Name: "OAU-11 access_token has a line break", Script: set("access_token", "a\r\nX-Injected: 1")},
		{Name: "OAU-11 access_token is huge", Script: set("access_token", strings.Repeat("a", 20<<10))},
		{Name: "OAU-11 token_type mac", Script: set("token_type", "mac")},
		{Name: "OAU-11 token_type DPoP", Script: set("token_type", "DPoP")},
		{Name: "OAU-11 no token_type", Script: set("token_type", nil)},
		{Name: "OAU-11 token_type in capitals", OK: true, Script: set("token_type", "BEARER")},
		{Name: "OAU-11 expires_in negative", Script: set("expires_in", -1)},
		{Name: "OAU-11 expires_in of a thousand years", Script: set("expires_in", json.Number("31536000000"))},
		{Name: "OAU-11 expires_in beyond 64 bits", Script: set("expires_in", json.Number("1e400"))},
		{Name: "OAU-11 expires_in with a fraction", Script: set("expires_in", json.Number("3600.5"))},
		{Name: "OAU-11 expires_in is text", Script: set("expires_in", "soon")},
		{Name: "OAU-11 no expires_in", OK: true, Script: set("expires_in", nil)},
		{Name: "OAU-11 refresh_token is empty", Script: set("refresh_token", "")},
		{Name: "OAU-11 refresh_token is an object", Script: set("refresh_token", map[string]any{})},
		{Name: "OAU-11 id_token is empty", Script: set("id_token", "")},
		{Name: "OAU-11 scope is a list", Script: set("scope", []string{"a"})},
		{Name: "OAU-11 access_token twice", Script: tokens(`{"access_token":"a","access_token":"b","token_type":"Bearer"}`)},
		{Name: "OAU-11 a member twice, deep down", Script: tokens(`{"access_token":"a","token_type":"Bearer","x":{"y":1,"y":2}}`)},
		{Name: "OAU-11 members in capitals only", Script: tokens(`{"ACCESS_TOKEN":"a","Token_Type":"Bearer"}`)},
		{Name: "OAU-11 an error with 200", Script: tokens(`{"error":"invalid_client","error_description":"<script>alert(1)</script>"}`)},
		{Name: "OAU-11 an error beside a token", Script: set("error", "invalid_grant")},
		{Name: "OAU-11 an error of no registry", Script: Answer(400, jsonType, `{"error":"<script>alert(1)</script>"}`)},
		{Name: "O10 invalid_grant", Script: Answer(400, jsonType, `{"error":"invalid_grant"}`)},
	}
}

// UserInfoCases are answers of the userinfo endpoint: attacks O15 and O17 as far as one
// server goes, and what a subject must be.
func UserInfoCases() []Case {
	set := func(name string, v any) Script {
		return Change(func(object map[string]any) { object[name] = v })
	}
	return []Case{
		{Name: "LNK-01 a good answer", OK: true},
		{Name: "LNK-01 no subject", Script: set("sub", nil)},
		{Name: "LNK-01 an empty subject", Script: set("sub", "")},
		{Name: "LNK-01 a subject of 256 bytes", Script: set("sub", strings.Repeat("s", 256))},
		{Name: "LNK-01 a subject that is not ASCII", Script: set("sub", "älice")},
		{Name: "LNK-01 a subject with a line break", Script: set("sub", "a\nb")},
		{Name: "LNK-01 a subject that is true", Script: set("sub", true)},
		{Name: "LNK-01 a subject that is a list", Script: set("sub", []string{"alice-7"})},
		{Name: "LNK-01 a subject that is zero", Script: set("sub", 0)},
		{Name: "LNK-01 a subject that is a number with a fraction", Script: set("sub", json.Number("7.0"))},
		{Name: "LNK-01 a subject that is a number with an exponent", Script: set("sub", json.Number("7e0"))},
		{Name: "LNK-01 the subject twice", Script: tokens(`{"sub":"alice-7","sub":"bob-8"}`)},
		{Name: "LNK-01 the subject in capitals", Script: tokens(`{"SUB":"alice-7"}`)},
		{Name: "F19 500", Script: Answer(500, "text/plain", "down")},
		{Name: "F19 401", Script: Answer(401, jsonType, `{"error":"invalid_token"}`)},
		{Name: "F19 HTML", Script: Answer(200, "text/html", "<h1>hello</h1>")},
		{Name: "F19 a signed answer that was not asked for", Script: Answer(200, "application/jwt", "e30.e30.")},
		{Name: "F19 a body of 1 GB", Script: Flood(1 << 30)},
		{Name: "F19 a gzip bomb", Script: Bomb},
		{Name: "F19 no answer", Script: Stall, Slow: true},
		{Name: "F19 a slow drip", Script: Drip, Slow: true},
		{Name: "F19 a redirect loop", Script: redirect(http.StatusFound, "/userinfo")},
		{Name: "F19 a redirect elsewhere", Script: redirect(http.StatusFound, "https://attacker.example/")},
		{Name: "F19 a redirect to another port", Script: redirect(http.StatusFound, "http://127.0.0.1:1/")},
		{Name: "F19 a connection that breaks", Script: hangUp},
	}
}

// MailCases are what a provider says of a mail address that is not a verified address:
// attack O15. The subject is good.
func MailCases() []Case {
	set := func(v any) Script {
		return Change(func(object map[string]any) { object["email_verified"] = v })
	}
	return []Case{
		{Name: `O15 email_verified is the text "true"`, Script: set("true")},
		{Name: "O15 email_verified is 1", Script: set(1)},
		{Name: "O15 email_verified is absent", Script: set(nil)},
		{Name: "O15 email_verified is false", Script: set(false)},
		{Name: "O15 email_verified is a list", Script: set([]bool{true})},
		{Name: "O15 the address has two @", Script: Change(func(o map[string]any) { o["email"] = "eve@evil.example@example.com" })},
		{Name: "O15 the address is a list", Script: Change(func(o map[string]any) { o["email"] = []string{"alice@example.com"} })},
		{Name: "O15 the address is not ASCII", Script: Change(func(o map[string]any) { o["email"] = "alıce@example.com" })},
	}
}

// Bomb answers with a gigabyte of white space in a megabyte of gzip.
func Bomb(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	w.Header().Set("Content-Type", jsonType)
	w.Header().Set("Content-Encoding", "gzip")
	for range 1 << 10 {
		if _, err := w.Write(megabyte()); err != nil {
			return
		}
	}
}

// megabyte is one of white space, as a member of gzip. Any number of members is one
// stream (RFC 1952 section 2.2).
var megabyte = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(bytes.Repeat([]byte(" "), 1<<20)) // a Buffer takes everything
	_ = z.Close()
	return b.Bytes()
})

func encoded(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	w.Header().Set("Content-Type", jsonType)
	w.Header().Set("Content-Encoding", "br")
	_, _ = io.WriteString(w, `{"access_token":"a","token_type":"Bearer"}`)
}

func redirect(status int, to string) Script {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Location", to)
		w.WriteHeader(status)
	}
}

func retype(contentType string) Script {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		next.ServeHTTP(typed{w, contentType}, r)
	}
}

type typed struct {
	http.ResponseWriter
	contentType string
}

func (t typed) WriteHeader(status int) {
	t.Header().Set("Content-Type", t.contentType)
	t.ResponseWriter.WriteHeader(status)
}

func (t typed) Unwrap() http.ResponseWriter { return t.ResponseWriter }

func hangUp(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = conn.Close()
	}
}
