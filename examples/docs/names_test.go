package docs

// imports are the packages that a fragment may name without an import.
var imports = map[string]string{
	"chi": "github.com/go-chi/chi/v5",

	"account":       "github.com/go-sallyport/auth/password/account",
	"apikey":        "github.com/go-sallyport/auth/apikey",
	"apikeyredis":   "github.com/go-sallyport/auth/apikey/redisstore",
	"apikeysql":     "github.com/go-sallyport/auth/apikey/sqlstore",
	"auth":          "github.com/go-sallyport/auth",
	"jwtauth":       "github.com/go-sallyport/auth/jwtauth",
	"jwtredis":      "github.com/go-sallyport/auth/jwtauth/redisstore",
	"jwtsql":        "github.com/go-sallyport/auth/jwtauth/sqlstore",
	"legacy":        "github.com/go-sallyport/auth/password/legacy",
	"mfa":           "github.com/go-sallyport/auth/mfa",
	"mfaredis":      "github.com/go-sallyport/auth/mfa/redisstore",
	"mfasql":        "github.com/go-sallyport/auth/mfa/sqlstore",
	"oauth":         "github.com/go-sallyport/auth/oauth",
	"oauthsql":      "github.com/go-sallyport/auth/oauth/sqlstore",
	"oidc":          "github.com/go-sallyport/auth/oauth/oidc",
	"passkey":       "github.com/go-sallyport/auth/mfa/passkey",
	"passkeysql":    "github.com/go-sallyport/auth/mfa/passkey/sqlstore",
	"password":      "github.com/go-sallyport/auth/password",
	"passwordsql":   "github.com/go-sallyport/auth/password/sqlstore",
	"problem":       "github.com/go-sallyport/auth/problem",
	"rbac":          "github.com/go-sallyport/auth/rbac",
	"session":       "github.com/go-sallyport/auth/session",
	"sessionredis":  "github.com/go-sallyport/auth/session/redisstore",
	"sessionsql":    "github.com/go-sallyport/auth/session/sqlstore",
	"throttle":      "github.com/go-sallyport/auth/password/throttle",
	"throttleredis": "github.com/go-sallyport/auth/password/throttle/redisstore",

	"redis": "github.com/redis/go-redis/v9",
	"scs":   "github.com/alexedwards/scs/v2",

	"context": "context",
	"errors":  "errors",
	"fmt":     "fmt",
	"http":    "net/http",
	"log":     "log",
	"netip":   "net/netip",
	"os":      "os",
	"rand":    "crypto/rand",
	"regexp":  "regexp",
	"slog":    "log/slog",
	"sql":     "database/sql",
	"strings": "strings",
	"time":    "time",
}

// alias is what one page calls a package that the table has under another name.
var alias = map[string]map[string]string{
	"docs/api-keys.md": {"redisstore": "github.com/go-sallyport/auth/apikey/redisstore"},
}
