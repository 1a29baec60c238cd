package main

import (
	"net/http"
	"strings"

	"github.com/go-sallyport/auth/problem"
)

// nothingHere answers what no route of mux does: with 405 if one of another method
// would, for the mux itself says so only where no pattern is for every path, and else
// with 404.
func (s *service) nothingHere(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if allow := otherMethods(mux, r); allow != "" {
			s.onError(w, r, &problem.Error{Details: problem.New(problem.MethodNotAllowed), Header: http.Header{"Allow": {allow}}})
			return
		}
		s.onError(w, r, problem.Sentinel(problem.NotFound, "no such page"))
	})
}

// otherMethods lists the methods that have a route for the path of r.
func otherMethods(mux *http.ServeMux, r *http.Request) string {
	var list []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete} {
		other := *r
		other.Method = method
		if _, pattern := mux.Handler(&other); pattern != "/" {
			list = append(list, method)
		}
	}
	return strings.Join(list, ", ")
}
