package session

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestTokens(t *testing.T) {
	t.Run("SES-01 a million tokens, all different, of one length, with all characters everywhere", func(t *testing.T) {
		const n = 1_000_000
		seen := make(map[token]struct{}, n)
		var used [tokenLength]map[byte]bool
		for i := range used {
			used[i] = make(map[byte]bool)
		}
		for i := range n {
			tok := newToken(newBucket(""))
			if _, ok := parseToken(string(tok)); !ok {
				t.Fatalf("%q is not a token", tok)
			}
			seen[tok] = struct{}{}
			if i < 5000 {
				for j := range used {
					used[j][tok[j]] = true
				}
			}
		}
		if len(seen) != n {
			t.Fatalf("%d different tokens", len(seen))
		}
		for j, set := range used[:tokenLength-1] {
			if len(set) != 64 {
				t.Errorf("position %d has %d characters", j, len(set))
			}
		}
		// 32 bytes leave four of the last six bits unused.
		if len(used[tokenLength-1]) != 16 {
			t.Errorf("the last position has %d characters", len(used[tokenLength-1]))
		}
	})
	t.Run("SES-01 cookies of one user have nothing in common, and one bucket", func(t *testing.T) {
		b := BucketOf("u-alice")
		old := newToken(b)
		for range 1000 {
			next := newToken(b)
			same := 0
			for i := range next {
				if next[i] == old[i] {
					same++
				}
			}
			if same > tokenLength/3 || next.id() == old.id() || next.id().Bucket() != b {
				t.Fatalf("%q after %q", next, old)
			}
		}
		if visitor := newBucket(""); BucketOf("u-bob") == b || visitor == newBucket("") {
			t.Fatal("buckets are shared")
		}
	})
	t.Run("SES-03 an id has nothing of the token", func(t *testing.T) {
		tok := newToken(newBucket(""))
		id := tok.id()
		for i := range len(id) - 3 {
			if bytes.Contains([]byte(tok), id[i:i+4]) {
				t.Fatal(id, tok)
			}
		}
		other := []byte(tok)
		other[0] ^= 1
		if token(other).id() == id {
			t.Fatal("two tokens have one id")
		}
	})
}

// FuzzCookie: what is read from a Cookie header agrees with net/http on whether
// there is exactly one cookie of the name, and is a token or nothing.
func FuzzCookie(f *testing.F) {
	good := string(newToken(newBucket("")))
	for _, s := range []string{"", good, "__Host-session=" + good, "a=b; __Host-session=" + good, "__Host-session=" + good + "; __Host-session=" + good, "__Host-session=;;=;", "__Host-session", `__Host-session="` + good + `"`, " __Host-session = " + good} {
		f.Add(s)
	}
	m, err := New(nil, Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := &http.Request{Header: http.Header{"Cookie": {header}}}
		tok, err := m.readCookie(r)
		if err == nil {
			if len(tok) != tokenLength || strings.Count(header, string(tok)) == 0 {
				t.Fatalf("%q from %q", tok, header)
			}
		}
		theirs := r.CookiesNamed(m.cfg.CookieName)
		if len(theirs) > 1 && err == nil {
			t.Fatalf("one of %d cookies was taken", len(theirs))
		}
		if len(theirs) == 1 && err == nil && theirs[0].Value != string(tok) {
			t.Fatalf("%q, net/http reads %q", tok, theirs[0].Value)
		}
	})
}

// FuzzValues: the decoder of values never panics, and what decodes encodes to
// something that decodes alike.
func FuzzValues(f *testing.F) {
	b, err := valueCodec{}.Encode(time.Time{}, map[string]any{"a": 1, "b": "x", "c": []string{"y"}, "d": time.Unix(1, 2), "e": nil, "f": 1.5, "g": []byte{1}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{1, 1, 1, 'x', kindGob, 3, 1, 2, 3})
	f.Add([]byte{1, 0xff, 0xff, 0x03})
	f.Fuzz(func(t *testing.T, b []byte) {
		_, values, err := valueCodec{}.Decode(b)
		if err != nil {
			return
		}
		again, err := valueCodec{}.Encode(time.Time{}, values)
		if err != nil {
			t.Fatal(err)
		}
		_, values2, err := valueCodec{}.Decode(again)
		if err != nil || len(values2) != len(values) {
			t.Fatalf("%v: %v, then %v", err, values, values2)
		}
	})
}
