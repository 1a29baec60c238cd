package session

import (
	"net/netip"
	"time"

	"github.com/go-sallyport/auth"
)

// MaxRecordSize bounds an encoded Record, in bytes. Decoding stays cheap
// whatever a store returns.
const MaxRecordSize = 64 << 10

// A Record is what a Store keeps of one session. Nobody changes a Record, or
// anything that it points to, once it has been handed to a Store or come from
// one: stores and requests share it.
//
// Times are UTC in whole milliseconds, so that a Record is the same before and
// after its encoding.
type Record struct {
	// ID is the public id: it names the session in lists, events and audit, is
	// the CredentialID of its principal, and opens nothing. A sign-in makes a
	// new one, a renewal keeps it.
	ID string
	// Principal is who signed in, with Method and CredentialID filled in. Nil:
	// a visitor, whose session only has Values.
	Principal *auth.Principal
	Created   time.Time // of the sign-in, or of a visitor's session
	Seen      time.Time // last use, as exact as Config.TouchEvery
	Deadline  time.Time // absolute end; only a sign-in sets it
	// Remembered is what the user chose at the sign-in, see Remember.
	Remembered bool
	Address    netip.Addr
	UserAgent  string
	// Values are the application's, encoded; they are read when somebody asks.
	Values []byte
}

// subject is whose session it is: empty for a visitor.
func (r *Record) subject() string {
	if r.Principal == nil {
		return ""
	}
	return r.Principal.Subject
}

// milli is t as records keep it.
func milli(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}

// stamp returns p as the principal of the session with the public id: a copy
// with times as records keep them.
func stamp(p *auth.Principal, id string, now time.Time) *auth.Principal {
	p = p.Clone()
	p.Method = auth.MethodSession
	p.CredentialID = id
	if p.AuthenticatedAt.IsZero() {
		p.AuthenticatedAt = now
	}
	p.AuthenticatedAt = milli(p.AuthenticatedAt)
	for i := range p.Factors {
		p.Factors[i].At = milli(p.Factors[i].At)
	}
	return p
}
