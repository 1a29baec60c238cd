package tokens_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
	"github.com/go-sallyport/auth/internal/testkit/redistest"
)

func TestSessionStoreSQL(t *testing.T) {
	t.Parallel()
	s := open(t, running.On(t, "SQLite", nil), running.Options{})
	s.user(t, alice)
	strangers(t, s)

	corpus.Case(t, "S08", "every value of the tables of sessions, refresh families and users as cookie and as token, raw, in base64url, in base64 and in hex (SES-03)", "401", func(t *testing.T) {
		_, cookie := s.session(t, alice)
		token, _ := s.family(t, alice)
		for _, table := range []string{"auth_sessions", "auth_families", "auth_users"} {
			for _, row := range s.dump(t, table) {
				replay(t, s, row...)
				replay(t, s, strings.Join(row[:2], ""))
			}
		}
		s.alive(t, cookies("session="+cookie))
		s.successor(t, token)
	})

	corpus.Case(t, "S14", "rows of sessions with garbage, cut in halves, empty, of another's encoding, 1 MB (SES-23); values of 1 MB by a handler are in the tests of the package", "signed out, not a 5xx", func(t *testing.T) {
		for _, value := range []string{"x'00'", "x'ffffffffffffffffffffffffffffffff'", "x''", "zeroblob(1048576)", "randomblob(300)", "substr(data, 1, length(data)/2)", "CAST(data || data AS BLOB)", `CAST('{"id":"x"}' AS BLOB)`, "x'0eff810301'"} {
			_, cookie := s.session(t, alice)
			s.exec(t, "UPDATE auth_sessions SET data = "+value)
			s.dead(t, cookie)
			if a := s.with(t, "GET", "/account", cookies("session="+cookie)); a.StatusCode >= 500 {
				t.Errorf("%s: %d", value, a.StatusCode)
			}
			_, fresh := s.session(t, alice)
			s.alive(t, cookies("session="+fresh))
			s.exec(t, "DELETE FROM auth_sessions")
		}
	})

	corpus.Case(t, "S06", "a session that was not used for 29 minutes, one for 31, and one whose row outlives its end; 25 hours of use, and S07, an end that passes while a handler runs, are in the tests of the package (SES-09)", "good; dead; dead", func(t *testing.T) {
		const minute = 60 * 1_000_000 // microseconds
		c, cookie := s.session(t, alice)
		c.Want(t, c.Call(t, "GET", profile, nil), 200)
		s.exec(t, fmt.Sprintf("UPDATE auth_sessions SET seen_at = seen_at - %d", 29*minute))
		s.alive(t, cookies("session="+cookie))
		s.exec(t, fmt.Sprintf("UPDATE auth_sessions SET seen_at = seen_at - %d", 31*minute))
		s.dead(t, cookie)
		_, cookie = s.session(t, alice)
		s.exec(t, "UPDATE auth_sessions SET expires_at = 1")
		s.dead(t, cookie)
	})
}

func TestSessionStoreRedis(t *testing.T) {
	t.Parallel()
	b := running.On(t, "SQLite", redistest.Start(t))
	s := open(t, b, running.Options{})
	s.user(t, alice)
	strangers(t, s)

	corpus.Case(t, "S08", "every key and value of Redis as cookie and as token, whole and in parts (SES-03)", "401", func(t *testing.T) {
		_, cookie := s.session(t, alice)
		token, _ := s.family(t, alice)
		client := b.Redis.Client()
		for key := range b.Redis.Keys() {
			parts := append(strings.FieldsFunc(key, func(r rune) bool { return strings.ContainsRune(":{}", r) }), key)
			fields, _ := client.HGetAll(t.Context(), key).Result() // some are no hashes
			for name, value := range fields {
				parts = append(parts, name, value)
			}
			replay(t, s, parts...)
		}
		s.alive(t, cookies("session="+cookie))
		s.successor(t, token)
	})

	corpus.Case(t, "S14", "sessions in Redis with garbage in every field (SES-23)", "signed out or 503, and a new sign-in is good", func(t *testing.T) {
		client := b.Redis.Client()
		for _, value := range []string{"", "\x00", strings.Repeat("\xff", 300), strings.Repeat("A", 1<<20)} {
			_, cookie := s.session(t, alice)
			spoilt := 0
			for key := range b.Redis.Keys() {
				if !strings.HasPrefix(key, "session:") {
					continue
				}
				fields, _ := client.HGetAll(t.Context(), key).Result()
				for name := range fields {
					client.HSet(t.Context(), key, name, value)
					spoilt++
				}
			}
			if spoilt == 0 {
				t.Fatal("there are no hashes")
			}
			a := s.with(t, "GET", profile, cookies("session="+cookie))
			if a.StatusCode != 401 && a.StatusCode != 503 {
				t.Errorf("%.4q: %d %s", value, a.StatusCode, a.Text)
			}
			b.Redis.FlushAll()
		}
		_, fresh := s.session(t, alice)
		s.alive(t, cookies("session="+fresh))
		b.Redis.AssertTTL(t)
	})
}

func strangers(t *testing.T, s *site) {
	corpus.Case(t, "S11", "1,000 requests without a cookie and 500 with one that is worth nothing, to pages and to the API, over both protocols; 100,000 are in the tests of the package (SES-15)", "no new row or key, no cookie", func(t *testing.T) {
		before := s.rows(t)
		h1 := s.stranger()
		for _, c := range []*running.Client{h1, h1.HTTP2()} {
			for i := range 750 {
				path := []string{"/", "/login", profile, "/register", "/nothing"}[i%5]
				h := http.Header{}
				if i%3 == 0 {
					h = cookies("session=" + unissued)
				}
				if a := c.Send(t, "GET", path, h, nil); a.StatusCode >= 500 || a.Cookie("session") != nil {
					t.Fatalf("%s: %d %v", path, a.StatusCode, a.Header["Set-Cookie"])
				}
			}
		}
		s.nothingGrew(t, before)
	})
}

// replay tries what a thief of the store has as credentials.
func replay(t *testing.T, s *site, values ...string) {
	t.Helper()
	c := s.Client()
	for _, v := range values {
		b := []byte(v)
		for _, form := range []string{v, base64.RawURLEncoding.EncodeToString(b), base64.StdEncoding.EncodeToString(b), hex.EncodeToString(b)} {
			if strings.ContainsAny(form, "\x00\r\n;\x7f") || len(form) > 8<<10 || len(form) == 0 {
				continue // no cookie has these
			}
			if a, err := c.Try(t, "GET", profile, cookies("session="+form), nil); err == nil && a.StatusCode != 401 && a.StatusCode != 400 {
				t.Errorf("%q is a session: %d", form, a.StatusCode)
			}
			if a, err := c.Try(t, "GET", profile, bearer(form), nil); err == nil && a.StatusCode != 401 && a.StatusCode != 400 {
				t.Errorf("%q is a token: %d", form, a.StatusCode)
			}
			if len(form) == len(unissued) {
				continue
			}
			if a, err := s.stranger().Try(t, "POST", refresh, cookies("refresh="+form), nil); err == nil && a.StatusCode != 401 && a.StatusCode != 400 {
				t.Errorf("%q is a refresh token: %d", form, a.StatusCode)
			}
		}
	}
}

// dump returns the values of all rows.
func (s *site) dump(t *testing.T, table string) (list [][]string) {
	t.Helper()
	db := s.backend.DB.Open(t)
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(t.Context(), "SELECT * FROM "+table)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	names, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values, pointers := make([]string, len(names)), make([]any, len(names))
		for i := range values {
			pointers[i] = &values[i]
		}
		if err := rows.Scan(pointers...); err != nil {
			t.Fatal(err)
		}
		list = append(list, values)
	}
	if len(list) == 0 || rows.Err() != nil {
		t.Fatalf("%s has %d rows, %v", table, len(list), rows.Err())
	}
	return list
}
