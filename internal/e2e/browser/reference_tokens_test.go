package browser

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/go-sallyport/auth/internal/e2e/running"
)

func walkTokens(t *testing.T, v *visit) {
	const email = "ivan@example.com"
	v.srv.Register(t, email, words)
	p := v.person(t)
	tabs := []*person{p, p.another(t), p.another(t)}
	refreshes := func(t *testing.T) (n int) {
		t.Helper()
		for _, tab := range tabs {
			n += ask(t, tab.tab, chromedp.Evaluate[int](`performance.getEntriesByType("resource").filter((e) => e.name.endsWith("/auth/token/refresh") && e.responseStatus === 200).length`))
		}
		return n
	}
	begin := func(p *person) {
		p.t.Helper()
		p.open("/tokens", "Access tokens")
		do(p.t, p.tab, chromedp.WaitVisible("form#sign-in"))
	}
	step(t, "a password gets a token, which gets the profile and the orders", func(t *testing.T) {
		p.t = t
		begin(p)
		p.look("tokens-login")
		do(t, p.tab, chromedp.SendKeys("input#email", email), chromedp.SendKeys("input#password", "not the one\r"), chromedp.WaitVisible("//*[@id='problem']/p[.='What you have typed does not fit. Check it, and try again.']"))
		p.look("tokens-refused")
		do(t, p.tab, chromedp.Evaluate[chromedp.Void](`document.querySelector("#password").value = ""`), chromedp.SendKeys("input#password", words+"\r"), chromedp.WaitVisible("#signed-in"))
		do(t, p.tab, chromedp.WaitVisible("//dl[@id='profile']/dd[text()='jwt']"))
		p.look("tokens")
		for _, tab := range tabs[1:] {
			tab.t = t
			tab.open("/tokens", "Access tokens")
			do(t, tab.tab, chromedp.WaitVisible("#signed-in"))
		}
	})
	step(t, "RFT-11 no script can read the refresh token, and the access token is in no storage", func(t *testing.T) {
		kept := ask(t, p.tab, chromedp.Evaluate[string](`document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage })`))
		there, err := chromedp.Call(p.tab, network.GetCookies, network.GetCookiesParams{})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range there.Cookies {
			if !c.HTTPOnly || c.Name == "refresh" && c.SameSite != network.CookieSameSiteStrict {
				t.Errorf("%+v", c)
			}
		}
		if kept != "{}" {
			t.Errorf("scripts can read %q", kept)
		}
	})
	step(t, "R03 three tabs that find the token expired at once refresh once, and all go on", func(t *testing.T) {
		<-time.After(tokenUsable)
		// Slow enough that the tabs, which begin within milliseconds of each other, meet.
		slow := network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: []*network.Conditions{
			{Latency: 300, DownloadThroughput: -1, UploadThroughput: -1}, // milliseconds, of every request
		}}
		at := time.Now().Add(time.Second).UnixMilli()
		for _, tab := range tabs {
			if _, err := chromedp.Call(tab.tab, network.EmulateNetworkConditionsByRule, slow); err != nil {
				t.Fatal(err)
			}
			do(t, tab.tab, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`
				performance.clearResourceTimings();
				document.querySelector("#orders").replaceChildren();
				setTimeout(() => document.querySelector("#load").click(), %d - Date.now());
			`, at)))
		}
		for _, tab := range tabs {
			do(t, tab.tab, chromedp.WaitVisible("#orders li"))
		}
		if n := refreshes(t); n != 1 {
			t.Errorf("%d refreshes", n)
		}
		for _, tab := range tabs {
			if _, err := chromedp.Call(tab.tab, network.EmulateNetworkConditionsByRule, network.EmulateNetworkConditionsByRuleParams{}); err != nil {
				t.Fatal(err)
			}
		}
	})
	step(t, "RFT-12 a sign-out in one tab is one in all, and a reload shows nobody", func(t *testing.T) {
		do(t, tabs[1].tab, chromedp.Click("#sign-out"))
		for _, tab := range tabs {
			do(t, tab.tab, chromedp.WaitVisible("form#sign-in"))
			if page := text(t, tab.tab); strings.Contains(page, email) || !strings.Contains(page, "Nobody is signed in with a token.") {
				t.Errorf("the page says %q", page)
			}
		}
		do(t, p.tab, chromedp.Reload(), chromedp.WaitVisible("form#sign-in"))
	})
	step(t, "a session of the same browser does not answer for a token", func(t *testing.T) {
		p.t = t
		p.signIn(email, words)
		p.click("//main//a[@href='/tokens']", "Access tokens")
		do(t, p.tab, chromedp.WaitVisible("form#sign-in"))
	})
	step(t, "MFA-07 a second factor is asked for here as well", func(t *testing.T) {
		p.t = t
		p.open("/account", "Your account")
		p.press("Set up an authenticator app", "Set up an authenticator app")
		secret := ask(t, p.tab, chromedp.Text("#secret"))
		p.fill("Turn it on", "Your recovery codes", "code", running.Code(t, secret, -30*time.Second))
		begin(p)
		do(t, p.tab, chromedp.SendKeys("input#email", email), chromedp.SendKeys("input#password", words+"\r"), chromedp.WaitVisible("form#second"))
		p.look("tokens-factor")
		do(t, p.tab, chromedp.SendKeys("input#code", "000000\r"), chromedp.WaitVisible("//*[@id='problem']/p[starts-with(., 'That code is not right')]"))
		do(t, p.tab, chromedp.Evaluate[chromedp.Void](`document.querySelector("#code").value = ""`), chromedp.SendKeys("input#code", running.Code(t, secret, 0)+"\r"), chromedp.WaitVisible("#signed-in"))
		do(t, p.tab, chromedp.Click("#sign-out"), chromedp.WaitVisible("form#sign-in"))
	})
}
