package testkit_test

import (
	"net/http/httptest"
	"testing"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/testkit"
)

func TestAs(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	alice := &auth.Principal{Subject: "alice"}
	if p, ok := auth.FromContext(testkit.As(r, alice).Context()); !ok || p != alice {
		t.Errorf("got %v, %v", p, ok)
	}
	if p, ok := auth.FromContext(testkit.As(testkit.As(r, alice), nil).Context()); ok {
		t.Errorf("nobody is %v", p)
	}
	if p, ok := auth.FromContext(r.Context()); ok {
		t.Errorf("the first request has become one of %v", p)
	}
}
