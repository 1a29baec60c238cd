package auth_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
)

func TestContext(t *testing.T) {
	ctx := context.Background()
	if p, ok := auth.FromContext(ctx); ok || p != nil {
		t.Error("an empty context has a principal")
	}
	p := &auth.Principal{Subject: "u1"}
	ctx = auth.NewContext(ctx, p)
	type key struct{}
	if got, ok := auth.FromContext(context.WithValue(ctx, key{}, 1)); !ok || got != p {
		t.Errorf("got %v %v", got, ok)
	}
	if p, ok := auth.FromContext(auth.NewContext(ctx, nil)); ok || p != nil {
		t.Error("nil does not hide the outer principal")
	}
	if got := auth.NewContext(context.WithValue(context.Background(), key{}, 7), p).Value(key{}); got != 7 {
		t.Errorf("values of the parent are lost: %v", got)
	}
}

func TestPrincipal(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	full := func() *auth.Principal {
		return &auth.Principal{
			Subject: "u1", Method: auth.MethodJWT, CredentialID: "c1", Roles: []string{"a"}, Scopes: []string{},
			Factors: []auth.Factor{{Kind: auth.FactorOTP, At: now}, {Kind: auth.FactorOTP, At: now.Add(-time.Hour)}}, AuthenticatedAt: now,
			Attributes: map[string]string{"tenant": "t1"},
		}
	}
	p := full()
	c := p.Clone()
	if !reflect.DeepEqual(p, c) || !p.Equal(c) {
		t.Fatalf("clone differs: %+v", c)
	}
	c.Roles[0], c.Factors[0].Kind, c.Attributes["tenant"] = "x", "x", "x"
	if !reflect.DeepEqual(p, full()) {
		t.Errorf("a clone shares memory: %+v", p)
	}
	if (*auth.Principal)(nil).Clone() != nil {
		t.Error("the clone of nil is not nil")
	}

	// Every field counts: a field that Equal forgets would let CachedCurrent
	// serve one credential's answer to another.
	for i := range reflect.TypeFor[auth.Principal]().NumField() {
		q := full()
		reflect.ValueOf(q).Elem().Field(i).SetZero()
		if p.Equal(q) || q.Equal(p) {
			t.Errorf("Equal overlooks %s", reflect.TypeFor[auth.Principal]().Field(i).Name)
		}
	}
	if p.Equal(nil) || !(*auth.Principal)(nil).Equal(nil) {
		t.Error("Equal and nil")
	}

	if got := p.FactorAt(auth.FactorOTP); !got.Equal(now) {
		t.Errorf("the latest proof is %v", got)
	}
	if !p.FactorAt(auth.FactorPassword).IsZero() {
		t.Error("a factor that was never proved has a time")
	}
}
