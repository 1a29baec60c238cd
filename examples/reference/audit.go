package main

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/problem"
)

// An auditLog keeps events in a table of the database. They go through a queue: a
// request does not wait for its record.
//
// When the table is slow or gone the queue fills up, and then events are dropped. The log
// says how many, and has the events themselves from auth.LogEvents.
type auditLog struct {
	stores  *stores
	queue   *auth.EventQueue
	log     *slog.Logger
	dropped uint64             // as the log has it; of the goroutine of the queue, until that has ended
	stop    context.CancelFunc // of the goroutine that deletes old records
	pruned  chan struct{}      // is closed when it has ended
}

const auditQueue = 1000

const createAudit = `CREATE TABLE IF NOT EXISTS reference_audit (
	at BIGINT NOT NULL, kind VARCHAR(64) NOT NULL, subject VARCHAR(255) NOT NULL, method VARCHAR(64) NOT NULL,
	credential VARCHAR(255) NOT NULL, address VARCHAR(64) NOT NULL, resource VARCHAR(255) NOT NULL, failed VARCHAR(64) NOT NULL)`

// auditIndex is on the time: the newest records are shown, the oldest deleted.
const auditIndex = "reference_audit_at"

// newAuditLog begins to write records, and to delete those that are older than so many
// days; 0 keeps all.
func newAuditLog(s *stores, days int, log *slog.Logger) *auditLog {
	ctx, stop := context.WithCancel(context.Background())
	a := &auditLog{stores: s, log: log, stop: stop, pruned: make(chan struct{})}
	a.queue = auth.NewEventQueue(a.write, auditQueue)
	go a.pruneUntil(ctx, days)
	return a
}

// record is an auth.EventFunc. A credential that is nobody's is only in the log: else
// everybody could fill the table.
func (a *auditLog) record(ctx context.Context, e auth.Event) {
	if e.Subject == "" && (e.Kind == auth.EventRefused || e.Kind == apikey.EventRefused) {
		return
	}
	if e.Time.IsZero() {
		e.Time = time.Now().UTC()
	}
	a.queue.OnEvent(ctx, e)
}

func (a *auditLog) write(ctx context.Context, e auth.Event) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	address, failed := "", ""
	if e.Address.IsValid() {
		address = e.Address.String()
	}
	if e.Err != nil {
		failed = string(problem.From(e.Err).Code)
	}
	err := a.stores.exec(ctx, "INSERT INTO reference_audit (at, kind, subject, method, credential, address, resource, failed) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		e.Time.UnixMilli(), cut(string(e.Kind), 64), cut(e.Subject, 255), cut(e.Method, 64), cut(e.CredentialID, 255), address, cut(e.Resource, 255), failed)
	if err != nil {
		a.log.Error("audit", "err", err, "event", e)
	}
	a.reportDropped()
}

func (a *auditLog) reportDropped() {
	if n := a.queue.Dropped(); n > a.dropped {
		a.log.Error("audit events are dropped, the queue is full", "dropped", n)
		a.dropped = n
	}
}

// close writes down what is queued, unless that takes long: the log has it as well, and
// whoever stops this service does not wait for ever.
func (a *auditLog) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	a.stop()
	err := a.queue.Close(ctx)
	select {
	case <-a.pruned:
	case <-ctx.Done(): // a database that does not let go of a statement
	}
	if err == nil {
		a.reportDropped() // those that came after the last that was written
	}
	return err
}

// cut shortens text that a client may have made long, and leaves out what not every
// database keeps (see isText): what is refused is not in the table.
func cut(s string, n int) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) {
			return -1
		}
		return r
	}, s[:min(n, len(s))])
}

// A record is an event as the administrator sees it.
type record struct {
	At         time.Time `json:"at"`
	Kind       string    `json:"kind"`
	Subject    string    `json:"subject,omitempty"`
	Method     string    `json:"method,omitempty"`
	Credential string    `json:"credential,omitempty"`
	Address    string    `json:"address,omitempty"`
	Resource   string    `json:"resource,omitempty"`
	Failed     string    `json:"failed,omitempty"`
}

const latestRecords = "SELECT at, kind, subject, method, credential, address, resource, failed FROM reference_audit ORDER BY at DESC LIMIT "

// latest returns the last n events, the newest first.
func (a *auditLog) latest(ctx context.Context, n int) ([]record, error) {
	rows, err := a.stores.query(ctx, latestRecords+strconv.Itoa(n))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	list := []record{}
	for rows.Next() {
		var e record
		var at int64
		if err := rows.Scan(&at, &e.Kind, &e.Subject, &e.Method, &e.Credential, &e.Address, &e.Resource, &e.Failed); err != nil {
			return nil, err
		}
		e.At = time.UnixMilli(at).UTC()
		list = append(list, e)
	}
	return list, rows.Err()
}

func (s *service) listAudit(w http.ResponseWriter, r *http.Request) {
	list, err := s.audit.latest(r.Context(), 200)
	if err != nil {
		s.onError(w, r, unavailable(err))
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"data": list})
}

// both tells two sinks of an event.
func both(a, b auth.EventFunc) auth.EventFunc {
	return func(ctx context.Context, e auth.Event) {
		a.Emit(ctx, e)
		b.Emit(ctx, e)
	}
}
