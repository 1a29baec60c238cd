package session

import (
	"bytes"
	"encoding"
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/go-sallyport/auth"
)

// recordVersion is the first byte of an encoded Record. A version that is not
// known is corrupt: rolling a service back over a change of format signs users
// out, and misreads nothing.
const recordVersion = 1

var (
	_ encoding.BinaryAppender    = (*Record)(nil)
	_ encoding.BinaryUnmarshaler = (*Record)(nil)
)

// AppendBinary appends the encoding of r to b, for stores that keep bytes. It
// fails with ErrTooLarge if the encoding is longer than MaxRecordSize. Equal
// records have equal encodings.
func (r *Record) AppendBinary(b []byte) ([]byte, error) {
	start := len(b)
	b = append(b, recordVersion)
	b = appendString(b, r.Values)
	b = appendString(b, r.ID)
	b = appendTime(b, r.Created)
	b = appendTime(b, r.Seen)
	b = appendTime(b, r.Deadline)
	b = appendFlag(b, r.Remembered)
	b = appendAddress(b, r.Address)
	b = appendString(b, r.UserAgent)
	b = appendFlag(b, r.Principal != nil)
	if r.Principal != nil {
		b = appendPrincipal(b, r.Principal)
	}
	if len(b)-start > MaxRecordSize {
		return b[:start], ErrTooLarge
	}
	return b, nil
}

// UnmarshalBinary reads what AppendBinary wrote, and nothing else: every Record
// has one encoding. On an error, which is ErrCorrupt, r is the zero Record. It
// does not keep b. Method and CredentialID of the principal are not read but
// follow from its being in a session.
func (r *Record) UnmarshalBinary(b []byte) error {
	*r = Record{}
	if len(b) == 0 || len(b) > MaxRecordSize || b[0] != recordVersion {
		return ErrCorrupt
	}
	front := decoder[[]byte]{rest: b[1:]}
	values := front.bytes()
	// One copy for all texts of the record. The values, which may be long, are in
	// front so that they are not in it: a Subject that somebody keeps keeps it.
	d := decoder[string]{rest: string(front.rest), bad: front.bad}
	var rec Record
	rec.Values = bytes.Clone(values)
	rec.ID = d.text()
	rec.Created = d.time()
	rec.Seen = d.time()
	rec.Deadline = d.time()
	rec.Remembered = d.flag()
	rec.Address = d.address()
	rec.UserAgent = d.text()
	if d.flag() {
		rec.Principal = d.principal(rec.ID)
	}
	if d.bad || len(d.rest) > 0 {
		return ErrCorrupt
	}
	*r = rec
	return nil
}

// fits bounds r before any store sees it, and takes the encoding, which stores
// make for themselves, only if it may be too long.
func (r *Record) fits() error {
	if r.atMost() <= MaxRecordSize {
		return nil
	}
	if len(r.Values) > MaxRecordSize {
		return ErrTooLarge
	}
	_, err := r.AppendBinary(nil)
	return err
}

// atMost is a number of bytes that the encoding of r does not exceed.
func (r *Record) atMost() int {
	const small = binary.MaxVarintLen64 + 1 // a time, a length or a flag; there are 16 of them
	n := 16*small + len(r.Values) + len(r.ID) + len(r.UserAgent) + len(netip.Addr{}.As16())
	p := r.Principal
	if p == nil {
		return n
	}
	n += len(p.Subject)
	for _, list := range [][]string{p.Roles, p.Scopes} {
		for _, s := range list {
			n += small + len(s)
		}
	}
	for _, f := range p.Factors {
		n += 2*small + len(f.Kind)
	}
	for name, s := range p.Attributes {
		n += 2*small + len(name) + len(s)
	}
	return n
}

func appendPrincipal(b []byte, p *auth.Principal) []byte {
	b = appendString(b, p.Subject)
	b = appendTime(b, p.AuthenticatedAt)
	b = appendStrings(b, p.Roles)
	b = appendStrings(b, p.Scopes)
	b = binary.AppendUvarint(b, uint64(len(p.Factors)))
	for _, f := range p.Factors {
		b = appendString(b, f.Kind)
		b = appendTime(b, f.At)
	}
	b = binary.AppendUvarint(b, uint64(len(p.Attributes)))
	if len(p.Attributes) > 0 {
		for _, name := range slices.Sorted(maps.Keys(p.Attributes)) {
			b = appendString(b, name)
			b = appendString(b, p.Attributes[name])
		}
	}
	return b
}

func appendString[T string | []byte](b []byte, s T) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

// appendStrings keeps nil apart from empty: it matters for scopes.
func appendStrings(b []byte, list []string) []byte {
	if list == nil {
		return append(b, 0)
	}
	b = binary.AppendUvarint(b, uint64(len(list))+1)
	for _, s := range list {
		b = appendString(b, s)
	}
	return b
}

// appendAddress leaves out the zone, which means something to one machine only.
func appendAddress(b []byte, a netip.Addr) []byte {
	switch {
	case a.Is4():
		raw := a.As4()
		return appendString(b, raw[:])
	case a.Is6():
		raw := a.As16()
		return appendString(b, raw[:])
	}
	return append(b, 0)
}

func appendFlag(b []byte, set bool) []byte {
	if set {
		return append(b, 1)
	}
	return append(b, 0)
}

func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, 0)
	}
	b = append(b, 1)
	return binary.AppendVarint(b, t.UnixMilli())
}
