package problem_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/problem"
)

func serve(d problem.Details, method string) *http.Response {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, httptest.NewRequest(method, "/", nil))
	return w.Result()
}

func body(t *testing.T, res *http.Response) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.NewDecoder(res.Body).Decode(&m); err != nil {
		t.Fatalf("body is not JSON: %v", err)
	}
	return m
}

func TestDetails(t *testing.T) {
	for _, code := range problem.Codes() {
		t.Run("PRB-01 "+string(code), func(t *testing.T) {
			res := serve(problem.New(code), "GET")
			m := body(t, res)
			if got := res.Header.Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("Content-Type = %q", got)
			}
			if int(m["status"].(float64)) != res.StatusCode {
				t.Errorf("status member %v, HTTP status %d", m["status"], res.StatusCode)
			}
			if m["code"] != string(code) {
				t.Errorf("code = %v", m["code"])
			}
			if m["title"] == "" || !strings.HasSuffix(m["type"].(string), "#"+strings.ToLower(string(code))) {
				t.Errorf("title %q, type %q", m["title"], m["type"])
			}
		})
	}

	t.Run("PRB-01 a status that is none is served and stated as 500", func(t *testing.T) {
		for _, status := range []int{-1, 0, 42, 101, 103, 199, 600, 1000} {
			res := serve(problem.Details{Status: status, Title: "x"}, "GET")
			if m := body(t, res); res.StatusCode != 500 || m["status"] != 500.0 {
				t.Errorf("Status %d: served %d, member %v", status, res.StatusCode, m["status"])
			}
		}
	})

	t.Run("PRB-01 an unregistered code is the bare 500", func(t *testing.T) {
		if d := problem.New("NO_SUCH_CODE"); d.Status != 500 || d.Code != problem.Internal {
			t.Errorf("got %+v", d)
		}
	})

	t.Run("PRB-01 the empty type is about:blank", func(t *testing.T) {
		if m := body(t, serve(problem.Details{Status: 404}, "GET")); m["type"] != "about:blank" {
			t.Errorf("type = %v", m["type"])
		}
	})

	t.Run("PRB-03 extensions cannot shadow", func(t *testing.T) {
		d := problem.New(problem.Forbidden)
		d.Detail = "the real one"
		for _, name := range []string{"type", "title", "status", "Status", "STATUS", "detail", "instance", "code", "Code", "ſtatus"} {
			d = d.With(name, "shadow")
		}
		d = d.With("balance", 30).With("nested", map[string]any{"a": "<b>"})
		raw, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(raw), "shadow") {
			t.Errorf("an extension shadows a member: %s", raw)
		}
		m := body(t, serve(d, "GET"))
		if m["balance"] != 30.0 || m["detail"] != "the real one" || m["status"] != 403.0 {
			t.Errorf("got %v", m)
		}
	})

	t.Run("PRB-03 a value that cannot be encoded is an error for the marshaller and left out for the client", func(t *testing.T) {
		d := problem.New(problem.Forbidden).With("bad", make(chan int)).With("good", true)
		if _, err := json.Marshal(d); err == nil {
			t.Error("Marshal hid the error")
		}
		m := body(t, serve(d, "GET"))
		if _, there := m["bad"]; there || m["good"] != true || m["code"] != "FORBIDDEN" {
			t.Errorf("got %v", m)
		}
	})

	t.Run("PRB-03 response headers", func(t *testing.T) {
		w := httptest.NewRecorder()
		for name, v := range map[string]string{
			"Content-Length": "3", "Content-Encoding": "gzip", "Content-Range": "bytes 0-1/2",
			"ETag": `"x"`, "Last-Modified": "x", "Cache-Control": "public", "Content-Type": "text/html",
		} {
			w.Header().Set(name, v)
		}
		d := problem.New(problem.Forbidden)
		d.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		want := http.Header{
			"Cache-Control":          {"no-store"},
			"Content-Type":           {"application/problem+json"},
			"X-Content-Type-Options": {"nosniff"},
		}
		if got := w.Result().Header; !reflect.DeepEqual(got, want) {
			t.Errorf("got %v", got)
		}
	})

	t.Run("PRB-03 adding to a header does not reach other responses", func(t *testing.T) {
		w := httptest.NewRecorder()
		d := problem.New(problem.Forbidden)
		d.ServeHTTP(w, nil)
		w.Header().Add("Cache-Control", "private")
		if got := serve(d, "GET").Header.Values("Cache-Control"); len(got) != 1 {
			t.Errorf("a second response has %q", got)
		}
	})
}

func TestDetailsBodyless(t *testing.T) {
	t.Run("PRB-06 HEAD, 204 and 304 have no body", func(t *testing.T) {
		for _, tc := range []struct {
			method string
			status int
		}{{"HEAD", 403}, {"GET", 204}, {"GET", 304}} {
			w := httptest.NewRecorder()
			(&problem.Details{Status: tc.status, Detail: "x"}).ServeHTTP(w, httptest.NewRequest(tc.method, "/", nil))
			if w.Code != tc.status || w.Body.Len() != 0 {
				t.Errorf("%s %d: status %d, body %q", tc.method, tc.status, w.Code, w.Body)
			}
			if hasType := w.Header().Get("Content-Type") != ""; hasType != (tc.method == "HEAD") {
				t.Errorf("%s %d: Content-Type %q", tc.method, tc.status, w.Header().Get("Content-Type"))
			}
		}
	})

	t.Run("PRB-06 429 and 503 have a Retry-After, and keep the one they have", func(t *testing.T) {
		for _, code := range []problem.Code{problem.TooManyRequests, problem.Unavailable} {
			if serve(problem.New(code), "GET").Header.Get("Retry-After") == "" {
				t.Errorf("%s: none", code)
			}
			w := httptest.NewRecorder()
			w.Header().Set("Retry-After", "120")
			d := problem.New(code)
			d.ServeHTTP(w, nil)
			if got := w.Result().Header.Values("Retry-After"); !slices.Equal(got, []string{"120"}) {
				t.Errorf("%s: %q", code, got)
			}
		}
		if serve(problem.New(problem.Forbidden), "GET").Header.Get("Retry-After") != "" {
			t.Error("403 has one")
		}
	})
}

func TestDetailsHostileText(t *testing.T) {
	t.Run("PRB-04 text from a request injects nothing", func(t *testing.T) {
		for _, s := range []string{
			"a\r\nSet-Cookie: x=y", "<script>alert(1)</script>", `"},"status":200,"x":{"`, "\x00\x01\x7f", "\u2028\u2029",
			"\xff\xfe", "\\", "é😀", strings.Repeat("x", 100_000),
		} {
			d := problem.Details{Status: 400, Title: s, Detail: s, Instance: s, Code: problem.Code(s), Type: s}.With("extra", s)
			w := httptest.NewRecorder()
			d.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
			if len(w.Header()) != 3 {
				t.Errorf("%.20q: headers %v", s, w.Header())
			}
			if strings.ContainsAny(w.Body.String(), "<>\r\n\x00\u2028\u2029") {
				t.Errorf("%.20q: raw in %q", s, w.Body)
			}
			var m map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil {
				t.Errorf("%.20q: %v", s, err)
			}
			if want := strings.ToValidUTF8(s, "\ufffd"); m["status"] != 400.0 || len(m) != 7 || !sameText(m["detail"], want) || !sameText(m["code"], want) {
				t.Errorf("%.20q: got %.80q", s, m)
			}
		}
	})
}

// sameText compares allowing one replacement character per invalid byte.
func sameText(got any, want string) bool {
	squeeze := func(s string) string { return strings.ReplaceAll(s, "\ufffd\ufffd", "\ufffd") }
	return squeeze(got.(string)) == squeeze(want)
}

func TestDetailsUnmarshal(t *testing.T) {
	t.Run("PRB-01 members of a wrong type are ignored, as RFC 9457 §3.1 asks of consumers", func(t *testing.T) {
		var d problem.Details
		err := json.Unmarshal([]byte(`{"type":7,"title":"T","status":"x","detail":null,"code":"C","balance":30,"Title":"other"}`), &d)
		if err != nil {
			t.Fatal(err)
		}
		want := problem.Details{Title: "T", Code: "C", Extensions: map[string]any{"balance": 30.0, "Title": "other"}}
		if !reflect.DeepEqual(d, want) {
			t.Errorf("got %+v", d)
		}
	})
	t.Run("PRB-01 what is no object is an error", func(t *testing.T) {
		for _, s := range []string{``, `7`, `[]`, `"x"`, `{`} {
			if err := json.Unmarshal([]byte(s), new(problem.Details)); err == nil {
				t.Errorf("%s accepted", s)
			}
		}
	})
}

func FuzzDetails(f *testing.F) {
	f.Add("about:blank", "T", 404, "d", "/i", "CODE", "ext", "v")
	f.Add("", "<&>\u2028", 0, "\xff", "\r\n", "\"", "Status", "\\")
	f.Fuzz(func(t *testing.T, typ, title string, status int, detail, instance, code, name, value string) {
		d := problem.Details{Type: typ, Title: title, Status: status, Detail: detail, Instance: instance,
			Code: problem.Code(code), Extensions: map[string]any{name: strings.ToValidUTF8(value, "")}}
		raw, err := json.Marshal(d)
		if err != nil || !json.Valid(raw) {
			t.Fatalf("%v: %q", err, raw)
		}
		// The property: what was rendered reads back, and renders to the same bytes.
		var back problem.Details
		if err := json.Unmarshal(raw, &back); err != nil {
			t.Fatal(err)
		}
		if s := back.Status; s < 200 || s > 599 {
			t.Fatalf("status %d", s)
		}
		again, err := json.Marshal(back)
		if err != nil || string(again) != string(raw) {
			t.Fatalf("%v\n%s\n%s", err, raw, again)
		}
	})
}

func TestNewIsACopy(t *testing.T) {
	d := problem.New(problem.Forbidden).With("a", 1)
	d2 := d.With("b", 2)
	d.Title = "changed"
	if problem.New(problem.Forbidden).Title == "changed" || len(problem.New(problem.Forbidden).Extensions) != 0 {
		t.Error("the registry changed")
	}
	if !maps.Equal(d.Extensions, map[string]any{"a": 1}) || len(d2.Extensions) != 2 {
		t.Errorf("With shares its map: %v %v", d.Extensions, d2.Extensions)
	}
	if m := body(t, serve(d, "GET")); m["title"] != "changed" || m["a"] != 1.0 {
		t.Errorf("a changed copy is served as registered: %v", m)
	}
}
