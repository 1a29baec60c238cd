package mfa

import (
	"encoding/base32"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
)

// The seeds of RFC 6238 appendix B, as its erratum 2866 has them.
const (
	seed1   = "12345678901234567890"
	seed256 = "12345678901234567890123456789012"
	seed512 = "1234567890123456789012345678901234567890123456789012345678901234"
)

func TestVectorsOfRFC6238(t *testing.T) {
	for _, v := range []struct {
		unix             int64
		sha1, s256, s512 string
	}{
		{59, "94287082", "46119246", "90693936"},
		{1111111109, "07081804", "68084774", "25091201"},
		{1111111111, "14050471", "67062674", "99943326"},
		{1234567890, "89005924", "91819424", "93441116"},
		{2000000000, "69279037", "90698825", "38618901"},
		{20000000000, "65353130", "77737706", "47863826"},
	} {
		at := time.Unix(v.unix, 0)
		for _, c := range []struct {
			algorithm  Algorithm
			seed, code string
		}{{SHA1, seed1, v.sha1}, {SHA256, seed256, v.s256}, {SHA512, seed512, v.s512}} {
			t.Run(fmt.Sprintf("MFA-04 RFC 6238 B %s at %d", c.algorithm, v.unix), func(t *testing.T) {
				f := totp8(c.algorithm, c.seed)
				step := uint64(v.unix / 30)
				if got := f.match(c.code, at); got != step {
					t.Fatalf("%s is of step %d, want %d", c.code, got, step)
				}
				six := f
				six.digits = 6
				if got := six.match(c.code[2:], at); got != step {
					t.Fatalf("%s is of step %d, want %d", c.code[2:], got, step)
				}
			})
		}
	}
}

func totp8(a Algorithm, seed string) totpFactor {
	return totpFactor{algorithm: a, digits: 8, secret: []byte(seed)}
}

// Secrets of every length up to more than a block, against another implementation.
func TestMatchAgreesWithPquerna(t *testing.T) {
	algorithms := map[Algorithm]otp.Algorithm{SHA1: otp.AlgorithmSHA1, SHA256: otp.AlgorithmSHA256, SHA512: otp.AlgorithmSHA512}
	for a, theirs := range algorithms {
		for n := minSecret; n <= 140; n++ {
			secret := []byte(strings.Repeat("s3cr3t!", 20))[:n]
			at := time.Unix(int64(1_700_000_000+n*977), 0)
			code, err := totp.GenerateCodeCustom(base32.StdEncoding.EncodeToString(secret), at, totp.ValidateOpts{Period: 30, Digits: otp.DigitsEight, Algorithm: theirs})
			if err != nil {
				t.Fatal(err)
			}
			f := totpFactor{algorithm: a, digits: 8, secret: secret}
			if f.match(code, at) != stepAt(at) {
				t.Errorf("%s with %d bytes: %s is not found", a, n, code)
			}
		}
	}
}

func TestWindow(t *testing.T) {
	f := newTOTP(SHA1, 8)
	at := time.Unix(1_700_000_010, 0)
	for offset := -4; offset <= 4; offset++ {
		t.Run(fmt.Sprintf("MFA-04 M04 a code %d steps away", offset), func(t *testing.T) {
			then := at.Add(time.Duration(offset) * 30 * time.Second)
			want := uint64(0)
			if offset >= -1 && offset <= 1 {
				want = stepAt(then)
			}
			if got := f.match(codeAt(&f, then), at); got != want {
				t.Errorf("step %d, want %d", got, want)
			}
		})
	}
	t.Run("a code of two steps is of the later one", func(t *testing.T) {
		// That happens once in half a million steps; this is one, by search.
		const step = 153567
		f := totpFactor{algorithm: SHA1, digits: 6, secret: []byte(seed1)}
		var codes [steps]uint32
		if f.codes(step, &codes); codes != [steps]uint32{468457, 214300, 468457} {
			t.Fatalf("codes %v", codes)
		}
		if got := f.match("468457", time.Unix((step+1)*period, 0)); got != step+2 {
			t.Errorf("step %d, want %d", got, step+2)
		}
	})
	t.Run("F17 a clock that was never set", func(t *testing.T) {
		for _, unix := range []int64{-1 << 40, -1, 0, 29, 30, 59} {
			at := time.Unix(unix, 0)
			if got := f.match(codeAt(&f, at), at); got != stepAt(at) || got == 0 {
				t.Errorf("at %d: step %d", unix, got)
			}
		}
	})
}

func TestCodeIsStrict(t *testing.T) {
	for _, digits := range []int{6, 8} {
		f := newTOTP(SHA1, digits)
		at := time.Unix(1_700_000_010, 0)
		code := codeAt(&f, at)
		if f.match(code, at) == 0 {
			t.Fatal("the right code is refused")
		}
		full := strings.NewReplacer("0", "０", "1", "１", "2", "２", "3", "３", "4", "４", "5", "５", "6", "６", "7", "７", "8", "８", "9", "９").Replace(code)
		for _, typed := range []string{
			"", " ", " " + code, code + " ", code + "\n", "\t" + code, code[:3] + " " + code[3:], code[:3] + "-" + code[3:], code[1:], "0" + code, code + "0",
			"+" + code, "+" + code[1:], "-" + code[1:], "0x" + code[2:], full, code[:len(code)-1] + "\x00", code + "\x00", strings.Repeat("0", 1000) + code, code[:5] + "e",
		} {
			t.Run(fmt.Sprintf("MFA-04 M04 %d digits %q", digits, typed), func(t *testing.T) {
				if f.match(typed, at) != 0 {
					t.Error("was taken")
				}
			})
		}
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	now := time.Unix(1_700_000_010, 0)
	for _, a := range []Algorithm{SHA1, SHA256, SHA512} {
		f := newTOTP(a, 6)
		right, wrong := codeAt(&f, now), wrongCode(&f, now)
		if n := testing.AllocsPerRun(100, func() {
			_ = f.match(right, now)
			_ = f.match(wrong, now)
		}); n != 0 {
			t.Errorf("%s: %v allocations", a, n)
		}
	}
}

// codeAt is the code of that time.
func codeAt(f *totpFactor, at time.Time) string {
	var codes [steps]uint32
	f.codes(stepAt(at), &codes)
	return fmt.Sprintf("%0*d", f.digits, codes[0])
}

// wrongCode is one that is of no step around that time.
func wrongCode(f *totpFactor, at time.Time) string {
	for n := 0; ; n++ {
		if code := fmt.Sprintf("%0*d", f.digits, n); f.match(code, at) == 0 {
			return code
		}
	}
}

// FuzzCode holds that nothing is a code but as many ASCII digits, which are written
// in one way.
func FuzzCode(f *testing.F) {
	for _, s := range []string{"123456", "12345678", "000000", "", " 123456", "１２３４５６", "+12345", "12345\n", "1e5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		for _, digits := range []int{6, 8} {
			n, ok := parseCode(typed, digits)
			if ok && fmt.Sprintf("%0*d", digits, n) != typed {
				t.Errorf("%q was read as %d", typed, n)
			}
		}
	})
}
