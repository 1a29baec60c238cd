package body_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/go-sallyport/auth/internal/body"
	"github.com/go-sallyport/auth/problem"
)

func ExampleDecode() {
	login := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Email    string `json:"email"`
			Password string `json:"password"`
		}
		if err := body.Decode(w, r, &in, 0); err != nil {
			problem.WriteError(w, r, err)
			return
		}
		fmt.Fprintln(w, "checking", in.Email)
	})
	for _, text := range []string{
		`{"email":"alice@example.com","password":"hunter2"}`,
		`{"email":"alice@example.com","email":"mallory@example.com","password":"hunter2"}`,
		`{"email":"alice@example.com","password":"hunter2","isAdmin":true}`,
	} {
		r := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader(text))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		login.ServeHTTP(w, r)
		fmt.Println(w.Code, detail(w))
	}
	// Output:
	// 200 checking alice@example.com
	// 400 The member "email" occurs more than once
	// 400 The member "isAdmin" is not known
}

func detail(w *httptest.ResponseRecorder) string {
	var d problem.Details
	if d.UnmarshalJSON(w.Body.Bytes()) != nil {
		return strings.TrimSpace(w.Body.String())
	}
	return d.Detail
}
