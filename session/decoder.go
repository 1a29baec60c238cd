package session

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/go-sallyport/auth"
)

// A decoder reads fields off the front of rest. After the first fault bad is set
// and every further field is empty. Over a string, the texts that it returns
// share the memory of rest; over bytes each is a copy.
type decoder[T string | []byte] struct {
	rest T
	bad  bool
}

func (d *decoder[T]) fail() {
	d.bad = true
	d.rest = d.rest[:0]
}

// uvarint is binary.Uvarint, which reads no strings, and refuses a longer form of
// a shorter number.
func (d *decoder[T]) uvarint() uint64 {
	var v uint64
	for i := range min(len(d.rest), binary.MaxVarintLen64) {
		b := d.rest[i]
		v |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			if b == 0 && i > 0 || b > 1 && i == binary.MaxVarintLen64-1 {
				break
			}
			d.rest = d.rest[i+1:]
			return v
		}
	}
	d.fail()
	return 0
}

// varint is binary.Varint, as uvarint is binary.Uvarint.
func (d *decoder[T]) varint() int64 {
	u := d.uvarint()
	v := int64(u >> 1)
	if u&1 != 0 {
		v = ^v
	}
	return v
}

// bytes returns a part of rest.
func (d *decoder[T]) bytes() T {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.fail()
		n = 0
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder[T]) text() string { return string(d.bytes()) }

// count reads the length of a list of which each element takes at least size
// bytes, so that no claimed length allocates more than the input is long.
func (d *decoder[T]) count(n, size uint64) int {
	if n > uint64(len(d.rest))/size {
		d.fail()
		return 0
	}
	return int(n) //nolint:gosec // bounded by the length of a slice
}

func (d *decoder[T]) flag() bool {
	if len(d.rest) == 0 || d.rest[0] > 1 {
		d.fail()
		return false
	}
	v := d.rest[0] == 1
	d.rest = d.rest[1:]
	return v
}

func (d *decoder[T]) time() time.Time {
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

func (d *decoder[T]) address() netip.Addr {
	var raw [16]byte
	switch b := d.bytes(); len(b) {
	case 0:
		return netip.Addr{}
	case 4:
		copy(raw[:], b)
		return netip.AddrFrom4([4]byte(raw[:]))
	case 16:
		copy(raw[:], b)
		return netip.AddrFrom16(raw)
	}
	d.fail()
	return netip.Addr{}
}

func (d *decoder[T]) strings() []string {
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

func (d *decoder[T]) principal(id string) *auth.Principal {
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
