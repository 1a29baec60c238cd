package clientip_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"

	"github.com/go-sallyport/auth/internal/clientip"
)

// An attacker at 203.0.113.9 claims another address. The two proxies have
// appended what they saw.
func ExampleResolver_Resolve() {
	r := httptest.NewRequest(http.MethodPost, "/login", nil)
	r.RemoteAddr = "10.0.0.2:50000"
	r.Header.Set("X-Forwarded-For", "198.51.100.1, 203.0.113.9, 10.0.0.1")

	var direct clientip.Resolver // no proxies: no header is read
	fmt.Println(direct.Resolve(r))

	behind, err := clientip.New(clientip.Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/28")}})
	if err != nil {
		panic(err)
	}
	fmt.Println(behind.Resolve(r))
	// Output:
	// 10.0.0.2 <nil>
	// 203.0.113.9 <nil>
}

func ExampleGroup() {
	for _, s := range []string{"192.0.2.1", "::ffff:192.0.2.1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::9"} {
		fmt.Println(clientip.Group(netip.MustParseAddr(s)))
	}
	// Output:
	// 192.0.2.1/32
	// 192.0.2.1/32
	// 2001:db8:1:2::/64
	// 2001:db8:1:2::/64
}
