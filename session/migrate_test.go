package session_test

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
	"github.com/go-sallyport/auth/session"
)

// Example_migrateSCS is the first program of docs/migrate-sessions.md.
func Example_migrateSCS() {
	mux := http.NewServeMux()

	// docs/migrate-sessions.md:
	manager := scs.New()
	sessions, err := session.New(nil, session.Config{SCS: manager}) // 1: new
	if err != nil {
		log.Fatal(err)
	}
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		user := "42"                                                       // your check of the password stays
		err := sessions.Begin(r.Context(), &auth.Principal{Subject: user}) // 2: was manager.RenewToken and manager.Put
		if err != nil {
			problem.WriteError(w, r, err)
			return
		}
		manager.Put(r.Context(), "theme", "dark") // as before
	})
	mux.HandleFunc("POST /logout", func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.SignOut(r.Context()); err != nil { // 3: was manager.Destroy
			problem.WriteError(w, r, err)
		}
	})
	member := auth.Require(sessions) // 4: was a look at manager.GetString(ctx, "user")
	mux.Handle("GET /", member(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		_, _ = fmt.Fprintln(w, p.Subject, manager.GetString(r.Context(), "theme")) // as before
	})))
	site := sessions.Handler(mux) // 5: was manager.LoadAndSave(mux)
	// end

	login := visit(site, "POST", "/login", "")
	fmt.Println(visit(site, "GET", "/", cookieOf(login)).StatusCode)
	visit(site, "POST", "/logout", cookieOf(login))
	fmt.Println(visit(site, "GET", "/", cookieOf(login)).StatusCode)
	// Output:
	// 200
	// 401
}

// Example_migrateStore is the second one.
func Example_migrateStore() {
	old := memstore.NewWithCleanupInterval(0)

	// docs/migrate-sessions.md:
	store, err := session.FromSCS(old) // old: mysqlstore.New(db), for example
	if err != nil {
		log.Fatal(err)
	}
	sessions, err := session.New(store, session.Config{})
	if err != nil {
		log.Fatal(err)
	}
	// end

	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		if err := sessions.SignIn(w, r, &auth.Principal{Subject: "42"}); err != nil {
			problem.WriteError(w, r, err)
		}
	})
	fmt.Println(visit(sessions.Handler(mux), "POST", "/login", "").StatusCode)
	// Output: 204
}

// Example_migrateGorilla is the third one.
func Example_migrateGorilla() {
	mux := http.NewServeMux()

	// docs/migrate-sessions.md:
	sessions, err := session.New(nil, session.Config{Keep: []string{"cart"}})
	if err != nil {
		log.Fatal(err)
	}
	csrf, err := session.NewCSRF(sessions, session.CSRFConfig{})
	if err != nil {
		log.Fatal(err)
	}
	values := sessions.SCS()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		user := "42" // your check of the password stays
		if err := sessions.SignIn(w, r, &auth.Principal{Subject: user}); err != nil {
			problem.WriteError(w, r, err)
		}
	})
	mux.HandleFunc("POST /cart", func(_ http.ResponseWriter, r *http.Request) {
		n := values.GetInt(r.Context(), "cart")
		values.Put(r.Context(), "cart", n+1)
		values.Put(r.Context(), "flash", "It is in the cart.")
	})
	mux.Handle("GET /account", auth.Require(sessions)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, _ := auth.FromContext(r.Context())
		flash := values.PopString(r.Context(), "flash")
		_, _ = fmt.Fprintln(w, p.Subject, values.GetInt(r.Context(), "cart"), flash)
	})))
	mux.Handle("POST /logout", sessions.SignOutHandler())
	site := sessions.Handler(csrf.Handler(mux))
	// end

	cart := visit(site, "POST", "/cart", "")
	login := visit(site, "POST", "/login", cookieOf(cart))
	fmt.Println(visit(site, "GET", "/account", cookieOf(login)).StatusCode)
	visit(site, "POST", "/logout", cookieOf(login))
	fmt.Println(visit(site, "GET", "/account", cookieOf(login)).StatusCode)
	// Output:
	// 200
	// 401
}

// TestMigratePage holds docs/migrate-sessions.md to what is compiled and run
// above.
func TestMigratePage(t *testing.T) {
	page, err := os.ReadFile("../docs/migrate-sessions.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("migrate_test.go")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)\n```go\n(.*?\n)```\n").FindAllStringSubmatch(string(page), -1)
	run := regexp.MustCompile(`(?s)\n\t// docs/migrate-sessions.md:\n(.*?\n)\t// end\n`).FindAllStringSubmatch(string(source), -1)
	if len(shown) != len(run) || len(run) == 0 {
		t.Fatalf("the page has %d programs, %d are run", len(shown), len(run))
	}
	for i := range run {
		want := strings.ReplaceAll("\n"+run[i][1], "\n\t", "\n")[1:]
		if shown[i][1] != want {
			t.Errorf("program %d of the page is not what is run; it should be\n%s", i+1, want)
		}
	}
	if n := strings.Count(string(page), "```"); n%2 != 0 {
		t.Errorf("%d fences", n)
	}
	for _, name := range regexp.MustCompile(`Config\.(\w+)`).FindAllStringSubmatch(string(page), -1) {
		if !hasField(session.Config{}, name[1]) && !hasField(session.CSRFConfig{}, name[1]) {
			t.Errorf("the page names %s, which does not exist", name[0])
		}
	}
}

// hasField reports whether a struct prints a field of that name.
func hasField(v any, name string) bool {
	return strings.Contains(fmt.Sprintf("%+v", v), name+":")
}
