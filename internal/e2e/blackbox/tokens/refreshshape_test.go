package tokens_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

// counters returns the counter of every family that is live, so that a test sees
// whether anything was spent.
func (s *site) counters(t *testing.T) string {
	t.Helper()
	db := s.backend.DB.Open(t)
	defer func() { _ = db.Close() }()
	rows, err := db.QueryContext(t.Context(), "SELECT counter, ended FROM auth_families ORDER BY created_at, slot")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var b strings.Builder
	for rows.Next() {
		var counter, ended int
		if err := rows.Scan(&counter, &ended); err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(&b, counter, ":", ended, " ")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestRefreshTokens attacks one server with refresh tokens that nobody made, or that
// come by another way. Nothing of it may spend or end a family.
func TestRefreshTokens(t *testing.T) {
	t.Parallel()
	s := open(t, running.On(t, "SQLite", nil), running.Options{})
	s.user(t, alice)
	genuine, access := s.family(t, alice)
	other, _ := s.family(t, alice)
	before := s.counters(t)

	spellingsOfRefreshTokens(t, s, genuine, other)
	otherRoads(t, s, genuine, access)
	origins(t, s, genuine)

	if after := s.counters(t); after != before {
		t.Errorf("families were spent or ended: %s, then %s", before, after)
	}
	s.successor(t, genuine)
	s.successor(t, other)
}

func spellingsOfRefreshTokens(t *testing.T, s *site, genuine, other string) {
	corpus.Case(t, "R10", "every strict prefix, every flip of one bit, further characters, other case, padding, the other alphabet, escapes", "401, and nothing is spent", func(t *testing.T) {
		raw, err := b64.DecodeString(genuine)
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for i := range genuine {
			list = append(list, genuine[:i])
		}
		for i := range 8 * len(raw) {
			b := append([]byte(nil), raw...)
			b[i/8] ^= 1 << (i % 8)
			list = append(list, b64.EncodeToString(b))
		}
		list = append(list, genuine+"A", "A"+genuine, genuine+"=", genuine+"%", genuine+"."+genuine, genuine+genuine, strings.ToLower(genuine), strings.ToUpper(genuine),
			strings.NewReplacer("-", "+", "_", "/").Replace(genuine)+"==", `"`+genuine+`"`, "%"+fmt.Sprintf("%02X", genuine[0])+genuine[1:], genuine+" x", strings.Repeat("A", 172), strings.Repeat("A", 20<<10))
		var c *running.Client
		for i, token := range list {
			if i%50 == 0 {
				c = s.stranger()
			}
			problem(t, c.Send(t, "POST", refresh, cookies("refresh="+token), nil), 401)
		}
	})

	corpus.Case(t, "X-R1", "tokens spliced of two genuine ones of one user at every field: the family of one with the counter, the key or the MAC of the other", "401, and neither family is spent or ended", func(t *testing.T) {
		a, err := b64.DecodeString(genuine)
		if err != nil {
			t.Fatal(err)
		}
		b, err := b64.DecodeString(other)
		if err != nil {
			t.Fatal(err)
		}
		tried := 0
		c := s.stranger()
		for _, cut := range []int{9, 25, 41, 49, 65} { // key, family, counter, MAC
			for _, pair := range [][2][]byte{{a, b}, {b, a}} {
				spliced := b64.EncodeToString(append(pair[0][:cut:cut], pair[1][cut:]...))
				if spliced == genuine || spliced == other {
					continue // they agree before the cut
				}
				tried++
				problem(t, c.Send(t, "POST", refresh, cookies("refresh="+spliced), nil), 401)
			}
		}
		if tried < 6 {
			t.Errorf("only %d were tried", tried)
		}
	})
}

func otherRoads(t *testing.T, s *site, genuine, access string) {
	corpus.Case(t, "R13", "an access token at the refresh endpoint, in the cookie and as Bearer; the refresh token in body, query and headers there, and as Bearer anywhere", "401, and nothing is spent", func(t *testing.T) {
		c := s.stranger()
		problem(t, c.Send(t, "POST", refresh, cookies("refresh="+access), nil), 401)
		problem(t, c.Send(t, "POST", refresh, bearer(access), nil), 401)
		problem(t, c.Send(t, "POST", refresh, bearer(genuine), nil), 401)
		problem(t, c.Send(t, "POST", refresh, http.Header{"X-Refresh-Token": {genuine}}, nil), 401)
		problem(t, c.Send(t, "POST", refresh, cookies("session="+genuine, "Refresh="+genuine, "__Host-refresh="+genuine, "refresh_token="+genuine), nil), 401)
		problem(t, c.Call(t, "POST", refresh, map[string]string{"refresh_token": genuine}), 401)
		form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
		problem(t, c.Send(t, "POST", refresh, form, strings.NewReader("grant_type=refresh_token&refresh_token="+genuine)), 401)
		problem(t, c.Send(t, "POST", refresh+"?refresh="+genuine+"&refresh_token="+genuine, nil, nil), 401)
		problem(t, c.Send(t, "GET", profile, bearer(genuine), nil), 401, "TOKEN_INVALID")
		problem(t, c.Send(t, "GET", profile, cookies("refresh="+genuine), nil), 401, "UNAUTHENTICATED")
	})

	corpus.Case(t, "R15", "refresh by any method but POST, also with method overrides, over HTTP/1.1 and HTTP/2", "405, and nothing is spent", func(t *testing.T) {
		h1 := s.stranger()
		for _, c := range []*running.Client{h1, h1.HTTP2()} {
			for _, path := range []string{refresh, revoke, signIn} {
				for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"} {
					h := header(genuine, "X-Http-Method-Override", "POST", "X-Method-Override", "POST")
					a := c.Send(t, method, path+"?_method=POST", h, nil)
					if a.StatusCode != 405 || !strings.Contains(a.Header.Get("Allow"), "POST") {
						t.Errorf("%s %s: %d", method, path, a.StatusCode)
					}
					grantsNothing(t, a)
				}
			}
		}
	})

	corpus.Case(t, "X-R2", "a second refresh cookie that a neighbour planted, before, behind and in a header of its own, genuine or not", "401, and neither family is spent or ended", func(t *testing.T) {
		planted, _ := s.family(t, alice)
		before := s.counters(t)
		c := s.stranger()
		for _, second := range []string{planted, genuine, "x", ""} {
			for _, h := range []http.Header{
				cookies("refresh="+second, "refresh="+genuine), cookies("refresh="+genuine, "refresh="+second),
				{"Cookie": {"refresh=" + second, "refresh=" + genuine}}, cookies("refresh="+genuine, "a=b", " refresh="+second),
			} {
				problem(t, c.Send(t, "POST", refresh, h, nil), 401)
			}
		}
		if after := s.counters(t); after != before {
			t.Errorf("families were spent or ended: %s, then %s", before, after)
		}
		s.exec(t, "DELETE FROM auth_families WHERE created_at = (SELECT MAX(created_at) FROM auth_families)")
	})
}

func origins(t *testing.T, s *site, genuine string) {
	corpus.Case(t, "R14", "a page of another site, of a neighbour, of another port and without an origin sends the browser to refresh, sign out or sign in for tokens (CSR-02)", "403, and nothing is spent", func(t *testing.T) {
		host := strings.TrimPrefix(s.URL, "http://")
		h1 := s.stranger()
		for _, c := range []*running.Client{h1, h1.HTTP2()} {
			for _, path := range []string{refresh, revoke, signIn} {
				for _, h := range [][]string{
					{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "cross-site", "Origin", s.URL}, {"Sec-Fetch-Site", "Same-Origin"},
					{"Origin", "https://evil.example"}, {"Origin", "null"}, {"Origin", "http://127.0.0.1:1"}, {"Origin", "http://" + host + ".evil.example"}, {"Origin", "http://evil.example/" + host},
				} {
					at := header(genuine, h...)
					at.Set("Content-Type", "application/json")
					a := c.Send(t, "POST", path, at, strings.NewReader(`{"email":"`+alice+`","password":"`+password+`"}`))
					problem(t, a, 403, "CROSS_ORIGIN")
				}
			}
		}
	})
}
