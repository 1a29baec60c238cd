package body_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-sallyport/auth/internal/body"
	"github.com/go-sallyport/auth/problem"
)

// FuzzJSON holds: what is accepted is JSON that encoding/json reads as the same
// value, has only text in UTF-8 without NUL, and encodes to JSON that is accepted
// again as the same value; what is refused is a *problem.Error and leaves the
// destination alone; and nothing panics.
func FuzzJSON(f *testing.F) {
	f.Add(`{"email":"alice@example.com","password":"a\u00e9\ud83d\ude00\n","remember":true,"ttl":-12,"scopes":["a","b"]}`)
	f.Add(` { "expires_at" : null , "enabled":false,"max":18446744073709551615,"names":[] } `)
	f.Add(`{"email":"a","email":"b"}`)
	f.Add(`{"password":["x"]}`)
	f.Add(`{"\u0065mail":"\ud83d"}`)
	f.Add(`{"small":-0,"count":0}`)
	f.Add(`{"email":"` + "\xff" + `"}`)
	f.Add(`{}{}`)
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := fuzzDecode(t, jsonType, text)
		if !ok {
			return
		}
		var want input
		d := json.NewDecoder(strings.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&want); err != nil {
			t.Fatalf("encoding/json refuses %q: %v", text, err)
		}
		if !json.Valid([]byte(text)) || !reflect.DeepEqual(got, want) {
			t.Errorf("%q is %+v, encoding/json says %+v", text, got, want)
		}
		again, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if back, ok := fuzzDecode(t, jsonType, string(again)); !ok || !reflect.DeepEqual(back, got) {
			t.Errorf("%s is %+v, was %+v", again, back, got)
		}
	})
}

// FuzzValues holds that every value is read as it was written, by JSON and by
// form, unless it is no UTF-8 or has a NUL; then it is refused.
func FuzzValues(f *testing.F) {
	f.Add("alice@example.com", "pä ss&=;+%\n", true, int64(-1), uint64(1), "a")
	f.Add("", "\x00", false, int64(1<<62), uint64(1<<63), "\xff")
	f.Fuzz(func(t *testing.T, email, password string, remember bool, ttl int64, limit uint64, scope string) {
		want := input{Email: email, Password: password, Remember: remember, TTL: int(ttl), Max: &limit, Scopes: []string{scope, scope}}
		all := strings.Join([]string{email, password, scope}, " ")
		good := utf8.ValidString(all) && !strings.Contains(all, "\x00")

		form := url.Values{"email": {email}, "password": {password}, "scopes": {scope, scope}}
		for name, v := range map[string]any{"remember": remember, "ttl": ttl, "max": limit} {
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			form.Set(name, string(b))
		}
		if got, ok := fuzzDecode(t, formType, form.Encode()); ok != good || good && !reflect.DeepEqual(got, want) {
			t.Errorf("form %q: %v, %+v", form.Encode(), ok, got)
		}
		if !utf8.ValidString(all) {
			return // encoding/json would replace it
		}
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := fuzzDecode(t, jsonType, string(b)); ok != good || good && !reflect.DeepEqual(got, want) {
			t.Errorf("JSON %s: %v, %+v", b, ok, got)
		}
	})
}

// FuzzForm holds that what is accepted is what net/url reads in it, each scalar
// once.
func FuzzForm(f *testing.F) {
	f.Add("email=alice%40example.com&password=a+b&remember=on&scopes=a&scopes=b")
	f.Add("email=a&email=b")
	f.Add("email=a;b=c")
	f.Add("%65mail=%00")
	f.Add("ttl=-0&count=1&")
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := fuzzDecode(t, formType, text)
		if !ok {
			return
		}
		values, err := url.ParseQuery(text)
		if err != nil {
			t.Fatalf("net/url refuses %q: %v", text, err)
		}
		for name, list := range values {
			if len(list) > 1 && name != "scopes" && name != "names" {
				t.Errorf("%q: %s occurs %d times", text, name, len(list))
			}
		}
		if got.Email != values.Get("email") || got.Password != values.Get("password") || !reflect.DeepEqual(got.Scopes, values["scopes"]) {
			t.Errorf("%q is %+v", text, got)
		}
	})
}

// fuzzDecode decodes text and checks what holds for every outcome.
func fuzzDecode(t *testing.T, media, text string) (got input, ok bool) {
	t.Helper()
	err := body.Decode(httptest.NewRecorder(), request(media, text), &got, 0)
	if err == nil {
		for _, s := range append([]string{got.Email, got.Password, string(got.Named)}, got.Scopes...) {
			if !utf8.ValidString(s) || bytes.ContainsRune([]byte(s), 0) {
				t.Errorf("%q has %q in it", text, s)
			}
		}
		return got, true
	}
	var e *problem.Error
	if !errors.As(err, &e) || e.Details.Code != problem.BodyInvalid && e.Details.Code != problem.BodyTooLarge {
		t.Errorf("%q: %v", text, err)
	}
	if !reflect.DeepEqual(got, input{}) {
		t.Errorf("%q is refused and left %+v", text, got)
	}
	return input{}, false
}
