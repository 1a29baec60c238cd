package session_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/session"
)

// samples are records of every shape.
func samples() []*session.Record {
	at := time.UnixMilli(1893456000123).UTC()
	p := &auth.Principal{Subject: "u-alice", Method: auth.MethodSession, CredentialID: "id"}
	full := p.Clone()
	full.Roles = []string{"customer", ""}
	full.Scopes = []string{"orders:read"}
	full.Factors = []auth.Factor{{Kind: auth.FactorPassword, At: at}, {Kind: auth.FactorOTP}}
	full.AuthenticatedAt = at
	full.Attributes = map[string]string{"tenant": "t1", "": "empty", "locale": ""}
	empty := p.Clone()
	empty.Roles, empty.Scopes = []string{}, []string{}
	return []*session.Record{
		{},
		{ID: "id", Created: at, Seen: at.Add(time.Minute), Deadline: at.Add(time.Hour), Values: []byte("values")},
		{ID: "id", Principal: p},
		{ID: "id", Principal: empty, Remembered: true, Address: netip.MustParseAddr("192.0.2.1")},
		{ID: "id", Principal: full, Created: at, Seen: at, Deadline: at, Address: netip.MustParseAddr("2001:db8::1"), UserAgent: "x\x00ü", Values: make([]byte, 300)},
		{ID: "id", Created: time.UnixMilli(0).UTC(), Seen: time.UnixMilli(-1).UTC(), Deadline: time.UnixMilli(math.MaxInt32).UTC()},
	}
}

func TestRecordCodec(t *testing.T) {
	for i, rec := range samples() {
		b, err := rec.AppendBinary([]byte("prefix"))
		if err != nil {
			t.Fatal(err)
		}
		var got session.Record
		if err := got.UnmarshalBinary(b[6:]); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		want := *rec
		if len(want.Values) == 0 {
			got.Values = want.Values
		}
		if want.Principal != nil && len(want.Principal.Attributes) == 0 {
			got.Principal.Attributes = want.Principal.Attributes
		}
		if !reflect.DeepEqual(&got, &want) {
			t.Errorf("%d: got %+v %+v\nwant %+v %+v", i, got, got.Principal, want, want.Principal)
		}
		t.Run("SES-23 every cut and every longer encoding is corrupt", func(t *testing.T) {
			b := b[6:]
			for n := range b {
				if err := got.UnmarshalBinary(b[:n]); !errors.Is(err, session.ErrCorrupt) || !reflect.DeepEqual(got, session.Record{}) {
					t.Fatalf("%d of %d bytes: %v, %+v", n, len(b), err, got)
				}
			}
			if err := got.UnmarshalBinary(append(bytes.Clone(b), 0)); !errors.Is(err, session.ErrCorrupt) {
				t.Fatal(err)
			}
		})
	}
	t.Run("SES-23 S14 sizes are bounded both ways", func(t *testing.T) {
		rec := session.Record{ID: "id", Values: make([]byte, session.MaxRecordSize)}
		if b, err := rec.AppendBinary([]byte("x")); !errors.Is(err, session.ErrTooLarge) || string(b) != "x" {
			t.Fatal(len(b), err)
		}
		if err := rec.UnmarshalBinary(make([]byte, session.MaxRecordSize+1)); !errors.Is(err, session.ErrCorrupt) {
			t.Fatal(err)
		}
		small, err := (&session.Record{ID: "id"}).AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		// It ends with the length of the values and the flag of the principal.
		head := small[:len(small)-2]
		long := append(binary.AppendUvarint(bytes.Clone(head), session.MaxRecordSize), make([]byte, session.MaxRecordSize+1)...)
		if err := rec.UnmarshalBinary(long); !errors.Is(err, session.ErrCorrupt) {
			t.Fatal(err)
		}
		person := append(bytes.Clone(head), 0, 1, 1, 'a', 0)
		for name, lists := range map[string]string{"roles": "", "scopes": "\x00", "factors": "\x00\x00", "attributes": "\x00\x00\x00"} {
			claim := binary.AppendUvarint(append(bytes.Clone(person), lists...), 1<<40)
			var got session.Record
			if err := got.UnmarshalBinary(claim); !errors.Is(err, session.ErrCorrupt) {
				t.Errorf("%s: a claim of a million millions: %v", name, err)
			}
		}
	})
	t.Run("a session without a subject is nobody's", func(t *testing.T) {
		b, err := (&session.Record{ID: "id", Principal: &auth.Principal{}}).AppendBinary(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := new(session.Record).UnmarshalBinary(b); !errors.Is(err, session.ErrCorrupt) {
			t.Fatal(err)
		}
	})
}

// FuzzRecord: whatever decodes is what encodes to the same bytes; nothing
// panics; a decoded record is not signed in without a subject.
func FuzzRecord(f *testing.F) {
	for _, rec := range samples() {
		b, err := rec.AppendBinary(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)/2])
	}
	f.Add([]byte{})
	f.Add([]byte{1, 0x80, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var rec session.Record
		if err := rec.UnmarshalBinary(b); err != nil {
			if !errors.Is(err, session.ErrCorrupt) || !reflect.DeepEqual(rec, session.Record{}) {
				t.Fatalf("%v, %+v", err, rec)
			}
			return
		}
		if p := rec.Principal; p != nil && (p.Subject == "" || p.Method != auth.MethodSession || p.CredentialID != rec.ID) {
			t.Fatalf("principal %+v", p)
		}
		again, err := rec.AppendBinary(nil)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%x decodes and encodes to %x, %v", b, again, err)
		}
	})
}
