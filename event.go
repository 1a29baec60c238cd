package auth

import (
	"context"
	"log/slog"
	"net/netip"
	"time"
)

// An EventKind names a security decision. Each package adds its own; the ones
// here are those of more than one.
type EventKind string

// Kinds of events.
const (
	EventRefused    EventKind = "request.refused"    // a credential was presented and is not good
	EventDenied     EventKind = "request.denied"     // the caller is known and may not
	EventSignIn     EventKind = "signin"             // a credential was issued
	EventSignInFail EventKind = "signin.failed"      // a proof of identity was wrong
	EventSignOut    EventKind = "signout"            // a credential was ended by its owner
	EventRevoked    EventKind = "credential.revoked" // credentials were ended from elsewhere
)

// An Event records one security decision. It never holds a secret: no password,
// token, code or hash, and no error text that could.
type Event struct {
	Kind         EventKind
	Time         time.Time  // UTC
	Subject      string     // who, if known
	Method       string     // the kind of credential
	CredentialID string     // the public id of the credential
	Address      netip.Addr // the client, as far as the emitting package knows it
	Resource     string     // what was asked for, such as a permission
	Err          error      // why it was refused
}

// LogValue makes an Event readable in a slog record; empty fields are left out.
func (e Event) LogValue() slog.Value {
	attrs := make([]slog.Attr, 0, 8)
	add := func(name, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(name, value))
		}
	}
	add("kind", string(e.Kind))
	if !e.Time.IsZero() {
		attrs = append(attrs, slog.Time("at", e.Time))
	}
	add("subject", e.Subject)
	add("method", e.Method)
	add("credential", e.CredentialID)
	if e.Address.IsValid() {
		add("address", e.Address.String())
	}
	add("resource", e.Resource)
	if e.Err != nil {
		add("error", e.Err.Error())
	}
	return slog.GroupValue(attrs...)
}

// An EventFunc receives events. It is called on the goroutine of the request, so
// a slow one slows requests: put an EventQueue in between.
type EventFunc func(ctx context.Context, e Event)

// Emit hands e to f, with the time in UTC filled in. A nil f is fine, and a panic
// of f is swallowed: an audit sink must neither block nor open a door.
func (f EventFunc) Emit(ctx context.Context, e Event) {
	if f == nil {
		return
	}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	e.Time = e.Time.UTC()
	defer func() { _ = recover() }()
	f(ctx, e)
}

// LogEvents returns the ready sink: a record per event, refusals and denials as
// warnings and the rest as information, with the event in the group "event".
func LogEvents(l *slog.Logger) EventFunc {
	return func(ctx context.Context, e Event) {
		level := slog.LevelInfo
		if e.Err != nil {
			level = slog.LevelWarn
		}
		l.LogAttrs(ctx, level, string(e.Kind), slog.Any("event", e))
	}
}
