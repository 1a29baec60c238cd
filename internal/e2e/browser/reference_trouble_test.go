package browser

import (
	"net/http"
	"testing"

	"github.com/chromedp/chromedp"
)

// walkTrouble looks at the pages for what is nobody's fault, or for the fault of many. It
// comes last: if there is a Redis, it stops.
func walkTrouble(t *testing.T, v *visit) {
	p := v.member(t, "judy@example.com")
	step(t, "too many requests, and a page says what to do", func(t *testing.T) {
		p.t = t
		const path, many = "/api/v1/auth/token/refresh", "Too many requests"
		heading := ""
		for try := 0; heading != many && try < 10; try++ { // one more is let through each second
			for status := 0; status != http.StatusTooManyRequests; {
				res, err := http.Post(v.srv.URL+path, "", nil)
				if err != nil {
					t.Fatal(err)
				}
				_ = res.Body.Close()
				status = res.StatusCode
			}
			do(t, p.tab,
				chromedp.Evaluate[chromedp.Void](`document.documentElement.dataset.left = "";
					const form = document.createElement("form");
					form.method = "post";
					form.action = "`+path+`";
					document.body.append(form);
					form.submit();`),
				chromedp.WaitVisible("/html[not(@data-left)]//h1"))
			heading = ask(t, p.tab, chromedp.Text("//h1"))
		}
		if heading != many {
			t.Fatalf("the page is %q", heading)
		}
		p.reads("Wait a while, and try again.")
		p.look("problem-many")
	})
	if v.redis == nil {
		return
	}
	step(t, "a store that is down, and a page says whose fault it is", func(t *testing.T) {
		p.t = t
		v.redis.Stop()
		p.open("/account", "The service cannot answer right now")
		p.reads("This does not work at the moment.")
		p.look("problem-down")
		do(t, p.tab, chromedp.WaitVisible("//a[.='Back to the start']"))
		v.redis.Start()
	})
}
