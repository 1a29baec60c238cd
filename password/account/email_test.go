package account_test

import (
	"errors"
	"net/mail"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/problem"
)

func TestCanonical(t *testing.T) {
	accepted := map[string]string{
		"alice@example.com":             "alice@example.com",
		"Alice@EXAMPLE.com":             "alice@example.com",
		"a.l.i.c.e+news@sub.example.io": "a.l.i.c.e+news@sub.example.io",
		"o'brien!#$%&*-/=?^_`{|}~@a.b":  "o'brien!#$%&*-/=?^_`{|}~@a.b",
		"root@localhost":                "root@localhost",
		"a@xn--bcher-kva.example":       "a@xn--bcher-kva.example",
		"1@2.3d":                        "1@2.3d",
		strings.Repeat("a", 64) + "@" + strings.Repeat("b", 63) + ".com": strings.Repeat("a", 64) + "@" + strings.Repeat("b", 63) + ".com",
	}
	for in, want := range accepted {
		t.Run("LNK-08 accepts "+in, func(t *testing.T) {
			got, err := account.Canonical(in)
			if err != nil || got != want {
				t.Errorf("got %q, %v, want %q", got, err, want)
			}
		})
	}
	refused := map[string]string{
		"dotless i":                        "m\u0131ke@example.com",
		"dotless i in the domain":          "mike@example.\u0131o",
		"Kelvin sign":                      "mi\u212Ae@example.com",
		"long s":                           "\u017Fam@example.com",
		"full-width @":                     "victim@example.com\uff20evil.example",
		"full-width @ alone":               "victim\uff20example.com",
		"small @":                          "victim\ufe6bexample.com",
		"two @":                            "a@b@c",
		"quoted @":                         `"a@b"@c`,
		"quoted":                           `"alice"@example.com`,
		"no @":                             "alice.example.com",
		"empty":                            "",
		"@ alone":                          "@",
		"no local part":                    "@example.com",
		"no domain":                        "alice@",
		"trailing dot":                     "alice@example.com.",
		"leading dot":                      "alice@.example.com",
		"double dot":                       "alice@example..com",
		"dot before the @":                 "alice.@example.com",
		"dot in front":                     ".alice@example.com",
		"NUL":                              "alice\x00@example.com",
		"NUL at the end":                   "alice@example.com\x00",
		"CRLF header":                      "alice@example.com\r\nBcc: mallory@evil.example",
		"line feed":                        "alice@example.com\n",
		"tab":                              "alice\t@example.com",
		"space":                            "alice @example.com",
		"space around":                     " alice@example.com ",
		"no-break space":                   "alice\u00a0@example.com",
		"zero width joiner":                "ali\u200dce@example.com",
		"bidi override":                    "\u202ealice@example.com",
		"Cyrillic a":                       "\u0430lice@example.com",
		"Cyrillic o in the domain":         "alice@g\u043eogle.com",
		"full-width letter":                "\uff41lice@example.com",
		"combining accent":                 "alice\u0301@example.com",
		"ideographic full stop":            "alice@example\u3002com",
		"not UTF-8":                        "alice\xff@example.com",
		"comment":                          "alice(x)@example.com",
		"name":                             "Alice <alice@example.com>",
		"list":                             "alice@example.com,mallory@evil.example",
		"list with semicolon":              "alice@example.com;mallory@evil.example",
		"route":                            "@evil.example:alice@example.com",
		"percent is fine, encoded @ is no": "alice@example.com%40evil.example",
		"IPv4":                             "alice@127.0.0.1",
		"IPv4 as one number":               "alice@2130706433",
		"address literal":                  "alice@[127.0.0.1]",
		"underscore in the domain":         "alice@exa_mple.com",
		"hyphen at an end":                 "alice@example-.com",
		"hyphen in front":                  "alice@-example.com",
		"label of 64":                      "alice@" + strings.Repeat("a", 64) + ".com",
		"local part of 65":                 strings.Repeat("a", 65) + "@example.com",
		"255 bytes":                        "a@" + strings.Repeat("b.", 125) + "com",
		"10 KB":                            strings.Repeat("a", 10<<10) + "@example.com",
		"10 KB domain":                     "a@" + strings.Repeat("b.", 5<<10) + "com",
	}
	for name, in := range refused {
		t.Run("P16 LNK-08 refuses "+name, func(t *testing.T) {
			got, err := account.Canonical(in)
			if !errors.Is(err, account.ErrEmail) || got != "" {
				t.Fatalf("got %q, %v", got, err)
			}
			if d := problem.From(err); d.Status != 422 || d.Code != problem.EmailInvalid {
				t.Errorf("answered with %d %s", d.Status, d.Code)
			}
		})
	}
}

func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"alice@example.com", "A.b+c@D-e.F", "a@b@c", `"a@b"@c`, "m\u0131ke@example.com", "a\uff20b", "a@b.", "a@b\r\nc", "a@1.2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, err := account.Canonical(s)
		if err != nil {
			if c != "" || !errors.Is(err, account.ErrEmail) {
				t.Fatalf("%q, %v", c, err)
			}
			return
		}
		if again, err := account.Canonical(c); err != nil || again != c {
			t.Fatalf("%q is not a fixed point: %q, %v", c, again, err)
		}
		if !strings.EqualFold(c, s) || len(c) != len(s) || len(c) > 254 || strings.Count(c, "@") != 1 {
			t.Fatalf("%q became %q", s, c)
		}
		for i := range len(c) {
			if c[i] <= ' ' || c[i] >= 0x7f || strings.IndexByte(`"(),:;<>[\]`, c[i]) >= 0 || 'A' <= c[i] && c[i] <= 'Z' {
				t.Fatalf("%q has %q", c, c[i])
			}
		}
		// Another parser has to read the same address.
		if a, err := mail.ParseAddress(c); err != nil || a.Address != c || a.Name != "" {
			t.Fatalf("net/mail reads %q as %v, %v", c, a, err)
		}
	})
}
