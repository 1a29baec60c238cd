package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password/account"
	"github.com/go-sallyport/auth/rbac"
)

func TestAudit(t *testing.T) {
	t.Run("a change of roles is told to the log as well", func(t *testing.T) {
		stores, err := openStores(t.Context(), config{DB: filepath.Join(t.TempDir(), "test.db")})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = stores.close() })
		var told []auth.Event
		s := &service{stores: stores, onEvent: func(_ context.Context, e auth.Event) { told = append(told, e) }}
		id, err := stores.users.Create(t.Context(), account.User{ID: "7", Email: alice, Canonical: alice, CreatedAt: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		ctx := auth.NewContext(t.Context(), &auth.Principal{Subject: "1"})
		if err := s.changeRoles(ctx, id, []string{"manager"}); err != nil {
			t.Fatal(err)
		}
		if len(told) != 1 || told[0].Kind != "admin.roles" || told[0].Subject != id || told[0].Resource != "manager by 1" {
			t.Errorf("%+v", told)
		}
	})
	t.Run("what a client has sent keeps no record out of the table", func(t *testing.T) {
		for _, s := range []string{strings.Repeat("é", 200), "a\x00b", "a\xffb", "a\r\nb"} {
			if got := cut(s, 255); !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\r\n") || len(got) > 255 || got == "" {
				t.Errorf("%q becomes %q", s, got)
			}
		}
	})
	t.Run("who may see users does not see the audit log by that", func(t *testing.T) {
		roles["support"] = rbac.Role{Permissions: []rbac.Permission{"users:read"}}
		defer delete(roles, "support")
		s := start(t)
		admin, support := s.administrator(), s.member(alice, first)
		id := support.call("GET", "/api/v1/profile", nil).text("data", "id")
		admin.want(admin.call("PUT", "/api/v1/admin/users/"+id+"/roles", object{"roles": []string{"support"}}), 200)
		support.want(support.call("GET", "/api/v1/admin/audit", nil), 403)
		if a := support.want(support.page("/admin"), 200); strings.Contains(a.body, "What has happened") || strings.Contains(a.body, "<table") {
			t.Error("the page shows it")
		}
		if a := admin.want(admin.page("/admin"), 200); !strings.Contains(a.body, "What has happened") {
			t.Error(a.body)
		}
	})
}
