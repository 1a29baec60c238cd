package account_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/authtest"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/password/throttle"
	"github.com/go-sallyport/auth/problem"
)

// strangers adds an account of every sort and returns their addresses, with one
// that has none.
func strangers(g *rig) map[string]string {
	g.user("known@example.com")
	g.user("unverified@example.com", func(u *account.User) { u.Verified = false })
	g.user("disabled@example.com", func(u *account.User) { u.Disabled = true })
	g.user("oauth@example.com", func(u *account.User) { u.Hash = "" })
	g.user("foreign@example.com", func(u *account.User) { u.Hash = "no hash at all" })
	return map[string]string{
		"unknown": "unknown@example.com", "known": "known@example.com", "unverified": "unverified@example.com",
		"disabled": "disabled@example.com", "OAuth-only": "oauth@example.com", "foreign hash": "foreign@example.com",
	}
}

// same fails if two answers differ in anything but the date.
func same(t *testing.T, name string, got, want *authtest.Response) {
	t.Helper()
	got.Header.Del("Date")
	want.Header.Del("Date")
	if got.StatusCode != want.StatusCode || got.Body != want.Body || !reflect.DeepEqual(got.Header, want.Header) {
		t.Errorf("%s: %d %v %q\nwant %d %v %q", name, got.StatusCode, got.Header, got.Body, want.StatusCode, want.Header, want.Body)
	}
}

func TestRegister(t *testing.T) {
	t.Run("an account is made by the link", func(t *testing.T) {
		g := newRig(t)
		g.want(g.browser.PostJSON("/register", credentials("Alice@Example.com", oldPass)), 202)
		m := g.last(account.MessageVerify, "Alice@Example.com")
		if _, err := g.store.FindByEmail(t.Context(), alice); !errors.Is(err, account.ErrNotFound) {
			t.Fatalf("before the link: %v", err)
		}
		g.want(g.browser.PostJSON("/login", credentials(alice, oldPass)), 401)
		g.want(g.browser.PostJSON("/verify", object{"token": m.Token}), 204)
		u, err := g.store.FindByEmail(t.Context(), alice)
		g.must(err)
		if !u.Verified || u.Email != "Alice@Example.com" || !reflect.DeepEqual(u.Roles, []string{"customer"}) || !u.CreatedAt.Equal(g.clock.Now()) {
			t.Errorf("got %+v", u)
		}
		if body := g.login("ALICE@example.COM", oldPass).Get("/me").Body; body != "Alice@Example.com customer" {
			t.Errorf("signed in as %q", body)
		}
		g.want(g.browser.PostJSON("/verify", object{"token": m.Token}), 400)
	})

	t.Run("XCT-03 P17 the answer is the same for every sort of account, and so is the work", func(t *testing.T) {
		g := newRig(t)
		var want *authtest.Response
		for name, email := range strangers(g) {
			before := g.hasher.hashes.Load()
			got := g.want(g.browser.Another(t).PostJSON("/register", credentials(email, newPass)), 202)
			if n := g.hasher.hashes.Load() - before; n != 1 {
				t.Errorf("%s: %d hashes, want 1", name, n)
			}
			if want == nil {
				want = got
			}
			same(t, name, got, want)
		}
		for _, line := range g.inbox() {
			if strings.Contains(line, "disabled") {
				t.Errorf("mail to a disabled account: %s", line)
			}
		}
	})

	t.Run("XCT-03 nothing that depends on the account happens before the answer", func(t *testing.T) {
		g := newRig(t)
		g.user(alice)
		release := g.block()
		for _, email := range []string{alice, "new@example.com"} {
			g.want(g.browser.PostJSON("/register", credentials(email, oldPass)), 202)
		}
		release()
		if mail := g.inbox(); !reflect.DeepEqual(mail, []string{"already-registered " + alice, "verify new@example.com"}) {
			t.Errorf("mail: %v", mail)
		}
	})

	t.Run("what is not acceptable is told, whoever has the address", func(t *testing.T) {
		g := newRig(t)
		g.user(alice)
		for _, email := range []string{alice, "newcomer@example.com"} {
			for _, tc := range []struct {
				email, pw string
				code      problem.Code
			}{
				{email, "short", problem.PasswordRejected},
				{email, strings.Split(email, "@")[0] + "-password", problem.PasswordRejected},
				{email, strings.Repeat("x", 2000), problem.PasswordRejected},
				{email + "@", oldPass, problem.EmailInvalid},
				{"", oldPass, problem.EmailInvalid},
			} {
				if d := g.want(g.browser.PostJSON("/register", credentials(tc.email, tc.pw)), 422).Problem(); d.Code != tc.code {
					t.Errorf("%q, %.20q: %s", tc.email, tc.pw, d.Code)
				}
			}
		}
		if mail := g.inbox(); len(mail) != 0 {
			t.Errorf("mail: %v", mail)
		}
	})

	t.Run("P16 what is no address gets no mail", func(t *testing.T) {
		g := newRig(t)
		g.user("mike@example.com")
		for _, email := range []string{"m\u0131ke@example.com", "mike@example.com\uff20evil.example", "a@b@c", "mike@example.com.", "mike@example.com\r\nBcc: mallory@evil.example", strings.Repeat("a", 10<<10) + "@b.c"} {
			g.want(g.browser.PostJSON("/register", credentials(email, oldPass)), 422)
			g.want(g.browser.PostJSON("/forgot", object{"email": email}), 202)
			g.want(g.browser.PostJSON("/login", credentials(email, oldPass)), 401)
		}
		if mail := g.inbox(); len(mail) != 0 {
			t.Errorf("mail: %v", mail)
		}
	})

	t.Run("200 registrations of one address make one account", func(t *testing.T) {
		g := newRig(t, mailLimit(t, 1000))
		var wg sync.WaitGroup
		for i := range 200 {
			wg.Go(func() {
				if err := g.accounts.SignUp(context.Background(), account.Client{}, alice, fmt.Sprint(oldPass, i)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		mail := g.flush()
		if len(mail) != 200 {
			t.Fatalf("%d messages", len(mail))
		}
		var made sync.Map
		for _, m := range mail {
			for range 2 {
				wg.Go(func() {
					switch err := g.accounts.ConfirmEmail(context.Background(), account.Client{}, m.Token); {
					case err == nil:
						made.Store(m.Token, true)
					case !errors.Is(err, password.ErrToken):
						t.Error(err)
					}
				})
			}
		}
		wg.Wait()
		n := 0
		made.Range(func(any, any) bool { n++; return true })
		if n != 1 {
			t.Errorf("%d links have worked, want 1", n)
		}
		g.login(alice, g.winner(alice, 200))
	})

	t.Run("RLT-09 RLT-08 an address has a limit, and is told", func(t *testing.T) {
		g := newRig(t, func(cfg *account.Config) { cfg.ClientLimit = nil })
		for i := range 60 {
			g.want(g.browser.PostJSON("/register", credentials(fmt.Sprintf("u%d@example.com", i), oldPass)), 202)
			g.want(g.browser.PostJSON("/verify", object{"token": "x"}), 400)
			g.want(g.browser.PostJSON("/reset", object{"token": "x", "password": newPass}), 400)
		}
		for path, in := range map[string]object{
			"/register": credentials(alice, oldPass), "/verify": {"token": "x"}, "/reset": {"token": "x", "password": newPass},
		} {
			if resp := g.want(g.browser.PostJSON(path, in), 429); resp.Header.Get("Retry-After") == "" {
				t.Errorf("%s: no Retry-After", path)
			}
		}
		g.clock.Advance(time.Hour)
		g.want(g.browser.PostJSON("/register", credentials(alice, oldPass)), 202)
	})

	t.Run("RLT-09 P08 a mailbox gets no more than 5 messages in an hour, however it is written", func(t *testing.T) {
		g := newRig(t)
		for i := range 20 {
			for _, email := range []string{"al.ice@example.com", fmt.Sprintf("Alice+%d@example.com", i)} {
				g.want(g.browser.PostJSON("/register", credentials(email, oldPass)), 202)
			}
		}
		if mail := g.inbox(); len(mail) != 5 {
			t.Errorf("%d messages: %v", len(mail), mail)
		}
	})

	t.Run("a full outbox is told, whoever has the address", func(t *testing.T) {
		g := newRig(t)
		g.user(alice)
		g.must(g.outbox.Close(t.Context()))
		want := g.want(g.browser.PostJSON("/register", credentials("new@example.com", oldPass)), 503)
		same(t, "known", g.want(g.browser.PostJSON("/register", credentials(alice, oldPass)), 503), want)
		g.want(g.browser.PostJSON("/forgot", object{"email": alice}), 202)
	})
}

// block makes every look-up of the store wait until release is called.
func (g *rig) block() (release func()) {
	wait := make(chan struct{})
	g.store.steps.mu.Lock()
	g.store.steps.read = func() { <-wait }
	g.store.steps.mu.Unlock()
	return func() {
		g.store.steps.mu.Lock()
		g.store.steps.read = nil
		g.store.steps.mu.Unlock()
		close(wait)
	}
}

// winner returns which of n passwords is that of the account.
func (g *rig) winner(email string, n int) string {
	g.t.Helper()
	u, err := g.store.FindByEmail(g.t.Context(), email)
	g.must(err)
	for i := range n {
		if pw := fmt.Sprint(oldPass, i); g.fits(u.ID, pw) {
			return pw
		}
	}
	g.t.Fatal("the password is none of those that were registered")
	return ""
}

func mailLimit(t *testing.T, most int) func(*account.Config) {
	t.Helper()
	l, err := throttle.New(nil, throttle.Config{Name: "mail", Max: most, Window: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return func(cfg *account.Config) { cfg.MailLimit = l }
}

func TestBodies(t *testing.T) {
	g := newRig(t)
	u := g.user(alice)
	for name, tc := range map[string]struct {
		body   string
		status int
	}{
		"member twice":     {`{"email":"` + alice + `","email":"b@example.com","password":"` + oldPass + `"}`, 400},
		"list":             {`{"email":"` + alice + `","password":["` + oldPass + `"]}`, 400},
		"unknown member":   {`{"email":"` + alice + `","password":"` + oldPass + `","isAdmin":true}`, 400},
		"roles":            {`{"email":"` + alice + `","password":"` + oldPass + `","roles":["admin"]}`, 400},
		"deep":             {strings.Repeat(`{"email":`, 5000), 400},
		"10 MB":            {`{"email":"` + strings.Repeat("a", 10<<20) + `"}`, 413},
		"form sent as one": {"email=" + alice, 400},
	} {
		for _, path := range []string{"/register", "/login", "/forgot", "/reset", "/verify"} {
			t.Run("P19 XCT-10 "+name+" "+path, func(t *testing.T) {
				resp := g.browser.Another(t).Fetch("POST", path, tc.body, "Content-Type", "application/json")
				if resp.StatusCode != tc.status || len(resp.Cookies()) != 0 {
					t.Errorf("%d %s", resp.StatusCode, resp.Body)
				}
			})
		}
	}
	t.Run("XCT-10 another content type", func(t *testing.T) {
		for _, media := range []string{"text/plain", "", "multipart/form-data; boundary=x"} {
			g.want(g.browser.Fetch("POST", "/login", `{"email":"a","password":"b"}`, "Content-Type", media), 415)
		}
	})
	t.Run("GET and the like are refused and change nothing", func(t *testing.T) {
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "PATCH"} {
			for _, path := range []string{"/register", "/login", "/logout", "/forgot", "/reset", "/verify"} {
				if resp := g.want(g.browser.Fetch(method, path, nil), 405); resp.Header.Get("Allow") != "POST" {
					t.Errorf("%s %s: Allow %q", method, path, resp.Header.Get("Allow"))
				}
			}
		}
	})
	if mail := g.inbox(); len(mail) != 0 || !g.fits(u.ID, oldPass) {
		t.Errorf("something has happened: %v", mail)
	}
}

// TestPreHijack plays the attacks of the pre-hijacking study: somebody registers
// with the address of a victim, who comes later.
func TestPreHijack(t *testing.T) {
	t.Run("O16 by default nobody has an account in the name of another", func(t *testing.T) {
		g := newRig(t)
		g.want(g.browser.PostJSON("/register", credentials(alice, evilPass)), 202)
		theirs := g.last(account.MessageVerify, alice)
		g.want(g.browser.PostJSON("/login", credentials(alice, evilPass)), 401)
		g.want(g.browser.PostJSON("/register", credentials(alice, oldPass)), 202)
		own := g.last(account.MessageVerify, alice)
		// A later registration of the attacker does not void the link of the victim.
		g.want(g.browser.PostJSON("/register", credentials(alice, evilPass)), 202)
		g.want(g.browser.PostJSON("/verify", object{"token": own.Token}), 204)
		g.login(alice, oldPass)
		g.want(g.browser.PostJSON("/verify", object{"token": theirs.Token}), 400)
		g.want(g.browser.PostJSON("/login", credentials(alice, evilPass)), 401)
	})

	takeOver := func(t *testing.T, prove func(g *rig)) {
		claimed := 0
		g := newRig(t, func(cfg *account.Config) {
			cfg.Revokers = nil // Current is enough
			cfg.SkipVerification = true
			cfg.Claim = func(_ context.Context, subject string) error {
				if subject == "" {
					return errors.New("no subject")
				}
				claimed++
				return nil
			}
		})
		g.want(g.browser.PostJSON("/register", credentials(alice, evilPass)), 202)
		g.flush()
		mallory := g.login(alice, evilPass)
		g.want(mallory.Get("/me"), 200)
		// A pending change of address, to be confirmed later.
		g.want(mallory.PostJSON("/change-email", object{"password": evilPass, "email": "mallory@evil.example"}), 202)
		pending := g.last(account.MessageEmailChange, "mallory@evil.example")
		g.clock.Advance(time.Second)

		prove(g)
		if claimed == 0 {
			t.Error("Claim was not called")
		}
		g.want(mallory.Get("/me"), 401)
		g.want(g.browser.PostJSON("/login", credentials(alice, evilPass)), 401)
		g.want(g.browser.PostJSON("/verify", object{"token": pending.Token}), 400)
		u, err := g.store.FindByEmail(t.Context(), alice)
		g.must(err)
		if !u.Verified || !g.fits(u.ID, newPass) {
			t.Errorf("got %+v", u)
		}
		g.login(alice, newPass)
	}
	t.Run("O16 LNK-03 whoever registers later and has the mail takes an unproved account", func(t *testing.T) {
		takeOver(t, func(g *rig) {
			g.want(g.browser.PostJSON("/register", credentials(alice, newPass)), 202)
			g.want(g.browser.PostJSON("/verify", object{"token": g.last(account.MessageVerify, alice).Token}), 204)
		})
	})
	t.Run("O16 LNK-03 so does whoever resets its password", func(t *testing.T) {
		takeOver(t, func(g *rig) {
			g.want(g.browser.PostJSON("/reset", object{"token": g.resetToken(alice), "password": newPass}), 204)
		})
	})
	t.Run("O16 a proved account is nobody else's, and no proof claims it", func(t *testing.T) {
		g := newRig(t, func(cfg *account.Config) {
			cfg.Claim = func(context.Context, string) error { t.Error("Claim was called"); return nil }
		})
		g.want(g.browser.PostJSON("/register", credentials(alice, evilPass)), 202)
		link := g.last(account.MessageVerify, alice)
		u := g.user(alice)
		g.want(g.browser.PostJSON("/verify", object{"token": link.Token}), 400)
		g.want(g.browser.PostJSON("/reset", object{"token": g.resetToken(alice), "password": newPass}), 204)
		if !g.fits(u.ID, newPass) {
			t.Error("the password is not that of the reset")
		}
	})
	t.Run("O16 an account that is disabled stays it", func(t *testing.T) {
		g := newRig(t)
		u := g.user(alice, func(u *account.User) { u.Verified = false })
		g.want(g.browser.PostJSON("/register", credentials(alice, newPass)), 202)
		link := g.last(account.MessageVerify, alice)
		g.must(g.store.Update(t.Context(), u.ID, disable))
		g.want(g.browser.PostJSON("/verify", object{"token": link.Token}), 400)
		if now := g.stored(u.ID); now.Verified || !now.Disabled || !g.fits(u.ID, oldPass) {
			t.Errorf("got %+v", now)
		}
	})
	t.Run("O16 a Claim that fails leaves the account unproved, and the link finishes it", func(t *testing.T) {
		broken := true
		g := newRig(t, func(cfg *account.Config) {
			cfg.Claim = func(context.Context, string) error {
				if broken {
					return errors.New("links cannot be deleted")
				}
				return nil
			}
		})
		u := g.user(alice, func(u *account.User) { u.Verified = false })
		g.want(g.browser.PostJSON("/register", credentials(alice, newPass)), 202)
		link := g.last(account.MessageVerify, alice)
		g.want(g.browser.PostJSON("/verify", object{"token": link.Token}), 503)
		if g.stored(u.ID).Verified {
			t.Fatal("the account is proved")
		}
		broken = false
		g.want(g.browser.PostJSON("/verify", object{"token": link.Token}), 204)
		g.login(alice, newPass)
	})
}

func TestUnverified(t *testing.T) {
	t.Run("only who has the password learns that the address is not proved, and gets a link", func(t *testing.T) {
		g := newRig(t)
		g.user(alice, func(u *account.User) { u.Verified = false })
		want := g.browser.PostJSON("/login", credentials("nobody@example.com", evilPass))
		same(t, "wrong password", g.browser.PostJSON("/login", credentials(alice, evilPass)), want)
		resp := g.want(g.browser.PostJSON("/login", credentials(alice, oldPass)), 403)
		if resp.Problem().Code != problem.EmailUnverified || len(resp.Cookies()) != 0 {
			t.Errorf("%s %v", resp.Body, resp.Cookies())
		}
		g.want(g.browser.PostJSON("/verify", object{"token": g.last(account.MessageVerify, alice).Token}), 204)
		g.login(alice, oldPass)
	})
	t.Run("SkipVerification lets them in", func(t *testing.T) {
		g := newRig(t, func(cfg *account.Config) { cfg.SkipVerification = true })
		g.user(alice, func(u *account.User) { u.Verified = false })
		b := g.login(alice, oldPass)
		g.want(b.PostJSON("/change-email", object{"password": oldPass, "email": alice}), 202)
		g.want(b.PostJSON("/verify", object{"token": g.last(account.MessageVerify, alice).Token}), 204)
		u, err := g.store.FindByEmail(t.Context(), alice)
		g.must(err)
		if !u.Verified {
			t.Error("not proved by the link")
		}
		g.want(b.Get("/me"), 200)
	})
}

func TestCrossOrigin(t *testing.T) {
	t.Run("CSR-02 no other site can make a browser register, sign in, out, reset or verify", func(t *testing.T) {
		g := newRig(t)
		g.user(alice)
		b := g.login(alice, oldPass)
		token := g.resetToken(alice)
		for path, in := range map[string]object{
			"/register": credentials("new@example.com", oldPass), "/login": credentials(alice, oldPass), "/logout": {},
			"/forgot": {"email": alice}, "/reset": {"token": token, "password": newPass}, "/verify": {"token": token},
			"/change-password": {"current_password": oldPass, "password": newPass}, "/change-email": {"password": oldPass, "email": "b@example.com"}, "/delete": {"password": oldPass},
		} {
			for _, header := range [][]string{
				{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"},
				{"Origin", "https://evil.app.example.com", "Sec-Fetch-Site", "same-site"},
				{"Origin", "https://evil.example", "Sec-Fetch-Site", ""},
				{"Origin", "null", "Sec-Fetch-Site", ""},
				{"Origin", strings.Replace(b.URL(""), "https:", "http:", 1), "Sec-Fetch-Site", ""},
			} {
				if d := g.want(b.PostJSON(path, in, header...), 403).Problem(); d.Code != problem.CrossOrigin {
					t.Errorf("%s: %s", path, d.Code)
				}
			}
		}
		g.want(b.Get("/me"), 200)
		g.want(b.PostJSON("/reset", object{"token": token, "password": newPass}), 204)
	})
	t.Run("clients that are no browsers are served", func(t *testing.T) {
		g := newRig(t)
		g.user(alice)
		g.want(g.browser.PostJSON("/login", credentials(alice, oldPass), "Origin", "", "Sec-Fetch-Site", ""), 204)
	})
}
