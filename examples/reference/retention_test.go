package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
)

// fill writes n records, one a minute, the newest from that time.
func fill(t *testing.T, s *stores, n int, newest time.Time) {
	t.Helper()
	for n > 0 {
		some := min(n, 5000)
		values := make([]string, 0, some)
		for i := range some {
			at := newest.Add(-time.Duration(n-1-i) * time.Minute)
			values = append(values, fmt.Sprintf("(%d, 'filled', '', '', '', '', '', '')", at.UnixMilli()))
		}
		if err := s.exec(t.Context(), "INSERT INTO reference_audit (at, kind, subject, method, credential, address, resource, failed) VALUES "+strings.Join(values, ",")); err != nil {
			t.Fatal(err)
		}
		n -= some
	}
}

func count(t *testing.T, s *stores, where string) (n int) {
	t.Helper()
	if err := s.db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+where).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRetention(t *testing.T) {
	now := time.Now()
	old := now.AddDate(0, 0, -2)
	quiet := slog.New(slog.DiscardHandler)
	onDatabases(t, func(t *testing.T, db string) {
		t.Run("a table of an earlier start gets its index, and keeps its records", func(t *testing.T) {
			s := opened(t, db)
			fill(t, s, 3, now)
			drop := "DROP INDEX " + auditIndex
			if strings.HasPrefix(db, "mysql:") {
				drop += " ON reference_audit"
			}
			for _, earlier := range []string{drop, "DROP TABLE reference_locks"} {
				if err := s.exec(t.Context(), earlier); err != nil {
					t.Fatal(err)
				}
			}
			var starts sync.WaitGroup
			for range 4 { // at once
				starts.Go(func() {
					if s, err := openStores(t.Context(), config{DB: db}); err != nil {
						t.Error(err)
					} else {
						_ = s.close()
					}
				})
			}
			starts.Wait()
			var n int
			if err := s.db.QueryRowContext(t.Context(), s.bind(findIndex[s.dialect]), auditIndex).Scan(&n); err != nil || n != 1 {
				t.Errorf("%d indexes, %v", n, err)
			}
			if n := count(t, s, "reference_locks"); n != 1 {
				t.Errorf("%d locks", n)
			}
			if n := count(t, s, "reference_audit"); n != 3 {
				t.Errorf("%d records", n)
			}
		})
		t.Run("the newest and the oldest are found by the index", func(t *testing.T) {
			s := opened(t, db)
			explain, analyze, records := "EXPLAIN ", "ANALYZE reference_audit", 5000
			switch {
			case strings.HasPrefix(db, "mysql:"):
				analyze, records = "ANALYZE TABLE reference_audit", 50_000 // it would rather read fewer and sort them
			case !strings.Contains(db, "://"):
				explain = "EXPLAIN QUERY PLAN "
			}
			fill(t, s, records, now)
			if _, err := s.db.ExecContext(t.Context(), analyze); err != nil {
				t.Fatal(err)
			}
			before := fmt.Sprint(now.Add(time.Duration(1000-records) * time.Minute).UnixMilli())
			for _, query := range []string{latestRecords + "50", strings.Replace(strings.Replace(endOfBatch, "?", before, 1), "?", "499", 1), "DELETE FROM reference_audit WHERE at <= " + fmt.Sprint(now.Add(time.Duration(10-records)*time.Minute).UnixMilli())} {
				if plan := text(t, s, explain+query); !strings.Contains(plan, auditIndex) {
					t.Errorf("%s: %s", query, plan)
				}
			}
		})
		t.Run("what is old goes in batches, by several processes at once; the rest stays", func(t *testing.T) {
			s := opened(t, db)
			if err := s.exec(t.Context(), "DELETE FROM reference_audit"); err != nil {
				t.Fatal(err)
			}
			fill(t, s, 1750, old)
			fill(t, s, 10, now)
			a := &auditLog{stores: s, log: quiet}
			before := now.AddDate(0, 0, -1)
			if more, err := a.pruneOldest(t.Context(), before.UnixMilli()); err != nil || !more || count(t, s, "reference_audit") != 1260 {
				t.Fatalf("%t, %v, %d are left", more, err, count(t, s, "reference_audit"))
			}
			var processes sync.WaitGroup
			for range 3 {
				a := &auditLog{stores: opened(t, db), log: quiet}
				processes.Go(func() {
					if err := a.prune(t.Context(), before); err != nil {
						t.Error(err)
					}
				})
			}
			processes.Wait()
			if n := count(t, s, "reference_audit"); n != 10 {
				t.Errorf("%d are left", n)
			}
		})
		t.Run("so many days are kept, and with 0 all", func(t *testing.T) {
			s := opened(t, db)
			a := &auditLog{stores: s, log: quiet}
			if err := s.exec(t.Context(), "DELETE FROM reference_audit"); err != nil {
				t.Fatal(err)
			}
			fill(t, s, 20, old)
			fill(t, s, 20, now)
			for _, test := range []struct{ days, left int }{{0, 40}, {3, 40}, {1, 20}, {0, 20}} {
				if err := a.pruneOlder(t.Context(), test.days); err != nil || count(t, s, "reference_audit") != test.left {
					t.Errorf("%d days: %v, %d are left", test.days, err, count(t, s, "reference_audit"))
				}
			}
		})
		t.Run("it begins by itself, and ends with the service", func(t *testing.T) {
			s := opened(t, db)
			if err := s.exec(t.Context(), "DELETE FROM reference_audit"); err != nil {
				t.Fatal(err)
			}
			fill(t, s, 20, old)
			a := newAuditLog(s, 1, quiet)
			for range 500 {
				if count(t, s, "reference_audit") == 0 {
					break
				}
				pause(t)
			}
			a.record(t.Context(), auth.Event{Kind: "last", Subject: "7"})
			if err := a.close(t.Context()); err != nil {
				t.Error(err)
			}
			select {
			case <-a.pruned:
			default:
				t.Error("its goroutine is still there")
			}
			if n := count(t, s, "reference_audit"); n != 1 {
				t.Errorf("%d records are left", n)
			}
		})
		t.Run("its end is not waited for batch after batch", func(t *testing.T) {
			s := opened(t, db)
			fill(t, s, 20*pruneBatch, old)
			ctx, cancel := context.WithCancel(t.Context())
			a := &auditLog{stores: s, log: quiet}
			done := make(chan error)
			go func() { done <- a.prune(ctx, now) }()
			for count(t, s, "reference_audit") >= 20*pruneBatch {
				pause(t)
			}
			cancel()
			if err := <-done; err == nil || count(t, s, "reference_audit") < pruneBatch {
				t.Errorf("%v, %d are left", err, count(t, s, "reference_audit"))
			}
		})
	})
}

// text is all that a query answers.
func text(t *testing.T, s *stores, query string) string {
	t.Helper()
	rows, err := s.db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			if raw, ok := v.([]byte); ok {
				v = string(raw)
			}
			fmt.Fprintf(&b, "%v ", v)
		}
	}
	return b.String()
}

// Whoever makes an administrator says nothing of the audit log, and a service that keeps
// all of it loses nothing by that.
func TestRetentionIsNotOfAdmin(t *testing.T) {
	none := func(string) string { return "" }
	for _, args := range [][]string{{"-admin", "alice@example.com"}, {"-audit-days", "1", "-admin", "alice@example.com"}} {
		if c, err := parseConfig(args, none); err != nil || c.AuditDays != 0 {
			t.Errorf("%q: %d days are kept, %v", args, c.AuditDays, err)
		}
	}
}
