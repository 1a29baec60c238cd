package session

import (
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
	b = appendString(b, r.ID)
	b = appendTime(b, r.Created)
	b = appendTime(b, r.Seen)
	b = appendTime(b, r.Deadline)
	b = appendFlag(b, r.Remembered)
	b = appendString(b, r.Address.WithZone("").AsSlice())
	b = appendString(b, r.UserAgent)
	b = appendString(b, r.Values)
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
	d := decoder{rest: b[1:]}
	var rec Record
	rec.ID = d.text()
	rec.Created = d.time()
	rec.Seen = d.time()
	rec.Deadline = d.time()
	rec.Remembered = d.flag()
	rec.Address = d.address()
	rec.UserAgent = d.text()
	rec.Values = slices.Clone(d.bytes())
	if d.flag() {
		rec.Principal = d.principal(rec.ID)
	}
	if d.bad || len(d.rest) > 0 {
		return ErrCorrupt
	}
	*r = rec
	return nil
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

// A decoder reads fields off the front of rest. After the first fault bad is set
// and every further field is empty.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) fail() {
	d.bad = true
	d.rest = nil
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	// A last byte of zero is a longer form of a shorter number.
	if n <= 0 || (n > 1 && d.rest[n-1] == 0) {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	if n <= 0 || (n > 1 && d.rest[n-1] == 0) {
		d.fail()
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.fail()
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) text() string { return string(d.bytes()) }

// count reads the length of a list of which each element takes at least size
// bytes, so that no claimed length allocates more than the input is long.
func (d *decoder) count(n, size uint64) int {
	if n > uint64(len(d.rest))/size {
		d.fail()
		return 0
	}
	return int(n) //nolint:gosec // bounded by the length of a slice
}

func (d *decoder) flag() bool {
	if len(d.rest) == 0 || d.rest[0] > 1 {
		d.fail()
		return false
	}
	v := d.rest[0] == 1
	d.rest = d.rest[1:]
	return v
}

func (d *decoder) time() time.Time {
	if !d.flag() {
		return time.Time{}
	}
	ms := d.varint()
	t := time.UnixMilli(ms).UTC()
	if t.IsZero() || t.UnixMilli() != ms {
		d.fail()
		return time.Time{}
	}
	return t
}

func (d *decoder) address() netip.Addr {
	raw := d.bytes()
	if len(raw) == 0 {
		return netip.Addr{}
	}
	addr, ok := netip.AddrFromSlice(raw)
	if !ok {
		d.fail()
	}
	return addr
}

func (d *decoder) strings() []string {
	n := d.uvarint()
	if n == 0 {
		return nil
	}
	list := make([]string, d.count(n-1, 1))
	for i := range list {
		list[i] = d.text()
	}
	return list
}

func (d *decoder) principal(id string) *auth.Principal {
	p := &auth.Principal{Method: auth.MethodSession, CredentialID: id}
	p.Subject = d.text()
	p.AuthenticatedAt = d.time()
	p.Roles = d.strings()
	p.Scopes = d.strings()
	if n := d.count(d.uvarint(), 2); n > 0 {
		p.Factors = make([]auth.Factor, n)
		for i := range p.Factors {
			p.Factors[i].Kind = d.text()
			p.Factors[i].At = d.time()
		}
	}
	if n := d.count(d.uvarint(), 2); n > 0 {
		p.Attributes = make(map[string]string, n)
		last := ""
		for i := range n {
			name := d.text()
			if i > 0 && name <= last {
				d.fail()
			}
			p.Attributes[name] = d.text()
			last = name
		}
	}
	// A session is signed in because its principal has a name.
	if p.Subject == "" {
		d.fail()
	}
	return p
}
