package storetest_test

import (
	"testing"

	"github.com/go-sallyport/auth/oauth"
	"github.com/go-sallyport/auth/oauth/storetest"
)

func TestMemoryLinks(t *testing.T) {
	storetest.RunLinks(t, func(*testing.T) oauth.LinkStore { return oauth.NewMemoryLinkStore(0) })
}

func TestMemoryTokens(t *testing.T) {
	storetest.RunTokens(t, func(*testing.T) oauth.TokenStore { return oauth.NewMemoryTokenStore(0) })
}

func TestMemoryConsumer(t *testing.T) {
	storetest.RunConsumer(t, func(*testing.T) oauth.Consumer { return oauth.NewMemoryConsumer(nil) })
}
