package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestOIDC signs in with the provider of the example, links another identity and signs
// out at both ends, through the forms of both and under the policy of the pages.
func TestOIDC(t *testing.T) {
	base, _ := start(t, "oidc")
	ctx := chromium(t)
	choose := func(who string) {
		t.Helper()
		do(t, ctx,
			chromedp.WaitVisible("//button[text()='Allow']"),
			chromedp.Click("//label[contains(., '"+who+"')]"),
			chromedp.Click("//button[text()='Allow']"),
			chromedp.WaitVisible("//h1[text()='Your account']"))
	}
	do(t, ctx, chromedp.Navigate(base+"/account")) // leads to the provider, and the provider back here
	choose("Alice")
	if page := text(t, ctx); !strings.Contains(page, "alice@example.com") || strings.Contains(page, "bob") {
		t.Fatalf("the page says %q", page)
	}
	do(t, ctx, chromedp.Click("//button[text()='Link another identity']"))
	choose("Bob")
	if page := text(t, ctx); !strings.Contains(page, "bob") {
		t.Errorf("the page says %q", page)
	}
	visible := ask(t, ctx, chromedp.Evaluate[string](`document.cookie`))
	if visible != "" {
		t.Errorf("document.cookie %q", visible)
	}
	do(t, ctx,
		chromedp.Click("//button[text()='Sign out']"),
		chromedp.WaitVisible("//h1[text()='Welcome']"),
		chromedp.Navigate(base+"/account"),
		chromedp.WaitVisible("//button[text()='Deny']"),
		chromedp.Click("//button[text()='Deny']"),
		chromedp.WaitVisible("//h1[text()='The sign-in was refused at the other service']"))
}
