package main

import (
	"net/url"
	"strings"
	"testing"
)

func TestAdminPage(t *testing.T) {
	s := start(t)
	admin := s.administrator()
	id := admin.call("GET", "/api/v1/profile", nil).text("data", "id")
	form := "/admin/users/" + id + "/roles"
	t.Run("the form of the last administrator comes back with the reason", func(t *testing.T) {
		a := admin.want(admin.post(form, url.Values{"user": {id}, "role": {"customer"}}), 409)
		for _, want := range []string{
			"<title>Error: Administration", `<a href="#roles-` + id + `">This is the last administrator.`, `<fieldset id="roles-` + id + `"`,
			`<p class="wrong">This is the last administrator.`, `value="admin" checked`,
		} {
			if !strings.Contains(a.body, want) {
				t.Errorf("%s is not in %s", want, a.body)
			}
		}
	})
	t.Run("who has leafed to other users stays there", func(t *testing.T) {
		const after = "?after=aaron%40example.com"
		if page := admin.want(admin.page("/admin"+after), 200); !strings.Contains(page.body, form+"?after=aaron%40example.com") {
			t.Error(page.body)
		}
		a := admin.want(admin.post(form+after, url.Values{"user": {id}, "role": {"admin"}}), 303)
		if to := a.Header.Get("Location"); to != "/admin"+after+"&notice=roles" {
			t.Error(to)
		}
	})
}
