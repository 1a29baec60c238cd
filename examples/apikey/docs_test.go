package main

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/apikey/redisstore"
	"github.com/go-sallyport/auth/password/throttle"
	throttleredis "github.com/go-sallyport/auth/password/throttle/redisstore"
	"github.com/go-sallyport/auth/problem"
)

// The programs of docs/api-keys.md are the functions below, word by word.

func demoKeys(t *testing.T) *apikey.Manager {
	t.Helper()
	keys, err := apikey.New(nil, apikey.Config{
		Prefix: "acme", Environments: []string{"live", "test"},
		Owner:   func(_ context.Context, p *auth.Principal) (*auth.Principal, error) { return p, nil },
		Permits: func(*auth.Principal, string) bool { return true },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = keys.Close(context.Background()) })
	return keys
}

func issue(t *testing.T, keys *apikey.Manager, lifetime time.Duration) (string, *apikey.Key) {
	t.Helper()
	text, k, err := keys.Issue(t.Context(), apikey.Request{Subject: "alice", Name: "backup", Scopes: []string{"a"}, Lifetime: lifetime})
	if err != nil {
		t.Fatal(err)
	}
	return text, k
}

func scan(keys *apikey.Manager, file string) {
	// docs/api-keys.md:
	found := regexp.MustCompile(keys.Pattern())
	for _, text := range found.FindAllString(file, -1) {
		if _, id, err := apikey.Parse(text); err == nil {
			fmt.Println("key", id, "was found")
		}
	}
	// end
}

func Example_scan() {
	keys, err := apikey.New(nil, apikey.Config{
		Prefix: "example", Environments: []string{"test"},
		Owner:   func(_ context.Context, p *auth.Principal) (*auth.Principal, error) { return p, nil },
		Permits: func(*auth.Principal, string) bool { return true },
	})
	if err != nil {
		panic(err)
	}
	defer keys.Close(context.Background())
	scan(keys, `export KEY=example_test_4qLx0vJ2aYb7TzQm1Rk_ThisIsNoSecretButTheExampleOfTheManual000014EiTO7 # old:
		example_test_5qLx0vJ2aYb7TzQm1Rk_ThisIsNoSecretButTheExampleOfTheManual000014EiTO7`) // with a typing error
	// Output: key 4qLx0vJ2aYb7TzQm1Rk was found
}

func rotateOld(ctx context.Context, keys *apikey.Manager, subject string, vault func(name, text string) error) error {
	// docs/api-keys.md:
	// The keys of a subject that end within two weeks and are in use.
	list, err := keys.List(ctx, subject)
	if err != nil {
		return err
	}
	for _, k := range list {
		soon := !k.ExpiresAt.IsZero() && time.Until(k.ExpiresAt) < 14*24*time.Hour
		if !soon || !k.Live(time.Now()) || k.Successor != "" || k.LastUsedAt.IsZero() {
			continue
		}
		text, next, err := keys.Rotate(ctx, k.ID, apikey.RotateOptions{Overlap: 72 * time.Hour})
		if errors.Is(err, apikey.ErrRotated) {
			continue // another process was faster
		}
		if err != nil {
			return err
		}
		if err := vault(k.Name, text); err != nil {
			return errors.Join(err, keys.Revoke(ctx, next.ID)) // the old key is good for the overlap: make another by hand
		}
	}
	// end
	return nil
}

func leaks(mux *http.ServeMux, keys *apikey.Manager, tell func(subject, name string, from netip.Addr)) {
	// docs/api-keys.md:
	mux.HandleFunc("POST /leaked-keys", func(w http.ResponseWriter, r *http.Request) {
		k, err := keys.RevokeLeaked(r.Context(), r.PostFormValue("key"))
		if err != nil {
			problem.WriteError(w, r, err)
			return
		}
		tell(k.Subject, k.Name, k.LastUsedFrom)
		w.WriteHeader(http.StatusNoContent)
	})
	// end
}

func manyProcesses(ctx context.Context, client redis.UniversalClient, users auth.Current, permits func(*auth.Principal, string) bool) error {
	// docs/api-keys.md:
	store, err := redisstore.New(client, redisstore.Config{})
	if err != nil {
		return err
	}
	counts, err := throttleredis.New(client, throttleredis.Config{})
	if err != nil {
		return err
	}
	failures, err := throttle.New(counts, throttle.Config{Name: "apikey", Max: 60, Window: 5 * time.Minute})
	if err != nil {
		return err
	}
	keys, err := apikey.New(store, apikey.Config{
		Owner:    users, // how the owner stands now
		Permits:  permits,
		CacheFor: 10 * time.Second,
		Limits:   counts,
		Failures: failures,
	})
	if err != nil {
		return err
	}
	defer keys.Close(ctx) // writes the last uses that are noted
	// end
	return nil
}

// The page shows what is compiled here, word by word.
func TestPagePrograms(t *testing.T) {
	source, err := os.ReadFile("docs_test.go")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)\n```go\n(.*?\n)```\n").FindAllStringSubmatch(page(t), -1)
	run := regexp.MustCompile(`(?s)\n\t// docs/api-keys.md:\n(.*?\n)\t// end\n`).FindAllStringSubmatch(string(source), -1)
	if len(shown) != len(run) || len(run) == 0 {
		t.Fatalf("the page has %d programs, %d are here", len(shown), len(run))
	}
	for i := range run {
		if want := strings.ReplaceAll("\n"+run[i][1], "\n\t", "\n")[1:]; shown[i][1] != want {
			t.Errorf("program %d of the page should be\n%s", i+1, want)
		}
	}
}

func page(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/api-keys.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// And it does what the page says.
func TestPageRuns(t *testing.T) {
	t.Run("rotation: what is in use and ends soon, once", func(t *testing.T) {
		keys := demoKeys(t)
		old, oldKey := issue(t, keys, 24*time.Hour)
		issue(t, keys, 24*time.Hour)             // never used
		late, _ := issue(t, keys, 720*time.Hour) // ends late
		for _, text := range []string{old, late} {
			if _, err := keys.Verify(t.Context(), text, netip.MustParseAddr("192.0.2.1")); err != nil {
				t.Fatal(err)
			}
		}
		if err := keys.Close(t.Context()); err != nil { // writes the last uses
			t.Fatal(err)
		}
		vault := map[string]string{}
		put := func(name, text string) error { vault[name] = text; return nil }
		for range 2 {
			if err := rotateOld(t.Context(), keys, "alice", put); err != nil {
				t.Fatal(err)
			}
		}
		_, id, err := apikey.Parse(vault["backup"])
		if err != nil || len(vault) != 1 {
			t.Fatal(vault, err)
		}
		if k, err := keys.Find(t.Context(), oldKey.ID); err != nil || k.Successor != id {
			t.Errorf("%+v, %v", k, err)
		}
	})
	t.Run("leak: the key is revoked and its owner told", func(t *testing.T) {
		keys := demoKeys(t)
		text, _ := issue(t, keys, 0)
		mux, told := http.NewServeMux(), ""
		leaks(mux, keys, func(subject, name string, _ netip.Addr) { told = subject + " " + name })
		r := httptest.NewRequest("POST", "/leaked-keys", strings.NewReader(url.Values{"key": {text}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		if _, err := keys.Verify(t.Context(), text, netip.Addr{}); w.Code != 204 || told != "alice backup" || !errors.Is(err, apikey.ErrRevoked) {
			t.Error(w.Code, told, err)
		}
	})
	t.Run("many processes", func(t *testing.T) {
		c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", ContextTimeoutEnabled: true})
		defer c.Close()
		if err := manyProcesses(t.Context(), c, func(_ context.Context, p *auth.Principal) (*auth.Principal, error) { return p, nil }, func(*auth.Principal, string) bool { return true }); err != nil {
			t.Error(err)
		}
	})
}

// The format and the expressions of the page are those of the library.
func TestPageFormat(t *testing.T) {
	text := page(t)
	example := regexp.MustCompile(`(?m)^example_test_\S+$`).FindString(text)
	if prefix, id, err := apikey.Parse(example); err != nil || prefix != "example_test" || id != "4qLx0vJ2aYb7TzQm1Rk" {
		t.Errorf("the example %q: %q, %q, %v", example, prefix, id, err)
	}
	keys := demoKeys(t)
	if !strings.Contains(text, "```regexp\n"+keys.Pattern()+"\n```") || !strings.Contains(text, "regex = '''"+keys.Pattern()+"'''") {
		t.Errorf("the page has not the pattern %s", keys.Pattern())
	}
	github := regexp.MustCompile(`(?m)^Secret format: (.*)$`).FindStringSubmatch(text)[1]
	if `\b`+github+`\b` != keys.Pattern() {
		t.Errorf("GitHub: %s", github)
	}
	if found := regexp.MustCompile(github).FindString(regexp.MustCompile(`(?m)^Test string: .*$`).FindString(text)); found == "" {
		t.Error("GitHub: the test string is not found")
	}
	for range 50 {
		key, _ := issue(t, keys, 0)
		if !regexp.MustCompile("^" + github + "$").MatchString(key) {
			t.Fatalf("%s does not find %s", github, key)
		}
		if end := checksum(key); !strings.HasSuffix(key, end) {
			t.Fatalf("the checksum as the page tells it is %s: %s", end, key)
		}
		if err := keys.Revoke(t.Context(), key[10:29]); err != nil {
			t.Fatal(err)
		}
	}
	python, err := exec.LookPath("python3")
	if err != nil {
		return // the sentences above it are tested
	}
	program := regexp.MustCompile("(?s)\n```python\n(.*?\n)```\n").FindStringSubmatch(text)[1]
	out, err := exec.CommandContext(t.Context(), python, "-c", program+"print(is_key('"+example+"'), is_key('"+example[:20]+"x"+example[21:]+"'))").CombinedOutput()
	if err != nil || string(out) != "True False\n" {
		t.Errorf("Python: %s, %v", out, err)
	}
}

// checksum does what the page says in words.
func checksum(key string) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	n, end := crc32.ChecksumIEEE([]byte(key[:len(key)-6])), ""
	for range 6 {
		end = string(digits[n%62]) + end
		n /= 62
	}
	return end
}

// Every number of the table of limits is that of its constant.
func TestPageLimits(t *testing.T) {
	days := func(d time.Duration) string { return strconv.Itoa(int(d/(24*time.Hour))) + " days" }
	hours := func(d time.Duration) string { return strconv.Itoa(int(d/time.Hour)) + " hours" }
	minutes := func(d time.Duration) string { return strconv.Itoa(int(d/time.Minute)) + " minute" }
	for constant, value := range map[string]string{
		"DefaultMaxKeys": strconv.Itoa(apikey.DefaultMaxKeys), "DefaultLifetime": days(apikey.DefaultLifetime),
		"DefaultMaxLifetime": strings.TrimSuffix(days(apikey.DefaultMaxLifetime), " days"), "DefaultOverlap": hours(apikey.DefaultOverlap),
		"DefaultMaxOverlap": strings.TrimSuffix(hours(apikey.DefaultMaxOverlap), " hours"),
		"MaxName":           strconv.Itoa(apikey.MaxName), "MaxScopes": strconv.Itoa(apikey.MaxScopes), "MaxScope": strconv.Itoa(apikey.MaxScope),
		"MaxLabels": strconv.Itoa(apikey.MaxLabels), "MaxAddresses": strconv.Itoa(apikey.MaxAddresses), "MaxGrantSize": strconv.Itoa(apikey.MaxGrantSize),
		"Limit": strconv.Itoa(throttle.MaxRequests), "DefaultMaxFailures": strconv.Itoa(apikey.DefaultMaxFailures),
		"DefaultFailureWindow": minutes(apikey.DefaultFailureWindow), "DefaultTouchEvery": minutes(apikey.DefaultTouchEvery),
		"DefaultFreshFor": minutes(apikey.DefaultFreshFor), "DefaultCacheSize": strconv.Itoa(apikey.DefaultCacheSize), "Retention": days(apikey.Retention),
	} {
		row := regexp.MustCompile("(?m)^\\|.*`" + constant + "`.*\\|$").FindString(page(t))
		if !regexp.MustCompile(`\b` + value + `(\b|s)`).MatchString(row) {
			t.Errorf("%s is %s, and the row says %q", constant, value, row)
		}
	}
}
