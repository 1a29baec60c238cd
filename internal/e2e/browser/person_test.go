package browser

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
)

// A person uses a site in a tab of a browser.
type person struct {
	t       *testing.T
	tab     context.Context
	base    string
	fingers bool // large ones, for which the pages have to be made: see small
}

// open goes to a page and waits for its heading.
func (p *person) open(path, heading string) {
	p.t.Helper()
	do(p.t, p.tab, chromedp.Navigate(p.base+path), chromedp.WaitVisible("//h1[text()='"+heading+"']"))
}

// fill types into the fields, name and text in turn, and presses the button.
func (p *person) fill(button, heading string, fields ...string) {
	p.t.Helper()
	for i := 0; i < len(fields); i += 2 {
		p.typeInto("input#"+fields[i], fields[i+1])
	}
	p.press(button, heading)
}

// typeInto inserts text at once: key by key it takes longer than all else.
func (p *person) typeInto(field, text string) {
	p.t.Helper()
	do(p.t, p.tab, chromedp.WaitVisible(field), chromedp.Focus(field))
	if _, err := chromedp.Call(p.tab, input.InsertText, input.InsertTextParams{Text: text}); err != nil {
		p.t.Fatal(err)
	}
}

// press waits for the page after the button, which may have the heading of this one.
func (p *person) press(button, heading string) {
	p.t.Helper()
	p.click("//button[normalize-space()='"+button+"']", heading)
}

// click is press for anything that leads to a page.
func (p *person) click(what, heading string) {
	p.t.Helper()
	do(p.t, p.tab,
		chromedp.Evaluate[chromedp.Void](`document.documentElement.dataset.left = ""`),
		chromedp.Click(what),
		chromedp.WaitVisible("/html[not(@data-left)]//h1[text()='"+heading+"']"))
}

// reads waits for the page to say something.
func (p *person) reads(want string) {
	p.t.Helper()
	do(p.t, p.tab, chromedp.WaitVisible("//main//*[contains(., '"+want+"')]"))
}

// another is a second tab of the same browser, which is closed when t ends.
func (p *person) another(t *testing.T) *person {
	t.Helper()
	tab, cancel := chromedp.NewContext(p.tab)
	t.Cleanup(cancel)
	return &person{t, tab, p.base, p.fingers}
}

// faults lists what would keep somebody from using the page without a mouse, an eye or a
// wide screen, as far as a script can tell.
const faults = `(() => {
	const all = (what) => [...document.querySelectorAll(what)];
	const bad = [];
	const ids = all("[id]").map((e) => e.id);
	for (const id of ids.filter((id, i) => ids.indexOf(id) !== i)) bad.push("twice #" + id);
	if (all("h1").length !== 1 || !document.title || !document.documentElement.lang) bad.push("no one heading, title or language");
	const levels = all("h1, h2, h3").map((e) => Number(e.tagName[1]));
	if (!document.querySelector(".error") && levels.some((l, i) => l > (levels[i - 1] ?? 0) + 1)) bad.push("a heading skips a level: " + levels);
	for (const e of all("input:not([type=hidden])")) {
		if (e.labels.length === 0 && !e.ariaLabel) bad.push("no label: " + e.outerHTML);
		if (["email", "password"].includes(e.type) && !e.autocomplete) bad.push("no autocomplete: " + e.outerHTML);
	}
	for (const e of all("button, a")) if (!e.textContent.trim() && !e.ariaLabel) bad.push("no name: " + e.outerHTML);
	for (const e of all("button[aria-label], a[aria-label]")) // WCAG 2.5.3: who speaks says what is there to read
		if (!e.ariaLabel.includes(e.textContent.trim())) bad.push("not named as it reads: " + e.outerHTML);
	for (const e of all("time")) if (!e.dateTime) bad.push("no datetime: " + e.outerHTML);
	if (document.querySelector(".error[tabindex]") && !document.title.startsWith("Error: ")) bad.push("the title does not say that there is an error");
	for (const e of all("img")) if (!e.alt) bad.push("no alt: " + e.outerHTML);
	for (const name of ["aria-describedby", "aria-labelledby", "for"])
		for (const e of all("[" + name + "]")) for (const id of e.getAttribute(name).split(" ")) if (!ids.includes(id)) bad.push(name + " of nothing: " + id);
	for (const e of all("a[href^='#']")) if (!ids.includes(e.hash.slice(1))) bad.push("leads nowhere: " + e.hash);
	if (document.documentElement.scrollWidth > innerWidth) bad.push("wider than the screen by " + (document.documentElement.scrollWidth - innerWidth));
	return bad.join("\n");
})()`

// look finds faults of the page at the width of a phone, and keeps pictures of it, for
// people, where SALLYPORT_SHOTS names a folder.
func (p *person) look(name string) {
	p.t.Helper()
	const loaded = `new Promise((done) => document.readyState === "complete" ? done("") : addEventListener("load", () => done("")))`
	ask(p.t, p.tab, chromedp.Evaluate[string](loaded, chromedp.EvalAwaitPromise)) // or there may be no style yet
	do(p.t, p.tab, chromedp.EmulateViewport(390, 900))
	if bad := ask(p.t, p.tab, chromedp.Evaluate[string](faults)); bad != "" {
		p.t.Errorf("%s: %s", name, bad)
	}
	do(p.t, p.tab, chromedp.EmulateViewport(1200, 900))
	p.readable(name)
	dir := os.Getenv("SALLYPORT_SHOTS")
	if dir == "" {
		return
	}
	for _, scheme := range []string{"light", "dark"} {
		p.colours(scheme)
		for width, suffix := range map[int64]string{1200: "desktop", 390: "phone"} {
			do(p.t, p.tab, chromedp.EmulateViewport(width, 900))
			if err := os.WriteFile(filepath.Join(dir, name+"-"+suffix+"-"+scheme+".png"), ask(p.t, p.tab, chromedp.FullScreenshot(100)), 0o600); err != nil {
				p.t.Fatal(err)
			}
		}
	}
	do(p.t, p.tab, chromedp.EmulateViewport(1200, 900))
}

// phone gives the tab a virtual authenticator that has verified its user.
func (p *person) phone() {
	p.t.Helper()
	if _, err := chromedp.Call(p.tab, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		p.t.Fatal(err)
	}
	options := webauthn.VirtualAuthenticatorOptions{
		Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
		HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
	}
	if _, err := chromedp.Call(p.tab, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &options}); err != nil {
		p.t.Fatal(err)
	}
}

// step is a subtest without which those after it make no sense.
func step(t *testing.T, name string, do func(t *testing.T)) {
	t.Helper()
	if !t.Run(name, do) {
		t.FailNow()
	}
}
