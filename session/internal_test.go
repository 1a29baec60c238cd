package session

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/testkit"
)

func TestTokens(t *testing.T) {
	t.Run("SES-01 a million tokens, all different, of one length, with all characters everywhere", func(t *testing.T) {
		n := testkit.Volume(1_000_000)
		seen := make(map[token]struct{}, n)
		var used [tokenLength]map[byte]bool
		for i := range used {
			used[i] = make(map[byte]bool)
		}
		for i := range n {
			tok := newToken(newBucket(""))
			if _, ok := parseToken(string(tok)); !ok {
				t.Fatalf("%q is not a token", tok)
			}
			seen[tok] = struct{}{}
			if i < 5000 {
				for j := range used {
					used[j][tok[j]] = true
				}
			}
		}
		if len(seen) != n {
			t.Fatalf("%d different tokens", len(seen))
		}
		for j, set := range used[:tokenLength-1] {
			if len(set) != 64 {
				t.Errorf("position %d has %d characters", j, len(set))
			}
		}
		// 32 bytes leave four of the last six bits unused.
		if len(used[tokenLength-1]) != 16 {
			t.Errorf("the last position has %d characters", len(used[tokenLength-1]))
		}
	})
	t.Run("SES-01 cookies of one user have nothing in common, and one bucket", func(t *testing.T) {
		b := BucketOf("u-alice")
		old := newToken(b)
		for range 1000 {
			next := newToken(b)
			same := 0
			for i := range next {
				if next[i] == old[i] {
					same++
				}
			}
			if same > tokenLength/3 || next.id() == old.id() || next.id().Bucket() != b {
				t.Fatalf("%q after %q", next, old)
			}
		}
		if visitor := newBucket(""); BucketOf("u-bob") == b || visitor == newBucket("") {
			t.Fatal("buckets are shared")
		}
	})
	t.Run("SES-03 an id has nothing of the token", func(t *testing.T) {
		tok := newToken(newBucket(""))
		id := tok.id()
		for i := range len(id) - 3 {
			if bytes.Contains([]byte(tok), id[i:i+4]) {
				t.Fatal(id, tok)
			}
		}
		other := []byte(tok)
		other[0] ^= 1
		if token(other).id() == id {
			t.Fatal("two tokens have one id")
		}
	})
}

func TestRecordFits(t *testing.T) {
	at := time.UnixMilli(1<<53 - 1).UTC()
	long := strings.Repeat("x", 300)
	full := &auth.Principal{
		Subject: long, AuthenticatedAt: at, Roles: []string{"", long}, Scopes: []string{long, ""},
		Factors: []auth.Factor{{Kind: long, At: at}, {}}, Attributes: map[string]string{"": long, long: ""},
	}
	records := []*Record{
		{},
		{ID: long, Created: at, Seen: at, Deadline: at, Remembered: true, Address: netip.MustParseAddr("2001:db8::1"), UserAgent: long, Values: []byte(long)},
		{ID: long, Created: at, Seen: at, Deadline: at, Address: netip.MustParseAddr("192.0.2.1"), Principal: full},
	}
	for i, rec := range records {
		b, err := rec.AppendBinary(nil)
		if err != nil || rec.atMost() < len(b) {
			t.Errorf("%d: %d bytes, at most %d, %v", i, len(b), rec.atMost(), err)
		}
		t.Run("S14 a record fits to the byte", func(t *testing.T) {
			rec := *rec
			rec.Values = nil
			b, _ := rec.AppendBinary(nil)
			// The length of nothing takes one byte, that of so much three.
			rec.Values = make([]byte, MaxRecordSize-len(b)-2)
			if err := rec.fits(); err != nil {
				t.Errorf("%d: %v", i, err)
			}
			rec.Values = append(rec.Values, 0)
			if err := rec.fits(); !errors.Is(err, ErrTooLarge) {
				t.Errorf("%d: one byte more: %v", i, err)
			}
			rec.Values = make([]byte, MaxRecordSize+1)
			if err := rec.fits(); !errors.Is(err, ErrTooLarge) {
				t.Errorf("%d: values that are too long: %v", i, err)
			}
		})
	}
}

func TestNumbers(t *testing.T) {
	read := func(b []byte) (v uint64, rest int, bad bool) {
		d := decoder[[]byte]{rest: b}
		v = d.uvarint()
		over := decoder[string]{rest: string(b)}
		if over.uvarint() != v || over.bad != d.bad || over.rest != string(d.rest) {
			t.Errorf("%x is another number in a string", b)
		}
		return v, len(d.rest), d.bad
	}
	for shift := range 64 {
		for _, v := range []uint64{1<<shift - 1, 1 << shift, math.MaxUint64 >> shift} {
			b := binary.AppendUvarint(nil, v)
			if got, rest, bad := read(append(b, 7, 8)); bad || got != v || rest != 2 {
				t.Errorf("%d: %d, rest %d, bad %v", v, got, rest, bad)
			}
			d := decoder[[]byte]{rest: binary.AppendVarint(nil, int64(v))}
			if got := d.varint(); d.bad || got != int64(v) {
				t.Errorf("%d: %d, bad %v", int64(v), got, d.bad)
			}
			for n := range b {
				if got, rest, bad := read(b[:n]); !bad || got != 0 || rest != 0 {
					t.Errorf("%d of %d bytes are %d, rest %d", n, len(b), got, rest)
				}
			}
			if len(b) == binary.MaxVarintLen64 {
				continue
			}
			b[len(b)-1] |= 0x80
			if got, _, bad := read(append(b, 0)); !bad {
				t.Errorf("SES-23 a longer form of %d is %d", v, got)
			}
		}
	}
	large := bytes.Repeat([]byte{0xff}, binary.MaxVarintLen64-1)
	for _, last := range []byte{0, 2, 0x7f, 0x80, 0xff} {
		if got, _, bad := read(append(bytes.Clone(large), last, 0)); !bad {
			t.Errorf("ten bytes up to %#x are %d", last, got)
		}
	}
}

func TestNameTable(t *testing.T) {
	var table nameTable
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 10 * maxNames {
				name := "name-" + strconv.Itoa(i)
				if got := table.text([]byte(name)); got != name {
					t.Errorf("%q for %q", got, name)
				}
			}
		})
	}
	wg.Wait()
	if n := len(*table.known.Load()); n != maxNames {
		t.Errorf("%d names are kept, the bound is %d", n, maxNames)
	}
	var fresh nameTable
	for _, name := range []string{"", "cart", strings.Repeat("x", maxNameLength+1)} {
		b := []byte(name)
		got := fresh.text(b)
		clear(b)
		if got != name {
			t.Errorf("%q for %q: a name shares the memory of its session", got, name)
		}
	}
	if names := *fresh.known.Load(); len(names) != 2 {
		t.Errorf("%q is kept", names)
	}
	if n := testing.AllocsPerRun(100, func() { fresh.text([]byte("cart")) }); n != 0 {
		t.Errorf("a name that is known costs %v allocations", n)
	}
}

// FuzzCookie: what is read from a Cookie header agrees with net/http on whether
// there is exactly one cookie of the name, and is a token or nothing.
func FuzzCookie(f *testing.F) {
	good := string(newToken(newBucket("")))
	for _, s := range []string{"", good, "__Host-session=" + good, "a=b; __Host-session=" + good, "__Host-session=" + good + "; __Host-session=" + good, "__Host-session=;;=;", "__Host-session", `__Host-session="` + good + `"`, " __Host-session = " + good} {
		f.Add(s)
	}
	m, err := New(nil, Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, header string) {
		r := &http.Request{Header: http.Header{"Cookie": {header}}}
		tok, err := m.readCookie(r)
		if err == nil {
			if len(tok) != tokenLength || strings.Count(header, string(tok)) == 0 {
				t.Fatalf("%q from %q", tok, header)
			}
		}
		theirs := r.CookiesNamed(m.cfg.CookieName)
		if len(theirs) > 1 && err == nil {
			t.Fatalf("one of %d cookies was taken", len(theirs))
		}
		if len(theirs) == 1 && err == nil && theirs[0].Value != string(tok) {
			t.Fatalf("%q, net/http reads %q", tok, theirs[0].Value)
		}
	})
}

// FuzzValues: the decoder of values never panics, and what decodes encodes to
// something that decodes alike.
func FuzzValues(f *testing.F) {
	b, err := new(valueCodec).Encode(time.Time{}, map[string]any{"a": 1, "b": "x", "c": []string{"y"}, "d": time.Unix(1, 2), "e": nil, "f": 1.5, "g": []byte{1}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{1, 1, 1, 'x', kindGob, 3, 1, 2, 3})
	f.Add([]byte{1, 0xff, 0xff, 0x03})
	f.Fuzz(func(t *testing.T, b []byte) {
		_, values, err := new(valueCodec).Decode(b)
		if err != nil {
			return
		}
		again, err := new(valueCodec).Encode(time.Time{}, values)
		if err != nil {
			t.Fatal(err)
		}
		_, values2, err := new(valueCodec).Decode(again)
		if err != nil || len(values2) != len(values) {
			t.Fatalf("%v: %v, then %v", err, values, values2)
		}
	})
}
