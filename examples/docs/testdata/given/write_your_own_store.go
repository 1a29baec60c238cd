package given

import (
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/password/account"
)

var (
	store  password.TokenStore
	key    []byte
	outbox *account.Outbox
)
