package oauth

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzAnswer: an authorization response is refused or has each parameter once, and a
// code that can be sent.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		"code=a&state=b&iss=https://idp.example.com", "code=a&code=b", "error=access_denied&error_description=%3Cscript%3E", "posted=1", "",
		"code=%00&state=", "code=a;state=b", "a=1&%61=2", "iss=&code=a", "code=%ff", strings.Repeat("a=1&", 40),
	} {
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, raw string, promises bool) {
		params, err := parseAnswer(raw)
		if err != nil {
			return
		}
		for name, values := range params {
			if len(values) != 1 {
				t.Fatalf("%q is there %d times", name, len(values))
			}
		}
		reg := &Registration{Issuer: "https://idp.example.com", PromisesIssuer: promises}
		code, err := readAnswer(params, reg)
		if err != nil {
			if strings.Contains(err.Error(), "<script>") {
				t.Fatalf("the error repeats the answer: %v", err)
			}
			return
		}
		if code == "" || len(code) > maxCode || strings.ContainsAny(code, "\r\n\x00") || params.Has("error") {
			t.Fatalf("the code is %q", code)
		}
		if iss := params.Get("iss"); promises && iss != reg.Issuer || params.Has("iss") && iss != reg.Issuer {
			t.Fatalf("iss is %q", iss)
		}
	})
}

// FuzzAttempt: what opens is what was sealed.
func FuzzAttempt(f *testing.F) {
	flow := newFuzzFlow(f)
	now := flow.cfg.Now()
	a := &attempt{State: strings.Repeat("s", 43), Verifier: strings.Repeat("v", 43), Started: now.UnixMilli()}
	w := httptest.NewRecorder()
	if err := flow.keep(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody), a); err != nil {
		f.Fatal(err)
	}
	good := w.Result().Cookies()[0].Value
	for _, s := range []string{good, "", ".", good + "A", good[:len(good)-1], "1." + good, strings.ToLower(good), "x" + good[1:]} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.AddCookie(&http.Cookie{Name: flow.cookieName(a.State), Value: value})
		got, err := flow.find(r, a.State, now)
		if err != nil {
			return
		}
		if *got != *a {
			t.Fatalf("%q opens as %+v", value, got)
		}
	})
}

func newFuzzFlow(tb testing.TB) *Flow {
	tb.Helper()
	p, err := NewGeneric(GenericConfig{
		Name: "test", Issuer: "https://idp.example.com", AuthURL: "https://idp.example.com/a", TokenURL: "https://idp.example.com/t",
		UserInfoURL: "https://idp.example.com/u", ClientID: "c",
	})
	if err != nil {
		tb.Fatal(err)
	}
	at := time.Unix(1_800_000_000, 0)
	flow, err := New(p, Config{RedirectURL: "https://app.example.com/cb", Key: bytes.Repeat([]byte{1}, 32), Now: func() time.Time { return at }})
	if err != nil {
		tb.Fatal(err)
	}
	return flow
}

// FuzzParseObject: what is read is what every reader reads.
func FuzzParseObject(f *testing.F) {
	for _, s := range []string{
		`{"a":1,"b":[true,null,"x"],"c":{"d":1.5e3}}`, `{"a":1,"a":2}`, `{"a":{"b":1,"b":1}}`, `{"a":1} x`, `[1]`, `null`, ``, `{"a":"\ud800"}`,
		`{"\u0061":1,"a":2}`, strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40), "{\"a\":\"\xff\"}", `{"a":01}`, `{"a":1,}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		object, err := ParseObject(data)
		if err != nil {
			return
		}
		if !json.Valid(data) || !utf8.Valid(data) {
			t.Fatal("it is not JSON")
		}
		var plain map[string]any
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		if err := d.Decode(&plain); err != nil {
			t.Fatal(err)
		}
		mine, _ := json.Marshal(object)
		theirs, _ := json.Marshal(plain)
		if !bytes.Equal(mine, theirs) {
			t.Fatalf("%s and %s", mine, theirs)
		}
	})
}

// FuzzTokenResponse: a token response is refused, or has a bearer token that can be sent
// and an end that is not in the past.
func FuzzTokenResponse(f *testing.F) {
	for _, s := range []string{
		`{"access_token":"a","token_type":"Bearer","expires_in":3600}`, `{"access_token":"a","token_type":"mac"}`, `{"access_token":""}`,
		`{"access_token":"a","token_type":"bearer","expires_in":-1}`, `{"access_token":"a","token_type":"bearer","scope":"a,b c"}`,
		`{"access_token":"a","token_type":"bearer","expires_in":1e3}`, `{"access_token":"a\nb","token_type":"bearer"}`,
	} {
		f.Add("application/json", []byte(s))
	}
	f.Add("text/plain", []byte("access_token=a&token_type=bearer&expires_in=5"))
	now := time.Unix(1_800_000_000, 0)
	f.Fuzz(func(t *testing.T, media string, body []byte) {
		members, err := readMembers(media, body, true)
		if err != nil {
			return
		}
		g, err := readGrant(members, now)
		if err != nil {
			return
		}
		if g.Token.AccessToken == "" || !isVisible(g.Token.AccessToken) || g.Token.Type() != "Bearer" {
			t.Fatalf("%+v", g.Token)
		}
		if e := g.Token.Expiry; !e.IsZero() && (e.Before(now) || e.After(now.Add(11*365*24*time.Hour))) {
			t.Fatalf("it expires at %s", e)
		}
	})
}
