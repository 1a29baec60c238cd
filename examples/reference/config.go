package main

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// A config is what the command line and the environment say.
type config struct {
	Addr    string
	DB      string
	Redis   string
	BaseURL string
	Secrets string
	SMTP    string
	Admin   string
	Dev     bool
	Access  time.Duration
	Proxies []netip.Prefix

	AuditDays int // 0: for ever

	OIDCIssuer, OIDCID, OIDCSecret                  string
	GitHubID, GitHubSecret, GitHubURL, GitHubAPIURL string
}

// maxAuditDays is a hundred years: what is more was meant otherwise.
const maxAuditDays = 36_500

func parseConfig(args []string, getenv func(string) string) (config, error) {
	var c config
	flags := flag.NewFlagSet("reference", flag.ContinueOnError)
	flags.StringVar(&c.Addr, "addr", "127.0.0.1:8080", "where to listen")
	flags.StringVar(&c.DB, "db", "reference.db", "a SQLite file, postgres://… or mysql://user:password@host:port/name")
	flags.StringVar(&c.Redis, "redis", "", "sessions, refresh tokens and limits live in this Redis, such as redis://127.0.0.1:6379, or in this cluster: redis://node1:6379?addr=node2:6379; empty: in the database and in memory")
	flags.StringVar(&c.BaseURL, "base-url", "", "what users see; links in mail begin with it (default http://ADDR)")
	flags.StringVar(&c.Secrets, "secrets", "reference.secrets.json", "a file of this service's own keys; made at the first start")
	flags.DurationVar(&c.Access, "access", 0, "how long an access token is good, such as 1m (default 15m, which is also the most)")
	flags.Func("proxies", "networks of the proxies in front, such as 10.0.0.0/8: their X-Forwarded-For is believed; without it all clients count as one, and lock each other out", func(s string) error {
		for _, text := range strings.Split(s, ",") {
			network, err := netip.ParsePrefix(strings.TrimSpace(text))
			if err != nil {
				return err
			}
			c.Proxies = append(c.Proxies, network)
		}
		return nil
	})
	flags.IntVar(&c.AuditDays, "audit-days", 400, "how many days the audit log is kept; 0: for ever")
	flags.StringVar(&c.Admin, "admin", "", "make an administrator of the account with this address, and end")
	dev := ""
	flags.BoolFunc("dev", "plain-HTTP cookies, mail at /dev/mailbox, an admin (default: on loopback); -dev=false: not there either", func(s string) error {
		dev = s
		return nil
	})
	if err := flags.Parse(joinDev(args)); err != nil {
		return config{}, err
	}
	if flags.NArg() > 0 {
		return config{}, fmt.Errorf("what is %q? see -help", flags.Arg(0))
	}
	if c.AuditDays < 0 || c.AuditDays > maxAuditDays {
		return config{}, fmt.Errorf("-audit-days %d: use 1 to %d, or 0 to keep all", c.AuditDays, maxAuditDays)
	}
	if c.Admin != "" {
		c.AuditDays = 0 // that run is over at once: what may go is for those that serve to say
	}
	c.SMTP = getenv("SMTP_URL")
	c.OIDCIssuer, c.OIDCID, c.OIDCSecret = getenv("OIDC_ISSUER"), getenv("OIDC_CLIENT_ID"), getenv("OIDC_CLIENT_SECRET")
	c.GitHubID, c.GitHubSecret = getenv("GITHUB_CLIENT_ID"), getenv("GITHUB_CLIENT_SECRET")
	c.GitHubURL, c.GitHubAPIURL = getenv("GITHUB_URL"), getenv("GITHUB_API_URL")
	if c.BaseURL == "" {
		c.BaseURL = "http://" + c.Addr
	}
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	plain, err := plainLoopback(c.Addr, c.BaseURL)
	if err != nil {
		return config{}, err
	}
	switch dev {
	case "":
		c.Dev = plain
	case "true", "false":
		c.Dev = dev == "true"
	default:
		return config{}, fmt.Errorf("-dev %q: use true or false", dev)
	}
	if c.Dev && !plain {
		return config{}, errors.New("-dev is for plain HTTP on loopback: it shows everybody's mail")
	}
	if !c.Dev && !strings.HasPrefix(c.BaseURL, "https://") {
		return config{}, fmt.Errorf("-base-url %s: cookies are Secure, so browsers must come by https; or use -dev on loopback", c.BaseURL)
	}
	if !c.Dev && c.SMTP == "" {
		return config{}, errors.New("SMTP_URL is missing: smtp://user:password@host:587?from=no-reply@example.com for mail, without which nobody can register")
	}
	return c, nil
}

// joinDev makes "-dev false" what package flag reads as that: a flag that may stand alone
// has its value behind "=".
func joinDev(args []string) []string {
	var joined []string
	for i := 0; i < len(args); i++ {
		if (args[i] == "-dev" || args[i] == "--dev") && i+1 < len(args) && (args[i+1] == "true" || args[i+1] == "false") {
			joined = append(joined, args[i]+"="+args[i+1])
			i++
			continue
		}
		joined = append(joined, args[i])
	}
	return joined
}

// plainLoopback reports whether nobody but this machine can reach the service.
func plainLoopback(addr, base string) (bool, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false, fmt.Errorf("-addr %q: use host:port", addr)
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return false, fmt.Errorf("-base-url %q is not a URL", base)
	}
	return u.Scheme == "http" && isLoopback(host) && isLoopback(u.Hostname()), nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
