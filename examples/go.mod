module github.com/go-sallyport/auth/examples

go 1.26.0

require (
	github.com/go-chi/chi/v5 v5.5.0
	github.com/go-sallyport/auth v0.0.0
	github.com/redis/go-redis/v9 v9.23.0
)

require (
	github.com/alexedwards/scs/v2 v2.9.0 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/golang-jwt/jwt/v5 v5.3.1 // indirect
	go.uber.org/atomic v1.12.0 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace github.com/go-sallyport/auth => ../
