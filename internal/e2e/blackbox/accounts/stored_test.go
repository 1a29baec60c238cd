package accounts

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/e2e/blackbox/corpus"
	"github.com/go-sallyport/auth/internal/e2e/running"
)

// peak is the most memory that the process has had, in MiB.
func peak(t testing.TB, s *running.Server) int {
	t.Helper()
	kib, ok := s.Status("VmHWM")
	if !ok {
		t.Fatal("the memory of a process is not known here")
	}
	return kib >> 10
}

const (
	salt = "c2FsdHNhbHRzYWx0c2FsdA"
	key  = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)

// olderHash is of words, with parameters that this server does not write.
const olderHash = "$argon2id$v=19$m=8192,t=1,p=1$" + salt + "$xwP/sUpncRUpT63+0aadhrYrW8PTzYL8TrQp/6Tj9lA"

// hostile are stored hashes that nobody should have to compute, or can.
var hostile = map[string]string{
	"4 TiB":             "$argon2id$v=19$m=4294967295,t=2,p=1$" + salt + "$" + key,
	"2 GiB":             "$argon2id$v=19$m=2097152,t=1,p=1$" + salt + "$" + key,
	"passes":            "$argon2id$v=19$m=19456,t=4294967295,p=1$" + salt + "$" + key,
	"overflow":          "$argon2id$v=19$m=4294986752,t=2,p=1$" + salt + "$" + key,
	"no lanes":          "$argon2id$v=19$m=19456,t=2,p=0$" + salt + "$" + key,
	"no passes":         "$argon2id$v=19$m=19456,t=0,p=1$" + salt + "$" + key,
	"no memory":         "$argon2id$v=19$m=0,t=2,p=1$" + salt + "$" + key,
	"lanes":             "$argon2id$v=19$m=19456,t=2,p=255$" + salt + "$" + key,
	"huge salt":         "$argon2id$v=19$m=19456,t=2,p=1$" + strings.Repeat("c2Fs", 45) + "$" + key,
	"no salt":           "$argon2id$v=19$m=19456,t=2,p=1$$" + key,
	"no key":            "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$",
	"short key":         "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$AAAA",
	"wrong version":     "$argon2id$v=16$m=19456,t=2,p=1$" + salt + "$" + key,
	"argon2i":           "$argon2i$v=19$m=19456,t=2,p=1$" + salt + "$" + key,
	"short bcrypt":      "$2b$12$short",
	"bcrypt of cost 31": "$2b$31$3rL7bZsnmNQBwmrTz3hN9OIfUy/MOOPcTljmb0V8SxqsXgZBUX1mG",
	"scrypt":            "$scrypt$ln=30,r=8,p=1$" + salt + "$" + key,
	"hex SHA-256":       "a0e9daf6e1d4d8a1a0a3b0f6ba5a4de37fd8b2b61dd0d64f38f5a4e8b5c5a83e",
	"the password":      words,
	"empty":             "",
}

func TestStoredHashes(t *testing.T) {
	s := open(t, running.On(t, "SQLite", nil), running.Options{})
	normal := visible(denied(t, try(t, s.visitor(), alice, other), 401, "INVALID_CREDENTIALS"))
	before := peak(t, s.Server)

	corpus.Case(t, "P04", "stored hashes that ask for 4 TiB, for no lanes, of another scheme, cut short, empty; that it is no quicker is for `make timing`",
		"401 like any wrong password, no memory spent, and the hash not in the log", func(t *testing.T) {
			n := 0
			for name, hash := range hostile {
				n++
				email := fmt.Sprintf("p04-%d@example.com", n)
				s.add(t, email)
				s.exec(t, "UPDATE auth_users SET hash = ? WHERE email = ?", hash, email)
				for _, pw := range []string{words, hash} {
					if a := visible(try(t, s.visitor(), email, pw)); a != normal {
						t.Errorf("%s: %s, want %s", name, a, normal)
					}
				}
				if len(hash) > least && strings.Contains(s.Log(), hash) {
					t.Errorf("%s: the hash is in the log", name)
				}
			}
			// What is computed for an account is one hash, so a few of 19 MiB at most.
			if after := peak(t, s.Server); after > before+150 {
				t.Errorf("the peak went from %d to %d MiB", before, after)
			}
			if !strings.Contains(s.Log(), "password.fault") {
				t.Error("the log does not tell of hashes that cannot be read")
			}
			s.login(t, alice, words)
		})
	corpus.Case(t, "PWD-03", "the row holds the password itself, or a quick hash of it", "401; what the server writes is argon2id", func(t *testing.T) {
		s.register(t, "writes@example.com", other)
		var hash string
		if err := s.db.QueryRowContext(t.Context(), "SELECT hash FROM auth_users WHERE email = 'writes@example.com'").Scan(&hash); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
			t.Errorf("PWD-01: a new hash is %q", hash)
		}
	})
	corpus.Case(t, "PWD-10", "a login with a hash of older parameters", "200, and the row has one of today's", func(t *testing.T) {
		s.add(t, "older@example.com")
		s.exec(t, "UPDATE auth_users SET hash = ? WHERE email = ?", olderHash, "older@example.com")
		denied(t, try(t, s.visitor(), "older@example.com", other), 401, "INVALID_CREDENTIALS")
		s.login(t, "older@example.com", words)
		if n := s.count(t, "SELECT count(*) FROM auth_users WHERE email = 'older@example.com' AND hash LIKE '$argon2id$v=19$m=19456,t=2,p=1$%'"); n != 1 {
			t.Error("the hash was not replaced")
		}
		s.login(t, "older@example.com", words)
	})
}
