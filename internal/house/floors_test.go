package house

import (
	"bytes"
	"go/ast"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// floors are, for every direct dependency, the oldest version without a flaw that
// is known to us or, where none is known, the one that was looked at when it was
// added.
var floors = map[string]string{
	"go":                                  "1.25.1", // CVE-2025-47910: CrossOriginProtection
	"github.com/golang-jwt/jwt/v5":        "5.2.2",  // CVE-2025-30204
	"github.com/redis/go-redis/v9":        "9.7.3",  // CVE-2025-29923
	"golang.org/x/oauth2":                 "0.27.0", // CVE-2025-22868
	"github.com/go-jose/go-jose/v4":       "4.0.5",  // CVE-2025-27144
	"golang.org/x/crypto":                 "0.35.0", // CVE-2025-22869
	"golang.org/x/text":                   "0.3.8",  // CVE-2022-32149
	"github.com/prometheus/client_golang": "1.11.1", // CVE-2022-21698
	"github.com/jackc/pgx/v5":             "5.5.4",  // CVE-2024-27304

	"github.com/alexedwards/scs/v2":    "2.9.0",
	"github.com/coreos/go-oidc/v3":     "3.21.0",
	"github.com/alicebob/miniredis/v2": "2.40.0",
	"github.com/casbin/casbin/v2":      "2.135.0",
	"github.com/chromedp/cdproto":      "0.159.0",
	"github.com/chromedp/chromedp":     "0.23.0",
	"github.com/go-sql-driver/mysql":   "1.10.1",
	"github.com/go-webauthn/webauthn":  "0.18.2",
	"github.com/pquerna/otp":           "1.5.0",

	// Peers, for measurements and one example.
	"github.com/go-chi/chi/v5":                "5.3.0", // GO-2026-5775
	"github.com/go-chi/httprate":              "0.16.1",
	"github.com/go-redis/redis_rate/v10":      "10.0.1",
	"github.com/gorilla/sessions":             "1.4.0",
	"github.com/sethvargo/go-limiter":         "0.7.1",
	"github.com/ulule/limiter/v3":             "3.11.2",
	"golang.org/x/time":                       "0.14.0",
	"github.com/alexedwards/scs/goredisstore": "0.0.0",
	"github.com/auth0/go-jwt-middleware/v2":   "2.3.1",
	"github.com/go-chi/jwtauth/v5":            "5.3.3",
	"github.com/labstack/echo-jwt/v4":         "4.4.0",
	"github.com/labstack/echo/v4":             "4.13.0",
	"github.com/lestrrat-go/jwx/v3":           "3.3.0",
	"modernc.org/sqlite":                      "1.50.0", // later ones do not tidy yet
}

var requirement = regexp.MustCompile(`(?m)^\s*(?:require )?([\w./-]+) v?(\d+(?:\.\d+)+)(\s*//.*)?$`)

// TestDependencyFloors reads the go.mod of every module.
func TestDependencyFloors(t *testing.T) {
	dir := root(t)
	for _, module := range []string{".", "examples", "internal/bench", "internal/e2e"} {
		t.Run("XCT-12 "+module, func(t *testing.T) {
			mod, err := os.ReadFile(filepath.Join(dir, module, "go.mod"))
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(mod, []byte("latest")) || bytes.Contains(mod, []byte("-incompatible")) {
				t.Error("go.mod has a version that is not fixed")
			}
			for _, m := range requirement.FindAllStringSubmatch(string(mod), -1) {
				name, version, indirect := m[1], m[2], m[3] != ""
				floor, ok := floors[name]
				switch {
				case ok && older(version, floor):
					t.Errorf("%s %s is older than %s", name, version, floor)
				case !ok && !indirect && !strings.HasPrefix(name, "github.com/go-sallyport/"):
					t.Errorf("%s has no floor here: look at its last release, its issues and what it drags in, and name the oldest good version", name)
				}
			}
		})
	}
}

// older compares dotted numbers.
func older(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(as), len(bs)) {
		var x, y int
		if i < len(as) {
			x, _ = strconv.Atoi(as[i])
		}
		if i < len(bs) {
			y, _ = strconv.Atoi(bs[i])
		}
		if x != y {
			return x < y
		}
	}
	return false
}

func TestOlder(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want bool
	}{{"9.7.2", "9.7.3", true}, {"9.7.3", "9.7.3", false}, {"9.23.0", "9.7.3", false}, {"1.26", "1.26.1", true}, {"1.26.0", "1.26", false}} {
		if got := older(tc.a, tc.b); got != tc.want {
			t.Errorf("%s < %s: %v", tc.a, tc.b, got)
		}
	}
}

// parsers of untrusted bytes, by package, with the fuzz targets that each must
// have. `make fuzz` runs whatever targets there are.
var parsers = map[string][]string{
	"auth":                        {"FuzzLocalPath"},                                                                                            // return paths
	"problem":                     {"FuzzDetails"},                                                                                              // what a server sent
	"password":                    {"FuzzPHC", "FuzzToken"},                                                                                     // stored hashes
	"password/account":            {"FuzzCanonical"},                                                                                            // addresses
	"password/breach":             {"FuzzRange"},                                                                                                // what a server sent
	"password/legacy":             {"FuzzPBKDF2", "FuzzArgon2i", "FuzzScrypt", "FuzzWrapped"},                                                   // stored hashes
	"password/account/smtpmailer": {"FuzzMessage"},                                                                                              // addresses and subjects of mail
	"rbac":                        {"FuzzLoadJSON", "FuzzRole"},                                                                                 // policies
	"jwtauth":                     {"FuzzVerify", "FuzzClaims", "FuzzHeader", "FuzzParseJWK", "FuzzParseJWKS", "FuzzRefreshToken", "FuzzGrant"}, // tokens, keys, stored families
	"mfa/redisstore":              {"FuzzValue"},                                                                                                // stored challenges, devices, factors
	"session":                     {"FuzzCookie", "FuzzRecord", "FuzzValues", "FuzzCSRFToken", "FuzzCSRFForm"},                                  // cookies, stored sessions, forms
	"oauth":                       {"FuzzAnswer", "FuzzAttempt", "FuzzParseObject", "FuzzTokenResponse"},                                        // callbacks, cookies, what providers send
	"mfa":                         {"FuzzCode", "FuzzRecoveryCode", "FuzzChallengeToken"},                                                       // codes that were typed, cookies
	"mfa/passkey":                 {"FuzzClientData", "FuzzAttestation", "FuzzAssertion"},                                                       // what browsers and authenticators send
	"apikey":                      {"FuzzParse", "FuzzHeader", "FuzzGrant"},                                                                     // keys, headers, stored records
	"oauth/oidc":                  {"FuzzIDToken", "FuzzClaims", "FuzzKeys"},                                                                    // tokens and keys of a provider
	"internal/jwk":                {"FuzzPublic"},                                                                                               // keys of others
	"internal/body":               {"FuzzJSON", "FuzzForm"},                                                                                     // request bodies
	"internal/clientip":           {"FuzzResolve"},                                                                                              // X-Forwarded-For and Forwarded
	"internal/seal":               {"FuzzOpen"},                                                                                                 // sealed cookies
	"internal/secret":             {"FuzzParseHandle"},                                                                                          // handles
	"internal/sqldb":              {"FuzzTemplate"},                                                                                             // not of strangers, yet SQL
}

func TestParsersAreFuzzed(t *testing.T) {
	dir := root(t)
	for short, targets := range parsers {
		folder := short
		if short == "auth" {
			folder = "."
		}
		files, err := filepath.Glob(filepath.Join(dir, folder, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		var source []byte
		for _, name := range files {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			source = append(source, b...)
		}
		for _, target := range targets {
			if !bytes.Contains(source, []byte("func "+target+"(f *testing.F)")) {
				t.Errorf("XCT-11 %s has no %s", short, target)
			}
		}
	}
}

// ownClock are the files that may ask the clock of the machine themselves,
// because nobody configures them, with the reason.
var ownClock = map[string]string{
	"event.go":                        "the time of an event that has none",
	"current.go":                      "CachedCurrent has no configuration; tests use synctest",
	"session/adapter.go":              "scs stores have no other clock either",
	"session/adapter_entries.go":      "the same",
	"session/adapter_found.go":        "the same",
	"internal/body/decode.go":         "how long a body takes to arrive; tests use synctest",
	"internal/sqldb/tx.go":            "how long a COMMIT may take",
	"internal/sqldb/migrate.go":       "a record for people",
	"internal/sqldb/migrate_mysql.go": "the same",
	"password/throttle/memory.go":     "MemoryConfig.Now replaces it; without one it is the clock that nobody sets back",
}

// TestClock holds the library to one injectable clock.
func TestClock(t *testing.T) {
	dir := root(t)
	for _, p := range packages(t) {
		if testSupport(p.short()) {
			continue
		}
		fset, files := parse(t, p)
		for _, f := range files {
			name, err := filepath.Rel(dir, fset.Position(f.Pos()).Filename)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := ownClock[filepath.ToSlash(name)]; ok {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				sel, ok := call.Fun.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				if id, ok := sel.X.(*ast.Ident); ok && id.Name == "time" && (sel.Sel.Name == "Now" || sel.Sel.Name == "Since" || sel.Sel.Name == "Until") {
					t.Errorf("XCT-07 %s: time.%s is called; take the time from Config.Now", fset.Position(n.Pos()), sel.Sel.Name)
				}
				return true
			})
		}
	}
}
