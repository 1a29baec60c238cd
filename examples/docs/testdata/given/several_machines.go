package given

import (
	"context"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/session"
)

var (
	ctx    context.Context
	client redis.UniversalClient
	stores session.Store
)
