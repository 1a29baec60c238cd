package problem_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"

	"github.com/go-sallyport/auth/problem"
)

func ExampleDetails() {
	d := problem.New(problem.Forbidden).WithDetail("Only the owner may cancel an order.").With("order", 17)
	b, _ := json.Marshal(d)
	fmt.Println(string(b))
	// Output: {"type":"https://github.com/go-sallyport/auth/blob/main/docs/problems.md#forbidden","title":"You may not do this","status":403,"detail":"Only the owner may cancel an order.","code":"FORBIDDEN","order":17}
}

func ExampleWriteError() {
	ErrSuspended := problem.Sentinel(problem.Forbidden, "shop: account suspended")

	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/orders", nil)
	problem.WriteError(w, r, fmt.Errorf("user 17: %w", ErrSuspended)) // paired: its public face
	fmt.Println(w.Code, strings.Contains(w.Body.String(), "suspended"))

	w = httptest.NewRecorder()
	problem.WriteError(w, r, errors.New("dial tcp 10.0.0.7:5432: refused")) // unpaired: a bare 500
	fmt.Println(w.Code, strings.Contains(w.Body.String(), "10.0.0.7"))
	// Output:
	// 403 false
	// 500 false
}
