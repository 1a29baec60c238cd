package hostileidp_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/testkit/hostileidp"
)

func get(t *testing.T, address string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(body)
}

func TestScripts(t *testing.T) {
	idp := hostileidp.New(t)
	at := idp.URL + string(hostileidp.Discovery)
	if status, body := get(t, at); status != 200 || !strings.Contains(body, `"issuer":"`+idp.URL+`"`) {
		t.Errorf("a good provider: %d %s", status, body)
	}
	idp.Script(hostileidp.Discovery, hostileidp.Change(func(o map[string]any) { o["issuer"] = "x"; o["jwks_uri"] = nil }))
	if status, body := get(t, at); status != 200 || !strings.Contains(body, `"issuer":"x"`) || strings.Contains(body, "jwks_uri") {
		t.Errorf("a changed answer: %d %s", status, body)
	}
	idp.Script(hostileidp.Discovery, hostileidp.Answer(503, "text/plain", "down"))
	if status, body := get(t, at); status != 503 || body != "down" {
		t.Errorf("a scripted answer: %d %s", status, body)
	}
	idp.Script(hostileidp.Discovery, nil)
	if status, _ := get(t, at); status != 200 || idp.Count(hostileidp.Discovery) != 4 {
		t.Errorf("%d after %d requests", status, idp.Count(hostileidp.Discovery))
	}
}

// Cases are found by their names.
func TestCasesHaveNames(t *testing.T) {
	idp := hostileidp.New(t)
	seen := make(map[string]bool)
	check := func(table, name string) {
		id, rest, ok := strings.Cut(name, " ")
		if !ok || len(id) < 3 || rest == "" || seen[table+name] {
			t.Errorf("%s: %q", table, name)
		}
		seen[table+name] = true
	}
	for table, cases := range map[string][]hostileidp.Case{
		"token": hostileidp.TokenCases(), "userinfo": hostileidp.UserInfoCases(), "mail": hostileidp.MailCases(),
		"discovery": idp.DiscoveryCases(), "keys": idp.KeyCases(),
	} {
		for _, c := range cases {
			check(table, c.Name)
		}
	}
	for _, c := range idp.IDTokenCases() {
		check("id token", c.Name)
	}
}
