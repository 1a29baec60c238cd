package browser

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/go-sallyport/auth/internal/e2e/running"
)

func walkSessions(t *testing.T, v *visit) {
	const email = "frank@example.com"
	p := v.member(t, email)
	step(t, "SES-16 the list has every browser, and ends one", func(t *testing.T) {
		p.t = t
		other := v.person(t)
		other.signIn(email, words)
		p.open("/account", "Your account")
		p.reads("this one")
		p.look("sessions")
		if n := ask(t, p.tab, chromedp.Evaluate[int](`document.querySelectorAll("section[aria-labelledby=sessions] li").length`)); n != 2 {
			t.Fatalf("%d sessions", n)
		}
		p.press("End", "Your account")
		p.reads("That session is ended.")
		other.open("/account", "Sign in")
	})
	step(t, "SES-16 all others end at once", func(t *testing.T) {
		p.t = t
		one, two := v.person(t), v.person(t)
		one.signIn(email, words)
		two.signIn(email, words)
		p.press("End all others", "Your account")
		p.reads("All other sessions are ended.")
		one.open("/account", "Sign in")
		two.open("/account", "Sign in")
		p.open("/account", "Your account")
	})
}

func walkKeys(t *testing.T, v *visit) {
	p := v.member(t, "grace@example.com")
	key := ""
	step(t, "KEY-01 a key is shown once, and works", func(t *testing.T) {
		p.t = t
		do(t, p.tab, chromedp.Click(`input#scope-orders\:read`))
		p.fill("Make a key", "Your new key", "key_name", "backup")
		p.look("key")
		key = ask(t, p.tab, chromedp.Text("#new-key"))
		v.srv.Key(key).Want(t, v.srv.Key(key).Call(t, "GET", "/api/v1/orders", nil), 200)
		p.click("//a[text()='I have copied it']", "Your account")
		if strings.Contains(text(t, p.tab), key) {
			t.Error("the key is shown again")
		}
		p.look("account-key")
	})
	step(t, "it is revoked", func(t *testing.T) {
		p.t = t
		p.sure(t, "backup", "Yes, revoke it", "Your account")
		p.reads("The key is revoked.")
		v.srv.Key(key).Want(t, v.srv.Key(key).Call(t, "GET", "/api/v1/orders", nil), 401)
	})
}

func walkRoles(t *testing.T, v *visit) {
	const email = "heidi@example.com"
	p, boss := v.member(t, email), v.administrator(t)
	give := func(role, notice string) {
		t.Helper()
		boss.open("/admin", "Administration")
		do(t, boss.tab, chromedp.Click("//fieldset[legend='Roles of "+email+"']//input[@value='"+role+"']"))
		boss.click("//fieldset[legend='Roles of "+email+"']//button", "Administration")
		boss.reads(notice)
	}
	step(t, "RBA-06 a role counts at the next request of whom it was given to, and is gone at the next one", func(t *testing.T) {
		p.t, boss.t = t, t
		p.open("/orders", "Orders")
		if strings.Contains(text(t, p.tab), "New order") {
			t.Error("a customer is offered to order")
		}
		p.look("orders-customer")
		give("manager", "The roles are changed")
		p.open("/orders", "Orders")
		p.fill("Order", "Orders", "item", "A lamp <b>")
		p.reads("A lamp <b>")
		if strings.Contains(text(t, p.tab), "Delete") {
			t.Error("a manager is offered to delete")
		}
		p.look("orders")
		give("manager", "The roles are changed")
		p.fill("Order", "You may not do this", "item", "Another lamp") // the form is still there
		p.open("/orders", "Orders")
		if page := text(t, p.tab); strings.Contains(page, "Another lamp") || strings.Contains(page, "New order") {
			t.Errorf("the page says %q", page)
		}
		boss.open("/orders", "Orders")
		boss.sure(t, "A lamp <b>", "Yes, delete it", "Orders")
		boss.reads("There are no orders yet.")
	})
	step(t, "the last administrator stays one, and the form says so", func(t *testing.T) {
		boss.t = t
		boss.open("/admin", "Administration")
		form := "//form[.//legend='Roles of " + running.AdminEmail + "']"
		do(t, boss.tab, chromedp.Click(form+"//input[@value='admin']"))
		boss.click(form+"//button", "Administration")
		do(t, boss.tab, chromedp.WaitVisible(form+"//p[starts-with(., 'This is the last administrator.')]"), chromedp.WaitVisible(form+"//input[@value='admin' and @checked]"))
		boss.look("admin-last")
	})
	step(t, "XCT-04 the audit log has it", func(t *testing.T) {
		boss.t = t
		boss.open("/admin", "Administration")
		boss.look("admin")
		row := "//tr[td[.//code='admin.roles'] and td[text()='" + email + "']]"
		do(t, boss.tab, chromedp.WaitVisible(row))
		p.t = t
		p.open("/admin", "You may not do this")
	})
}

// walkForgery posts forms from another port of the same host. To a browser that is the
// same site, so it sends the cookies, also those of SameSite=Lax: what is refused is
// refused by the origin.
func walkForgery(t *testing.T, v *visit) {
	p := v.administrator(t)
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, `<form method="post" action="%s%s"><input name="item" value="forged"><input name="email" value="mallory@example.com">
			<input name="password" value=%q><button id="go">Go</button></form>`, v.srv.Base, r.URL.Path, words)
	}))
	defer evil.Close()
	v.srv.Register(t, "mallory@example.com", words)
	forge := func(t *testing.T, path string) {
		t.Helper()
		do(t, p.tab, chromedp.Navigate(evil.URL+path), chromedp.Click("#go"))
		p.reads("CROSS_ORIGIN")
	}
	step(t, "CSR-01 a form of another origin places no order, and signs nobody out", func(t *testing.T) {
		p.t = t
		for _, path := range []string{"/orders", "/logout", "/account/sessions/end-others", "/account/delete", "/account/factor/enable", "/admin/users/x/roles"} {
			forge(t, path)
		}
		p.open("/orders", "Orders")
		if strings.Contains(text(t, p.tab), "forged") {
			t.Error("the order was placed")
		}
		p.open("/account", "Your account")
		p.reads(running.AdminEmail)
	})
	step(t, "CSR-02 nor does it sign anybody in, or register", func(t *testing.T) {
		p.t = t
		for _, path := range []string{"/login", "/register", "/login/factor", "/forgot-password", "/api/v1/auth/login", "/api/v1/auth/token"} {
			forge(t, path)
		}
		p.open("/account", "Your account")
		p.reads(running.AdminEmail)
	})
}
