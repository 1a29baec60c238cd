package browser

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// pale lists what has too little contrast in the colours that are shown: text (WCAG 1.4.3)
// and the borders of fields (1.4.11).
const pale = `(() => {
	const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
	const rgba = (colour) => {
		canvas.clearRect(0, 0, 1, 1);
		canvas.fillStyle = colour;
		canvas.fillRect(0, 0, 1, 1);
		return [...canvas.getImageData(0, 0, 1, 1).data];
	};
	const over = (top, below) => [0, 1, 2].map((i) => (top[i] * top[3] + below[i] * (255 - top[3])) / 255);
	const behind = (e) => e ? over(rgba(getComputedStyle(e).backgroundColor), behind(e.parentElement)) : [255, 255, 255];
	const light = (colour) => {
		const [r, g, b] = colour.map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
	};
	const contrast = (colour, e) => {
		const pair = [light(over(rgba(colour), behind(e))), light(behind(e))];
		return Math.max(...pair) / Math.min(...pair);
	};
	const bad = [];
	for (const e of document.querySelectorAll("body *")) {
		if (!e.checkVisibility({ visibilityProperty: true })) continue;
		const style = getComputedStyle(e);
		const says = [...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.textContent.trim());
		if (says && contrast(style.color, e) < 4.5) bad.push("text of " + contrast(style.color, e).toFixed(1) + ":1: " + e.outerHTML);
		if (e.matches("input:not([type=checkbox], [type=radio])") && contrast(style.borderTopColor, e.parentElement) < 3)
			bad.push("border of " + contrast(style.borderTopColor, e.parentElement).toFixed(1) + ":1: " + e.outerHTML);
	}
	return bad.join("\n");
})()`

// small lists what a finger misses: less than 44 pixels either way (WCAG 2.5.5), but for
// links within a sentence. The label of a box is part of it.
const small = `(() => {
	const bad = [];
	for (const e of document.querySelectorAll("a[href]:not(.skip), button, summary, input:not([type=hidden])")) {
		if (!e.checkVisibility()) continue;
		const sentence = e.matches("a") && [...e.parentElement.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.textContent.trim());
		const parts = [e, ...(e.matches("[type=checkbox], [type=radio]") ? e.labels : [])].map((part) => part.getBoundingClientRect());
		const across = (from, to) => Math.max(...parts.map((p) => p[to])) - Math.min(...parts.map((p) => p[from]));
		const [width, height] = [across("left", "right"), across("top", "bottom")];
		if (!sentence && Math.min(width, height) < 43.9) bad.push("small, " + width.toFixed() + " by " + height.toFixed() + ": " + e.outerHTML);
	}
	return bad.join("\n");
})()`

// wide names what is beyond the right edge of the screen.
const wide = `document.documentElement.scrollWidth <= innerWidth ? "" :
	[...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > innerWidth).map((e) => "too wide: " + e.outerHTML.slice(0, 200)).join("\n") || "too wide"`

// readable finds what keeps somebody from reading the page or from pressing what is on
// it: who sees little, has a small screen or large fingers.
func (p *person) readable(name string) {
	p.t.Helper()
	without := func(how, fault string) {
		p.t.Helper()
		if bad := ask(p.t, p.tab, chromedp.Evaluate[string](fault)); bad != "" {
			p.t.Errorf("%s, %s: %s", name, how, bad)
		}
	}
	for _, scheme := range []string{"dark", "light"} {
		p.colours(scheme)
		without(scheme, pale)
	}
	if p.fingers {
		do(p.t, p.tab, chromedp.EmulateViewport(375, 900))
		without("on a phone", small)
	}
	do(p.t, p.tab, chromedp.EmulateViewport(320, 900)) // WCAG 1.4.10; as 1280 at 400%
	without("at 320 pixels", wide)
	do(p.t, p.tab, chromedp.EmulateViewport(640, 900), chromedp.Evaluate[chromedp.Void](`document.documentElement.style.fontSize = "200%"`)) // WCAG 1.4.4
	without("with text of 200%", wide)
	do(p.t, p.tab, chromedp.Evaluate[chromedp.Void](`document.documentElement.style.fontSize = ""`), chromedp.EmulateViewport(1200, 900))
}

// colours has the page shown as somebody has asked for who likes it light or dark.
func (p *person) colours(scheme string) {
	p.t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	if _, err := chromedp.Call(p.tab, emulation.SetEmulatedMedia, media); err != nil {
		p.t.Fatal(err)
	}
}

// sure presses what has to be confirmed, in the row that says row.
func (p *person) sure(t *testing.T, row, button, heading string) {
	t.Helper()
	details := "//li[contains(., '" + row + "')]//details"
	do(t, p.tab, chromedp.Click(details+"/summary"), chromedp.WaitVisible(details+"[@open]//button"))
	p.click(details+"//button[text()='"+button+"']", heading)
}
