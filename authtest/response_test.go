package authtest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/internal/testkit/faketb"
	"github.com/go-sallyport/auth/problem"
)

func TestResponse(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/json", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = io.WriteString(w, `{"name":"alice"}`)
	})
	mux.HandleFunc("/broken", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"name":`)
	})
	mux.HandleFunc("/problem", func(w http.ResponseWriter, r *http.Request) { problem.WriteError(w, r, auth.ErrForbidden) })
	mux.HandleFunc("/liar", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"status":404,"code":"FORBIDDEN"}`)
	})
	mux.HandleFunc("/twice", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "a=2")
	})
	b := authtest.NewBrowser(t, mux)

	var v struct{ Name string }
	if b.Get("/json").JSON(&v); v.Name != "alice" {
		t.Errorf("got %+v", v)
	}
	if d := b.Get("/problem").Problem(); d.Status != http.StatusForbidden || d.Code != problem.Forbidden {
		t.Errorf("got %+v", d)
	}
	if resp := b.Get("/json"); resp.Want(http.StatusOK) != resp {
		t.Error("Want returns another response")
	}
	if d := b.Get("/problem").WantProblem(http.StatusForbidden, problem.Forbidden); d.Code != problem.Forbidden {
		t.Errorf("got %+v", d)
	}
	for name, mistake := range map[string]func(*authtest.Browser){
		"another status": func(b *authtest.Browser) { b.Get("/json").Want(http.StatusCreated) },
		"another code":   func(b *authtest.Browser) { b.Get("/problem").WantProblem(http.StatusForbidden, problem.NotFound) },
		"a problem, of another status": func(b *authtest.Browser) {
			b.Get("/problem").WantProblem(http.StatusNotFound, problem.Forbidden)
		},
		"a problem that says another status": func(b *authtest.Browser) {
			b.Get("/liar").WantProblem(http.StatusForbidden, problem.Forbidden)
		},
		"no problem":        func(b *authtest.Browser) { b.Get("/json").WantProblem(http.StatusOK, "") },
		"JSON of a problem": func(b *authtest.Browser) { b.Get("/problem").JSON(&v) },
		"JSON of half":      func(b *authtest.Browser) { b.Get("/broken").JSON(&v) },
		"problem of JSON":   func(b *authtest.Browser) { b.Get("/json").Problem() },
		"two cookies":       func(b *authtest.Browser) { b.Get("/twice").Cookie("a") },
		"no form":           func(b *authtest.Browser) { b.Get("/json").Form("/login") },
	} {
		if r := faketb.Run(name, func(t testing.TB) { mistake(b.Another(t)); t.Log("went on") }); !r.Failed || len(r.Log) != 1 {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// What Want says is enough to see what went wrong.
func TestResponseWantShows(t *testing.T) {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { problem.WriteError(w, r, auth.ErrForbidden) })
	r := faketb.Run("TestX", func(t testing.TB) {
		authtest.Serve(t, h, httptest.NewRequest("GET", "/orders", nil)).Want(http.StatusOK)
	})
	for _, want := range []string{"403", "GET /orders", "want 200", "FORBIDDEN"} {
		if !strings.Contains(fmt.Sprint(r.Log), want) {
			t.Errorf("lacks %q: %q", want, r.Log)
		}
	}
}

func TestResponseFormControls(t *testing.T) {
	const page = `<script>document.write('<form action="/x"><input name=script value=1></form>')</script>
<template><form action="/x"><input name=template value=1></form></template>
<form action="/x">
 <input type=checkbox name=box checked><input type=radio name=r value=1><input type=radio name=r value=2 checked>
 <textarea name="note">
line &lt;1&gt;
<input name=within value=1></textarea><textarea name=off disabled>x</textarea>
 <select name="role"><option value="a">A</option><option value=b selected>B</option></select>
 <select name="first"><option disabled value="">choose</option><option> New
 York &amp; more </option><option value=c>C</option></select>
 <select name="twice"><option selected>1</option><option selected>2</option></select>
 <select name="many" multiple><option selected>1</option><option>2</option><option selected value="">3</option></select>
 <select name="none" multiple><option>1</option></select>
 <select name="last"><option>1</select></select><select name="empty"></select><select><option>nameless</option></select><option>stray</option></select></select>
</form>`
	got := authtest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, page) }),
		httptest.NewRequest("GET", "/", nil)).Form("/x")
	want := url.Values{
		"box": {"on"}, "r": {"2"}, "note": {"line <1>\n<input name=within value=1>"},
		"role": {"b"}, "first": {"New York & more"}, "twice": {"2"}, "many": {"1", ""}, "last": {"1"},
	}
	if got.Encode() != want.Encode() {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestResponseForm(t *testing.T) {
	const page = `<!-- <form action="/login?next=%2Fa&amp;x=1"><input name=commented value=1></form> -->
<form action="/logout" method="post"><input type="hidden" name="csrf" value="out"></form>
<FORM method="post" action="/login?next=%2Fa&amp;x=1">
 <input type="hidden" name="csrf" value="a&#43;b&gt;c&#34;">
 <input name='email' value='alice@example.com' required><input value=late name=plain type=text>
 <input type="password" name="password"><input type=hidden value="nameless"><input type=hidden name=off value=1 disabled>
 <input type="checkbox" name="trust" value="yes"><input type="checkbox" name="terms" value="yes" checked>
 <input type=hidden name=csrf value=second data-x="a > b">
 <input type="submit" name="go" value="Go"><button name="b" value="1">B</button>
</FORM><input name="outside" value="1">`
	b := authtest.NewBrowser(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, page) }))
	got := b.Get("/").Form("/login?next=%2Fa&x=1")
	want := url.Values{
		"csrf":     {`a+b>c"`, "second"},
		"email":    {"alice@example.com"},
		"plain":    {"late"},
		"password": {""},
		"terms":    {"yes"},
	}
	if got.Encode() != want.Encode() {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if got := b.Get("/").Form("/logout"); got.Encode() != "csrf=out" {
		t.Errorf("logout: %v", got)
	}
}
