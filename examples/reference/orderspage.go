package main

import "net/http"

// ordersPage shows the orders, with a button for what the caller may do.
func (s *service) ordersPage(w http.ResponseWriter, r *http.Request) {
	list, err := s.orders(r.Context())
	if err != nil {
		s.onError(w, r, storeError(err))
		return
	}
	s.show(w, r, http.StatusOK, "orders", view{Title: "Orders", Data: list})
}
