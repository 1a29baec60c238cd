package main

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
)

// An order is what this service is about, as far as it is about anything.
type order struct {
	ID   string    `json:"id"`
	Item string    `json:"item"`
	By   string    `json:"by"`
	At   time.Time `json:"at"`
}

const createOrders = `CREATE TABLE IF NOT EXISTS reference_orders (
	id VARCHAR(40) NOT NULL PRIMARY KEY, item VARCHAR(60) NOT NULL, subject VARCHAR(255) NOT NULL, at BIGINT NOT NULL)`

var errItem = &problem.Error{Details: problem.New(problem.BadRequest).WithDetail("An order needs an item of 1 to 60 characters, without control characters.")}

func (s *service) orders(ctx context.Context) ([]order, error) {
	rows, err := s.stores.query(ctx, "SELECT id, item, subject, at FROM reference_orders ORDER BY at DESC, id LIMIT 100")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	list := []order{}
	for rows.Next() {
		var o order
		var at int64
		if err := rows.Scan(&o.ID, &o.Item, &o.By, &at); err != nil {
			return nil, err
		}
		o.At = time.UnixMilli(at).UTC()
		list = append(list, o)
	}
	return list, rows.Err()
}

func (s *service) placeOrder(ctx context.Context, item string) (order, error) {
	item = strings.TrimSpace(item)
	if item == "" || utf8.RuneCountInString(item) > 60 || !isText(item) {
		return order{}, errItem
	}
	p, _ := auth.FromContext(ctx)
	o := order{ID: rand.Text(), Item: item, By: p.Subject, At: time.Now().UTC().Truncate(time.Millisecond)}
	return o, s.stores.exec(ctx, "INSERT INTO reference_orders (id, item, subject, at) VALUES (?, ?, ?, ?)", o.ID, o.Item, o.By, o.At.UnixMilli())
}

// isText reports whether a database keeps s as it is. PostgreSQL refuses NUL and what is
// no UTF-8, which would look as if it were down.
func isText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

func (s *service) deleteOrder(ctx context.Context, id string) error {
	if !isText(id) {
		return problem.Sentinel(problem.NotFound, "no such order")
	}
	n, err := s.stores.execCount(ctx, "DELETE FROM reference_orders WHERE id = ?", id)
	if err == nil && n == 0 {
		return problem.Sentinel(problem.NotFound, "no such order")
	}
	return err
}

func (s *service) listOrdersAPI(w http.ResponseWriter, r *http.Request) {
	list, err := s.orders(r.Context())
	if err != nil {
		s.onError(w, r, storeError(err))
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"data": list})
}

func (s *service) placeOrderAPI(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Item string `json:"item"`
	}
	err := readJSON(w, r, &in)
	var o order
	if err == nil {
		o, err = s.placeOrder(r.Context(), in.Item)
	}
	if err != nil {
		s.onError(w, r, storeError(err))
		return
	}
	writeJSON(w, http.StatusCreated, map[string]any{"data": o})
}

func (s *service) deleteOrderAPI(w http.ResponseWriter, r *http.Request) {
	if err := s.deleteOrder(r.Context(), r.PathValue("id")); err != nil {
		s.onError(w, r, storeError(err))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
