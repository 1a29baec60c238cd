package sqlstore

import (
	"context"
	"slices"
	"strings"

	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/internal/sqldb"
)

// touchBatch is how many uses are written by one statement. It is fixed, so that
// there is one text for servers and drivers to keep; the rest goes one by one.
const touchBatch = 32

// The statements of Touch. MySQL sets one column after the other, so used_at is last.
var (
	touchOne  = "UPDATE {api_keys} SET used_from = ?, used_at = ? WHERE id = ? AND used_at < ?"
	touchMany = "UPDATE {api_keys} SET used_from = CASE id" + cases + " ELSE used_from END, used_at = CASE id" + cases + " ELSE used_at END WHERE id IN (?" +
		strings.Repeat(", ?", touchBatch-1) + ") AND used_at < CASE id" + cases + " ELSE used_at END"
	cases = strings.Repeat(" WHEN ? THEN ?", touchBatch)
)

// Touch implements apikey.Store. What was noted before an error stays.
func (s *Store) Touch(ctx context.Context, uses []apikey.Use) error {
	// Always in the same order, so that processes wait for each other and not in a
	// circle.
	sorted := make([]apikey.Use, 0, len(uses))
	for _, u := range uses {
		if keeps(u.ID) {
			sorted = append(sorted, u)
		}
	}
	slices.SortFunc(sorted, func(a, b apikey.Use) int { return strings.Compare(a.ID, b.ID) })
	for ; len(sorted) >= touchBatch; sorted = sorted[touchBatch:] {
		if _, err := s.db.ExecRepeatable(ctx, touchMany, touchArgs(sorted[:touchBatch])...); err != nil {
			return failed("touch", err)
		}
	}
	for _, u := range sorted {
		at := sqldb.Micros(u.At)
		if _, err := s.db.ExecRepeatable(ctx, touchOne, from(u.From), at, u.ID, at); err != nil {
			return failed("touch", err)
		}
	}
	return nil
}

// touchArgs are the arguments of touchMany.
func touchArgs(uses []apikey.Use) []any {
	var froms, ats, ids []any
	for _, u := range uses {
		froms = append(froms, u.ID, from(u.From))
		ats = append(ats, u.ID, sqldb.Micros(u.At))
		ids = append(ids, u.ID)
	}
	return slices.Concat(froms, ats, ids, ats)
}
