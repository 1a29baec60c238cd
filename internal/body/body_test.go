package body_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sallyport/auth/internal/body"
	"github.com/go-sallyport/auth/problem"
)

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
)

type name string

// input has a member of every supported type.
type input struct {
	Email    string   `json:"email"`
	Password string   `json:"password,omitempty"`
	Remember bool     `json:"remember"`
	TTL      int      `json:"ttl"`
	Small    int8     `json:"small"`
	Count    uint16   `json:"count"`
	Named    name     `json:"named"`
	Scopes   []string `json:"scopes,omitzero"`
	Names    []name   `json:"names,omitzero"`
	Expires  *string  `json:"expires_at"`
	Enabled  *bool    `json:"enabled"`
	Max      *uint64  `json:"max"`
	Internal string   `json:"-"`
	private  string
}

// canary is in values only. It must not appear in any error.
const canary = "c4n4ry"

func TestAccepts(t *testing.T) {
	tests := []struct {
		name, media, text string
		want              input
	}{
		{"empty object", jsonType, `{}`, input{}},
		{"white space", jsonType, " \t\r\n{ \"email\" : \"a\" , \"remember\" : true } \n", input{Email: "a", Remember: true}},
		{"charset", jsonType + "; charset=utf-8", `{"email":"a"}`, input{Email: "a"}},
		{"charset in capitals and quotes", `Application/JSON;Charset="UTF-8"`, `{"email":"a"}`, input{Email: "a"}},
		{"escapes", jsonType, `{"email":"\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC\ud83d\ude00\u2028"}`, input{Email: "\"\\/\b\f\n\r\tAé€😀\u2028"}},
		{"escapes between text", jsonType, `{"email":"a\u0062c\\d"}`, input{Email: `abc\d`}},
		{"escaped name", jsonType, `{"\u0065mai\u006C":"a"}`, input{Email: "a"}},
		{"UTF-8", jsonType, "{\"email\":\"é€😀\ufffd\U0010ffff\x7f\"}", input{Email: "é€😀\ufffd\U0010ffff\x7f"}},
		{"spaces are kept", jsonType, `{"password":" a  b "}`, input{Password: " a  b "}},
		{"numbers", jsonType, `{"ttl":-9223372036854775808,"small":-128,"count":65535,"max":18446744073709551615}`, input{TTL: -1 << 63, Small: -128, Count: 65535, Max: ptr(uint64(1<<64 - 1))}},
		{"zeros", jsonType, `{"ttl":0,"small":-0}`, input{}},
		{"booleans", jsonType, `{"remember":true,"enabled":false}`, input{Remember: true, Enabled: ptr(false)}},
		{"null", jsonType, `{"expires_at":null,"enabled":null,"max":null}`, input{}},
		{"empty is not null", jsonType, `{"expires_at":""}`, input{Expires: ptr("")}},
		{"lists", jsonType, `{"scopes":["a","b\n"],"names":[ ]}`, input{Scopes: []string{"a", "b\n"}, Names: []name{}}},
		{"named types", jsonType, `{"named":"x","names":["y"]}`, input{Named: "x", Names: []name{"y"}}},

		{"empty form", formType, ``, input{}},
		{"form", formType + "; charset=utf-8", `email=alice%40example.com&password=a+b%26%3d%3B%0A&ttl=-12&count=0`, input{Email: "alice@example.com", Password: "a b&=;\n", TTL: -12}},
		{"form values may be empty", formType, `email=&expires_at=`, input{Expires: ptr("")}},
		{"form with = in a value", formType, `email=a=b`, input{Email: "a=b"}},
		{"form check boxes", formType, `remember=on&enabled=false`, input{Remember: true, Enabled: ptr(false)}},
		{"form booleans", formType, `remember=true`, input{Remember: true}},
		{"form list", formType, `scopes=a&email=x&scopes=b&scopes=`, input{Email: "x", Scopes: []string{"a", "b", ""}}},
		{"form escaped name", formType, `%65mail=a`, input{Email: "a"}},
		{"form UTF-8", formType, `email=%C3%A9%F0%9F%98%80`, input{Email: "é😀"}},
	}
	for _, tt := range tests {
		t.Run("XCT-10 "+tt.name, func(t *testing.T) {
			var got input
			if err := decode(tt.media, tt.text, &got); err != nil {
				t.Fatalf("refused: %v", err)
			}
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
	t.Run("XCT-10 absent members keep their value", func(t *testing.T) {
		in := input{Email: "before", Scopes: []string{"before"}, Internal: "i", private: "p"}
		if err := decode(jsonType, `{"password":"x"}`, &in); err != nil {
			t.Fatal(err)
		}
		if want := (input{Email: "before", Password: "x", Scopes: []string{"before"}, Internal: "i", private: "p"}); !reflect.DeepEqual(in, want) {
			t.Errorf("got %+v", in)
		}
	})
	t.Run("XCT-10 what the caller shares is not written to", func(t *testing.T) {
		list, expires := []string{"old", "old"}, "old"
		in := input{Scopes: list[:1], Expires: &expires}
		if err := decode(formType, `scopes=new&scopes=new&expires_at=new`, &in); err != nil {
			t.Fatal(err)
		}
		if list[0] != "old" || list[1] != "old" || expires != "old" {
			t.Errorf("%q, %q", list, expires)
		}
		if !reflect.DeepEqual(in.Scopes, []string{"new", "new"}) || *in.Expires != "new" {
			t.Errorf("got %q, %q", in.Scopes, *in.Expires)
		}
	})
	t.Run("XCT-10 no Content-Length, identity coding", func(t *testing.T) {
		r := request(jsonType, `{"email":"a"}`)
		r.ContentLength = -1
		r.Header.Set("Content-Encoding", "Identity")
		var in input
		if err := body.Decode(httptest.NewRecorder(), r, &in, 0); err != nil || in.Email != "a" {
			t.Errorf("%+v, %v", in, err)
		}
	})
}

func TestRefuses(t *testing.T) {
	deep := strings.Repeat("[", 30_000)
	tests := []struct {
		name, media, text string
		want              string // in the detail
	}{
		// The attack row as it stands.
		{"P19 member twice", jsonType, `{"email":"c4n4ry","email":"b"}`, `"email" occurs more than once`},
		{"P19 list for a string", jsonType, `{"password":["c4n4ry"]}`, `"password" must be a string`},
		{"P19 unknown member", jsonType, `{"isAdmin":"c4n4ry"}`, `"isAdmin" is not known`},
		{"P19 deep list", jsonType, deep, "must be a JSON object"},
		{"P19 deep value", jsonType, `{"email":` + deep, `"email" must be a string`},
		{"P19 deep value in a list", jsonType, `{"scopes":` + deep, `"scopes" must be a list of strings`},
		{"P19 deep object", jsonType, strings.Repeat(`{"email":`, 7000), `"email" must be a string`},
		{"P19 deep unknown value", jsonType, `{"x":` + deep, `"x" is not known`},

		{"XCT-10 same member, escaped", jsonType, `{"email":"c4n4ry","\u0065mail":"b"}`, `"email" occurs more than once`},
		{"XCT-10 null and value", jsonType, `{"expires_at":null,"expires_at":"c4n4ry"}`, `"expires_at" occurs more than once`},
		{"XCT-10 list twice", jsonType, `{"scopes":["c4n4ry"],"scopes":["b"]}`, `"scopes" occurs more than once`},
		{"XCT-10 another case", jsonType, `{"Email":"c4n4ry"}`, `"Email" is not known; it is written "email"`},
		{"XCT-10 both cases", jsonType, `{"email":"c4n4ry","EMAIL":"b"}`, `"EMAIL" is not known`},
		{"XCT-10 both cases by Unicode folding", jsonType, `{"password":"c4n4ry","pa\u017fsword":"b"}`, `is not known; it is written "password"`},
		{"XCT-10 name of the Go field", jsonType, `{"TTL":1}`, `"TTL" is not known`},
		{"XCT-10 field without a member", jsonType, `{"Internal":"c4n4ry"}`, `"Internal" is not known`},
		{"XCT-10 the tag -", jsonType, `{"-":"c4n4ry"}`, `"-" is not known`},
		{"XCT-10 empty name", jsonType, `{"":"c4n4ry"}`, `"" is not known`},
		{"XCT-10 a long unknown name is not repeated", jsonType, `{"` + strings.Repeat("x", 65) + `":1}`, "A member is not known"},
		{"XCT-10 an unknown name that is none is not repeated", jsonType, `{"a\u001b[2Jb c4n4ry":1}`, `A member is not known`},

		{"XCT-10 null for a string", jsonType, `{"email":null}`, `"email" must be a string`},
		{"XCT-10 null for a list", jsonType, `{"scopes":null}`, `"scopes" must be a list of strings`},
		{"XCT-10 null in a list", jsonType, `{"scopes":["c4n4ry",null]}`, `"scopes" must be a list of strings`},
		{"XCT-10 number for a string", jsonType, `{"email":1}`, `"email" must be a string`},
		{"XCT-10 object for a string", jsonType, `{"email":{"$ne":"c4n4ry"}}`, `"email" must be a string`},
		{"XCT-10 boolean for a string", jsonType, `{"email":true}`, `"email" must be a string`},
		{"XCT-10 string for a boolean", jsonType, `{"remember":"true"}`, `"remember" must be true or false`},
		{"XCT-10 number for a boolean", jsonType, `{"remember":1}`, `"remember" must be true or false`},
		{"XCT-10 string for a number", jsonType, `{"ttl":"1"}`, `"ttl" must be a whole number`},
		{"XCT-10 fraction", jsonType, `{"ttl":1.0}`, `"ttl" must be a whole number`},
		{"XCT-10 exponent", jsonType, `{"ttl":1e3}`, `"ttl" must be a whole number`},
		{"XCT-10 capital exponent", jsonType, `{"ttl":0E1}`, `"ttl" must be a whole number`},
		{"XCT-10 string for a list", jsonType, `{"scopes":"c4n4ry"}`, `"scopes" must be a list of strings`},
		{"XCT-10 number in a list", jsonType, `{"scopes":[1]}`, `"scopes" must be a list of strings`},
		{"XCT-10 pointer of another type", jsonType, `{"enabled":"c4n4ry"}`, `"enabled" must be true or false or null`},
		{"XCT-10 int8 over", jsonType, `{"small":128}`, `"small" is out of range`},
		{"XCT-10 int8 under", jsonType, `{"small":-129}`, `"small" is out of range`},
		{"XCT-10 uint16 over", jsonType, `{"count":65536}`, `"count" is out of range`},
		{"XCT-10 uint16 negative", jsonType, `{"count":-1}`, `"count" is out of range`},
		{"XCT-10 int64 over", jsonType, `{"ttl":9223372036854775808}`, `"ttl" is out of range`},
		{"XCT-10 uint64 over", jsonType, `{"max":18446744073709551616}`, `"max" is out of range`},
		{"XCT-10 ten thousand digits", jsonType, `{"ttl":` + strings.Repeat("9", 10_000) + `}`, `"ttl" is out of range`},

		{"XCT-10 NUL", jsonType, `{"email":"c4n4ry\u0000"}`, `"email" holds a NUL`},
		{"XCT-10 NUL in a list", jsonType, `{"scopes":["c4n4ry","\u0000"]}`, `"scopes" holds a NUL`},
		{"XCT-10 NUL in a name", jsonType, `{"email\u0000":"c4n4ry"}`, `name of a member holds a NUL`},
		{"XCT-10 raw NUL", jsonType, "{\"email\":\"c4n4ry\x00\"}", "malformed at byte 16"},
		{"XCT-10 invalid UTF-8", jsonType, "{\"email\":\"c4n4ry\xff\"}", `"email" is not valid UTF-8`},
		{"XCT-10 Latin-1", jsonType, "{\"email\":\"c4n4ry\xe9\"}", `"email" is not valid UTF-8`},
		{"XCT-10 overlong UTF-8", jsonType, "{\"email\":\"c4n4ry\xc0\x80\"}", `"email" is not valid UTF-8`},
		{"XCT-10 surrogate in UTF-8", jsonType, "{\"email\":\"c4n4ry\xed\xa0\x80\"}", `"email" is not valid UTF-8`},
		{"XCT-10 invalid UTF-8 in a name", jsonType, "{\"em\xffail\":\"c4n4ry\"}", "name of a member is not valid UTF-8"},
		{"XCT-10 invalid UTF-8 in a list", jsonType, "{\"scopes\":[\"c4n4ry\xff\"]}", `"scopes" is not valid UTF-8`},
		{"XCT-10 lone high surrogate", jsonType, `{"email":"c4n4ry\ud83d"}`, "half of a surrogate pair"},
		{"XCT-10 lone low surrogate", jsonType, `{"email":"c4n4ry\ude00"}`, "half of a surrogate pair"},
		{"XCT-10 surrogates in the wrong order", jsonType, `{"email":"c4n4ry\ude00\ud83d"}`, "half of a surrogate pair"},
		{"XCT-10 two high surrogates", jsonType, `{"email":"c4n4ry\ud83d\ud83d"}`, "half of a surrogate pair"},
		{"XCT-10 high surrogate and another escape", jsonType, `{"email":"c4n4ry\ud83d\n"}`, "half of a surrogate pair"},
		{"XCT-10 high surrogate and text", jsonType, `{"email":"c4n4ry\ud83due00"}`, "half of a surrogate pair"},
		{"XCT-10 lone surrogate in a name", jsonType, `{"\ud83d":"c4n4ry"}`, "name of a member holds half of a surrogate pair"},

		{"XCT-10 empty body", jsonType, ``, "The body is empty"},
		{"XCT-10 white space only", jsonType, " \n", "The body is empty"},
		{"XCT-10 byte order mark", jsonType, "\ufeff{}", "must be a JSON object"},
		{"XCT-10 null", jsonType, `null`, "must be a JSON object"},
		{"XCT-10 list", jsonType, `[{"email":"c4n4ry"}]`, "must be a JSON object"},
		{"XCT-10 string", jsonType, `"c4n4ry"`, "must be a JSON object"},
		{"XCT-10 form as JSON", jsonType, `email=c4n4ry`, "must be a JSON object"},
		{"XCT-10 second object", jsonType, `{"email":"c4n4ry"}{"email":"b"}`, "something after the JSON object"},
		{"XCT-10 trailing brace", jsonType, `{}}`, "something after the JSON object"},
		{"XCT-10 trailing comma behind the object", jsonType, `{},`, "something after the JSON object"},
		{"XCT-10 trailing NUL", jsonType, "{}\x00", "something after the JSON object"},
		{"XCT-10 other white space", jsonType, "{}\u00a0", "something after the JSON object"},
		{"XCT-10 comment", jsonType, `{/* c4n4ry */}`, "malformed"},
		{"XCT-10 trailing comma", jsonType, `{"email":"c4n4ry",}`, "malformed"},
		{"XCT-10 leading comma", jsonType, `{,"email":"c4n4ry"}`, "malformed"},
		{"XCT-10 two commas", jsonType, `{"email":"c4n4ry",,"ttl":1}`, "malformed"},
		{"XCT-10 no comma", jsonType, `{"email":"c4n4ry" "ttl":1}`, "malformed"},
		{"XCT-10 no colon", jsonType, `{"email" "c4n4ry"}`, "malformed"},
		{"XCT-10 no value", jsonType, `{"email"}`, "malformed"},
		{"XCT-10 name without quotes", jsonType, `{email:"c4n4ry"}`, "malformed"},
		{"XCT-10 name in single quotes", jsonType, `{'email':"c4n4ry"}`, "malformed"},
		{"XCT-10 value in single quotes", jsonType, `{"email":'c4n4ry'}`, `"email" must be a string`},
		{"XCT-10 open object", jsonType, `{"email":"c4n4ry"`, "malformed"},
		{"XCT-10 open string", jsonType, `{"email":"c4n4ry`, "malformed"},
		{"XCT-10 open escape", jsonType, `{"email":"c4n4ry\`, "malformed"},
		{"XCT-10 open list", jsonType, `{"scopes":["c4n4ry"`, "malformed"},
		{"XCT-10 open at the colon", jsonType, `{"email":`, `"email" must be a string`},
		{"XCT-10 trailing comma in a list", jsonType, `{"scopes":["c4n4ry",]}`, `"scopes" must be`},
		{"XCT-10 leading comma in a list", jsonType, `{"scopes":[,"c4n4ry"]}`, `"scopes" must be`},
		{"XCT-10 no comma in a list", jsonType, `{"scopes":["c4n4ry" "b"]}`, "malformed"},
		{"XCT-10 raw line break in a string", jsonType, "{\"email\":\"c4n4ry\n\"}", "malformed"},
		{"XCT-10 unknown escape", jsonType, `{"email":"c4n4ry\x41"}`, "malformed"},
		{"XCT-10 capital escape", jsonType, `{"email":"c4n4ry\N"}`, "malformed"},
		{"XCT-10 short unicode escape", jsonType, `{"email":"c4n4ry\u004"}`, "malformed"},
		{"XCT-10 open unicode escape", jsonType, `{"email":"c4n4ry\u004`, "malformed"},
		{"XCT-10 signed unicode escape", jsonType, `{"email":"c4n4ry\u+041"}`, "malformed"},
		{"XCT-10 leading zero", jsonType, `{"ttl":01}`, "malformed"},
		{"XCT-10 plus", jsonType, `{"ttl":+1}`, `"ttl" must be a whole number`},
		{"XCT-10 minus alone", jsonType, `{"ttl":-}`, "malformed"},
		{"XCT-10 hexadecimal", jsonType, `{"ttl":0x1f}`, "malformed"},
		{"XCT-10 underscore", jsonType, `{"ttl":1_000}`, "malformed"},
		{"XCT-10 word and more", jsonType, `{"remember":truetrue}`, "malformed"},
		{"XCT-10 capital word", jsonType, `{"remember":True}`, `"remember" must be true or false`},
		{"XCT-10 null and more", jsonType, `{"enabled":nullx}`, "malformed"},

		{"XCT-10 form field twice", formType, `email=c4n4ry&email=b`, `"email" occurs more than once`},
		{"XCT-10 form field twice, escaped", formType, `email=c4n4ry&%65mail=b`, `"email" occurs more than once`},
		{"XCT-10 form field in both cases", formType, `email=c4n4ry&Email=b`, `"Email" is not known; it is written "email"`},
		{"XCT-10 form pointer twice", formType, `expires_at=c4n4ry&expires_at=b`, `"expires_at" occurs more than once`},
		{"P19 form unknown field", formType, `isAdmin=c4n4ry`, `"isAdmin" is not known`},
		{"XCT-10 form index syntax", formType, `email[]=c4n4ry`, `"email[]" is not known`},
		{"XCT-10 form without a value", formType, `email`, "a field without a value"},
		{"XCT-10 form of a secret only", formType, canary, "a field without a value"},
		{"XCT-10 form trailing ampersand", formType, `email=c4n4ry&`, "a field without a value"},
		{"XCT-10 form empty name", formType, `=c4n4ry`, `"" is not known`},
		{"XCT-10 form semicolon", formType, `email=c4n4ry;ttl=1`, `"email" is not percent-encoded`},
		{"XCT-10 form space", formType, `email=c4n4ry b`, `"email" is not percent-encoded`},
		{"XCT-10 form line break", formType, "email=c4n4ry\n", `"email" is not percent-encoded`},
		{"XCT-10 form raw UTF-8", formType, "email=c4n4ryé", `"email" is not percent-encoded`},
		{"XCT-10 form raw NUL", formType, "email=c4n4ry\x00", `"email" is not percent-encoded`},
		{"XCT-10 form bad escape", formType, `email=c4n4ry%zz`, `"email" is not percent-encoded`},
		{"XCT-10 form cut escape", formType, `email=c4n4ry%4`, `"email" is not percent-encoded`},
		{"XCT-10 form bad escape in a name", formType, `em%zzail=c4n4ry`, "name of a field is not percent-encoded"},
		{"XCT-10 form invalid UTF-8", formType, `email=c4n4ry%ff`, `"email" is not valid UTF-8`},
		{"XCT-10 form surrogate in UTF-8", formType, `email=c4n4ry%ed%a0%80`, `"email" is not valid UTF-8`},
		{"XCT-10 form invalid UTF-8 in a name", formType, `%ff=c4n4ry`, "name of a field is not valid UTF-8"},
		{"XCT-10 form NUL", formType, `email=c4n4ry%00`, `"email" holds a NUL`},
		{"XCT-10 form NUL in a name", formType, `email%00=c4n4ry`, "name of a field holds a NUL"},
		{"XCT-10 form word for a boolean", formType, `remember=c4n4ry`, `"remember" must be true or false`},
		{"XCT-10 form nothing for a boolean", formType, `remember=`, `"remember" must be true or false`},
		{"XCT-10 form nothing for a number", formType, `ttl=`, `"ttl" must be a whole number`},
		{"XCT-10 form minus for a number", formType, `ttl=-`, `"ttl" must be a whole number`},
		{"XCT-10 form plus", formType, `ttl=%2b1`, `"ttl" must be a whole number`},
		{"XCT-10 form leading zero", formType, `ttl=01`, `"ttl" must be a whole number`},
		{"XCT-10 form two minuses", formType, `ttl=--1`, `"ttl" must be a whole number`},
		{"XCT-10 form fraction", formType, `ttl=1.5`, `"ttl" must be a whole number`},
		{"XCT-10 form out of range", formType, `small=128`, `"small" is out of range`},
		{"XCT-10 JSON as a form", formType, `{"email":"c4n4ry"}`, "a field without a value"},
		{"XCT-10 JSON with = as a form", formType, `{"email":"c4n4ry="}`, "A member is not known"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := refused(t, request(tt.media, tt.text), 0, problem.BodyInvalid, http.StatusBadRequest)
			if got := problem.From(err).Detail; !strings.Contains(got, tt.want) {
				t.Errorf("detail %q, want one that says %q", got, tt.want)
			}
		})
	}
	t.Run("XCT-10 open unicode escape at every length of the buffer", func(t *testing.T) {
		for n := range 600 {
			refused(t, request(jsonType, strings.Repeat(" ", n)+`{"email":"\u004`), 0, problem.BodyInvalid, http.StatusBadRequest)
		}
	})
	t.Run("XCT-10 the log does not get the name of an unknown member", func(t *testing.T) {
		err := decode(jsonType, `{"hunter2":1}`, &input{})
		if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(problem.From(err).Detail, "hunter2") {
			t.Errorf("%v; %q", err, problem.From(err).Detail)
		}
	})
}

func TestContentType(t *testing.T) {
	tests := []struct {
		name  string
		types []string
	}{
		{"missing", nil},
		{"empty", []string{""}},
		{"text", []string{"text/plain"}},
		{"text of JSON", []string{"text/json"}},
		{"suffix", []string{"application/problem+json"}},
		{"prefix", []string{"application/jsonp"}},
		{"multipart", []string{"multipart/form-data; boundary=x"}},
		{"another charset", []string{"application/json; charset=utf-16"}},
		{"Latin-1 form", []string{formType + "; charset=iso-8859-1"}},
		{"empty charset", []string{"application/json; charset="}},
		{"two charsets", []string{"application/json; charset=utf-8; charset=utf-16"}},
		{"another parameter", []string{"application/json; profile=x"}},
		{"another parameter of that value", []string{"application/json; profile=utf-8"}},
		{"boundary of a form", []string{formType + "; boundary=x"}},
		{"list", []string{"application/json, application/json"}},
		{"both in one", []string{"application/json, " + formType}},
		{"two lines", []string{"application/json", "application/json"}},
		{"any", []string{"*/*"}},
		{"no subtype", []string{"application"}},
		{"inner space", []string{"application /json"}},
	}
	for _, tt := range tests {
		t.Run("XCT-10 "+tt.name, func(t *testing.T) {
			r := request("", `{"email":"c4n4ry"}`)
			r.Header["Content-Type"] = tt.types
			err := refused(t, r, 0, problem.UnsupportedMediaType, http.StatusUnsupportedMediaType)
			w := httptest.NewRecorder()
			problem.WriteError(w, r, err)
			if got := w.Header().Get("Accept"); got != "application/json, application/x-www-form-urlencoded" {
				t.Errorf("Accept: %q", got)
			}
		})
	}
	for _, codings := range [][]string{{"gzip"}, {"identity, gzip"}, {"identity", "br"}, {""}, {"x"}} {
		t.Run("XCT-10 compressed "+strings.Join(codings, "+"), func(t *testing.T) {
			r := request(jsonType, `{"email":"c4n4ry"}`)
			r.Header["Content-Encoding"] = codings
			err := refused(t, r, 0, problem.UnsupportedMediaType, http.StatusUnsupportedMediaType)
			w := httptest.NewRecorder()
			problem.WriteError(w, r, err)
			if got := w.Header().Get("Accept-Encoding"); got != "identity" {
				t.Errorf("Accept-Encoding: %q", got)
			}
		})
	}
}

func TestQuery(t *testing.T) {
	t.Run("XCT-10 the query is not merged into the form", func(t *testing.T) {
		r := request(formType, "email=body")
		r.URL.RawQuery = "email=query&password=query&isAdmin=1"
		var in input
		if err := body.Decode(httptest.NewRecorder(), r, &in, 0); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(in, input{Email: "body"}) {
			t.Errorf("got %+v", in)
		}
	})
	t.Run("XCT-10 a form that something has parsed is a fault of the service", func(t *testing.T) {
		r := request(formType, "email="+canary)
		if r.FormValue("email") != canary {
			t.Fatal("the form was not parsed")
		}
		in := input{Email: "before"}
		err := body.Decode(httptest.NewRecorder(), r, &in, 0)
		if err == nil || problem.From(err).Code != problem.Internal || in.Email != "before" {
			t.Errorf("%v, %+v", err, in)
		}
	})
	t.Run("XCT-10 FormValue in front of a JSON body is none", func(t *testing.T) {
		r := request(jsonType, `{"email":"a"}`)
		_ = r.FormValue("next")
		var in input
		if err := body.Decode(httptest.NewRecorder(), r, &in, 0); err != nil || in.Email != "a" {
			t.Errorf("%+v, %v", in, err)
		}
	})
}

func TestLimit(t *testing.T) {
	text := func(n int) string {
		const frame = `{"email":""}`
		return frame[:10] + strings.Repeat("a", n-len(frame)) + frame[10:]
	}
	tests := []struct {
		name  string
		size  int
		limit int64
		ok    bool
	}{
		{"XCT-10 64 KiB by default", 64 << 10, 0, true},
		{"XCT-10 one byte more", 64<<10 + 1, 0, false},
		{"P19 10 MB", 10 << 20, 0, false},
		{"XCT-10 own limit", 100, 100, true},
		{"XCT-10 over its own limit", 101, 100, false},
		{"XCT-10 limit of one byte", 12, 1, false},
	}
	for _, tt := range tests {
		for _, announced := range []bool{true, false} {
			t.Run(tt.name, func(t *testing.T) {
				r := request(jsonType, text(tt.size))
				if !announced {
					r.ContentLength = -1
				}
				if !tt.ok {
					refused(t, r, tt.limit, problem.BodyTooLarge, http.StatusRequestEntityTooLarge)
					return
				}
				if err := body.Decode(httptest.NewRecorder(), r, &input{}, tt.limit); err != nil {
					t.Error(err)
				}
			})
		}
	}
	t.Run("XCT-10 white space counts", func(t *testing.T) {
		refused(t, request(jsonType, `{}`+strings.Repeat(" ", 100)), 100, problem.BodyTooLarge, http.StatusRequestEntityTooLarge)
	})
	t.Run("XCT-10 an announced size is refused unread", func(t *testing.T) {
		r := request(jsonType, "")
		r.Body, r.ContentLength = io.NopCloser(failing{t}), 1<<30
		refused(t, r, 0, problem.BodyTooLarge, http.StatusRequestEntityTooLarge)
	})
	t.Run("XCT-10 a lower limit further out", func(t *testing.T) {
		r := request(jsonType, text(200))
		r.ContentLength = -1
		r.Body = http.MaxBytesReader(httptest.NewRecorder(), r.Body, 100)
		err := refused(t, r, 0, problem.BodyTooLarge, http.StatusRequestEntityTooLarge)
		if got := problem.From(err).Detail; got != "At most 100 bytes are read" {
			t.Errorf("detail %q", got)
		}
	})
	t.Run("XCT-10 no body", func(t *testing.T) {
		r := request(jsonType, "")
		r.Body = nil
		refused(t, r, 0, problem.BodyInvalid, http.StatusBadRequest)
	})
	t.Run("XCT-10 a body that breaks off", func(t *testing.T) {
		broken := errors.New("broken")
		r := request(jsonType, "")
		r.ContentLength = -1
		r.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"email":"c4n4ry"}`), errorReader{broken}))
		if err := refused(t, r, 0, problem.BodyInvalid, http.StatusBadRequest); !errors.Is(err, broken) {
			t.Errorf("%v does not wrap the cause", err)
		}
	})
}

// TestServer sends a large body over real connections.
func TestServer(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var in input
			if err := body.Decode(w, r, &in, 0); err != nil {
				problem.WriteError(w, r, err)
				return
			}
			_, _ = io.WriteString(w, in.Email)
		}))
		server.EnableHTTP2 = http2
		if http2 {
			server.StartTLS()
		} else {
			server.Start()
		}
		t.Cleanup(server.Close)
		post := func(size int, chunked bool) *http.Response {
			var content io.Reader = strings.NewReader(`{"email":"` + strings.Repeat("a", size) + `"}`)
			if chunked {
				content = io.MultiReader(content)
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, content)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", jsonType)
			r.Header.Set("Expect", "100-continue") // else the answer can be lost with the connection
			client := *server.Client()
			transport := client.Transport.(*http.Transport).Clone()
			transport.ExpectContinueTimeout = time.Minute
			client.Transport = transport
			res, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = res.Body.Close() })
			return res
		}
		name := map[bool]string{false: "HTTP/1.1", true: "HTTP/2"}[http2]
		t.Run("P19 10 MB over "+name, func(t *testing.T) {
			res := post(10<<20, false)
			if res.StatusCode != http.StatusRequestEntityTooLarge || res.Header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s, %s", res.Status, res.Header.Get("Content-Type"))
			}
		})
		t.Run("XCT-10 a small body without length over "+name, func(t *testing.T) {
			res := post(10, true)
			got, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != http.StatusOK || string(got) != "aaaaaaaaaa" {
				t.Errorf("%s, %q, %v", res.Status, got, err)
			}
		})
	}
}

func TestPanics(t *testing.T) {
	type inner struct {
		A string `json:"a"`
	}
	var nilStruct *input
	text := "x"
	tests := []struct {
		name  string
		dst   any
		limit int64
		want  string
	}{
		{"nil", nil, 0, "not a pointer to a struct"},
		{"a struct", input{}, 0, "not a pointer to a struct"},
		{"a nil pointer", nilStruct, 0, "not a pointer to a struct"},
		{"a map", &map[string]string{}, 0, "not a pointer to a struct"},
		{"a string", &text, 0, "not a pointer to a struct"},
		{"a negative limit", &input{}, -1, "the limit is negative"},
		{"no tag", &struct{ A string }{}, 0, "field A of struct { A string } needs a json tag"},
		{"no name in the tag", &struct {
			A string `json:",omitempty"`
		}{}, 0, "needs a json tag"},
		{"embedded", &struct{ inner }{}, 0, "is embedded"},
		{"the option string", &struct {
			A int `json:"a,string"`
		}{}, 0, "option string"},
		{"the same name", reflect.New(reflect.StructOf([]reflect.StructField{ // vet would see it in a literal
			{Name: "A", Type: reflect.TypeFor[string](), Tag: `json:"id"`},
			{Name: "B", Type: reflect.TypeFor[string](), Tag: `json:"id"`},
		})).Interface(), 0, "field B of"},
		{"the same name in another case", &struct {
			A string `json:"id"`
			B string `json:"ID"`
		}{}, 0, "has the name of another field"},
		{"a struct field", &struct {
			A inner `json:"a"`
		}{}, 0, "is a body_test.inner: only"},
		{"a time", &struct {
			A time.Time `json:"a"`
		}{}, 0, "Unmarshal method"},
		{"raw JSON", &struct {
			A json.RawMessage `json:"a"`
		}{}, 0, "Unmarshal method"},
		{"a type with UnmarshalText", &struct {
			A *shouting `json:"a"`
		}{}, 0, "Unmarshal method"},
		{"a float", &struct {
			A float64 `json:"a"`
		}{}, 0, "is a float64: only"},
		{"an interface", &struct {
			A any `json:"a"`
		}{}, 0, "is a interface {}: only"},
		{"bytes", &struct {
			A []byte `json:"a"`
		}{}, 0, "is a []uint8: only"},
		{"a list of numbers", &struct {
			A []int `json:"a"`
		}{}, 0, "is a []int: only"},
		{"a pointer to a list", &struct {
			A *[]string `json:"a"`
		}{}, 0, "is a *[]string: only"},
		{"a pointer to a pointer", &struct {
			A **string `json:"a"`
		}{}, 0, "is a **string: only"},
		{"a map field", &struct {
			A map[string]string `json:"a"`
		}{}, 0, "only"},
		{"an array", &struct {
			A [2]string `json:"a"`
		}{}, 0, "only"},
	}
	for _, tt := range tests {
		t.Run("XCT-05 "+tt.name, func(t *testing.T) {
			// Whatever the request is: the body is fine here, and refused there.
			for _, r := range []*http.Request{request(jsonType, `{}`), request("", "")} {
				func() {
					defer func() {
						if v, _ := recover().(string); !strings.HasPrefix(v, "body: ") || !strings.Contains(v, tt.want) {
							t.Errorf("panic %q, want one that says %q", v, tt.want)
						}
					}()
					_ = body.Decode(httptest.NewRecorder(), r, tt.dst, tt.limit)
				}()
			}
		})
	}
}

// shouting is a string that would be decoded by a method.
type shouting string

func (s *shouting) UnmarshalText(b []byte) error {
	*s = shouting(bytes.ToUpper(b))
	return nil
}

// refused decodes r into a struct that must stay as it is, and checks the error.
func refused(t *testing.T, r *http.Request, limit int64, code problem.Code, status int) error {
	t.Helper()
	before := func() input {
		return input{Email: "before", Scopes: []string{"before"}, Expires: ptr("before"), private: "before"}
	}
	in := before()
	err := body.Decode(httptest.NewRecorder(), r, &in, limit)
	var e *problem.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v is no *problem.Error", err)
	}
	if e.Details.Code != code || e.Details.Status != status {
		t.Errorf("%s (%d), want %s (%d)", e.Details.Code, e.Details.Status, code, status)
	}
	if e.Details.Detail == "" || strings.Contains(e.Details.Detail, canary) || strings.Contains(err.Error(), canary) {
		t.Errorf("detail %q, error %q", e.Details.Detail, err)
	}
	if !reflect.DeepEqual(in, before()) {
		t.Errorf("P19 partial effect: %+v", in)
	}
	return err
}

func decode(media, text string, dst any) error {
	return body.Decode(httptest.NewRecorder(), request(media, text), dst, 0)
}

func request(media, text string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader(text))
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	return r
}

func ptr[T any](v T) *T { return &v }

// failing fails the test when it is read.
type failing struct{ t *testing.T }

func (f failing) Read([]byte) (int, error) {
	f.t.Error("the body was read")
	return 0, io.EOF
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

func TestSlowBody(t *testing.T) {
	for after, good := range map[time.Duration]bool{body.MaxWait - time.Second: true, body.MaxWait + time.Second: false} {
		synctest.Test(t, func(t *testing.T) {
			text, send := io.Pipe()
			go func() {
				<-time.After(after)
				_, _ = io.WriteString(send, `{}`)
				_ = send.Close()
			}()
			r := httptest.NewRequest("POST", "/", text)
			r.Header.Set("Content-Type", "application/json")
			err := body.Decode(httptest.NewRecorder(), r, new(struct{}), 0)
			if (err == nil) != good || err != nil && problem.From(err).Code != problem.BodyInvalid {
				t.Errorf("after %s: %v", after, err)
			}
		})
	}
}
