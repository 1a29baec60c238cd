package browser

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// TestChiJWT uses the page of the chi example in three tabs, with access tokens
// that live for eight seconds, of which auth.js leaves the last five unused.
func TestChiJWT(t *testing.T) {
	const usable = 3 * time.Second
	base, announced := start(t, "chi-jwt", "-access", "8s")
	alice := demoAccounts(t, announced)["admin"]

	first := chromium(t)
	tabs := []context.Context{first}
	do(t, first,
		chromedp.Navigate(base),
		chromedp.WaitVisible("#login"),
		chromedp.SendKeys("[name=email]", alice[0]),
		chromedp.SendKeys("[name=password]", alice[1]+"\r"),
		chromedp.WaitVisible("#orders"))
	for range 2 {
		tab, cancel := chromedp.NewContext(first)
		t.Cleanup(cancel)
		do(t, tab, chromedp.Navigate(base), chromedp.WaitVisible("#orders"))
		tabs = append(tabs, tab)
	}

	// refreshes counts those of all tabs since they were opened.
	refreshes := func() (n int) {
		t.Helper()
		for _, tab := range tabs {
			n += ask(t, tab, chromedp.Evaluate[int](`performance.getEntriesByType("resource").filter((e) => e.name.endsWith("/auth/refresh")).length`))
		}
		return n
	}

	t.Run("RFT-11 no script can read the refresh token, and the access token is in no storage", func(t *testing.T) {
		kept := ask(t, first, chromedp.Evaluate[string](`document.cookie + JSON.stringify({ ...localStorage, ...sessionStorage })`))
		there, err := chromedp.Call(first, network.GetCookies, network.GetCookiesParams{})
		if err != nil {
			t.Fatal(err)
		}
		if c := there.Cookies; kept != "{}" || len(c) != 1 || !c[0].HTTPOnly || c[0].SameSite != network.CookieSameSiteStrict {
			t.Errorf("scripts can read %q, cookies %+v", kept, c)
		}
	})

	t.Run("R03 three tabs that find the token expired at once refresh once, and all go on", func(t *testing.T) {
		<-time.After(usable)
		before := refreshes()
		// Slow enough that the tabs, which begin within milliseconds of each other, meet.
		slow := network.EmulateNetworkConditionsByRuleParams{MatchedNetworkConditions: []*network.Conditions{
			{Latency: 400, DownloadThroughput: -1, UploadThroughput: -1}, // milliseconds, of every request
		}}
		at := time.Now().Add(time.Second).UnixMilli()
		for i, tab := range tabs {
			if _, err := chromedp.Call(tab, network.EmulateNetworkConditionsByRule, slow); err != nil {
				t.Fatal(err)
			}
			do(t, tab, chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`
				document.querySelector("[name=item]").value = "chair %d";
				setTimeout(() => document.querySelector("#add").requestSubmit(), %d - Date.now());
			`, i+1, at)))
		}
		for i, tab := range tabs {
			do(t, tab, chromedp.WaitVisible(fmt.Sprintf("//li[contains(., 'chair %d')]", i+1)))
		}
		if n := refreshes() - before; n != 1 {
			t.Errorf("%d refreshes", n)
		}
	})

	t.Run("RFT-12 a sign-out in one tab is one in all, and a reload shows nobody", func(t *testing.T) {
		do(t, tabs[1], chromedp.Click("#logout"))
		for _, tab := range tabs {
			do(t, tab, chromedp.WaitVisible("#login"))
			if page := text(t, tab); strings.Contains(page, "chair") || !strings.Contains(page, "Nobody is signed in.") {
				t.Errorf("the page says %q", page)
			}
		}
		do(t, first, chromedp.Reload(), chromedp.WaitVisible("#login"))
	})
}
