package testkit_test

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/internal/testkit/faketb"
)

func ExampleCanary() {
	login := func(log *slog.Logger, user, password string) {
		credentials := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
		log.Warn("login failed", "header", "Basic "+credentials)
	}
	r := faketb.Run("TestLogin", func(t testing.TB) {
		canary := testkit.NewCanary(t)
		login(canary.Logger(), "alice", canary.Secret("password of alice"))
	})
	for _, line := range r.Log {
		_, line, _ = strings.Cut(line, "canary: ")
		line, _, _ = strings.Cut(line, ":")
		fmt.Println(line)
	}
	// Output:
	// password of alice (base64) in log as text
	// password of alice (base64) in log as JSON
}
