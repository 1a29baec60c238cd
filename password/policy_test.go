package password_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/problem"
)

func newPolicy(t testing.TB, cfg password.PolicyConfig) *password.Policy {
	t.Helper()
	return must[*password.Policy](t)(password.NewPolicy(cfg))
}

// reasons returns those of a PolicyError, or nil.
func reasons(t testing.TB, err error) []password.Reason {
	t.Helper()
	if err == nil {
		return nil
	}
	var pe *password.PolicyError
	if !errors.As(err, &pe) || !errors.Is(err, password.ErrRejected) {
		t.Fatalf("%v is no PolicyError", err)
	}
	return pe.Reasons
}

func TestNewPolicy(t *testing.T) {
	t.Run("PWD-06 the minimum is never under 8", func(t *testing.T) {
		for _, n := range []int{-1, 1, 7, 65} {
			if _, err := password.NewPolicy(password.PolicyConfig{MinLength: n}); err == nil {
				t.Errorf("MinLength %d is accepted", n)
			}
		}
		for _, n := range []int{0, 8, 15, 64} {
			if _, err := password.NewPolicy(password.PolicyConfig{MinLength: n}); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestPolicy(t *testing.T) {
	const (
		short  = password.ReasonTooShort
		long   = password.ReasonTooLong
		binary = password.ReasonNotText
		common = password.ReasonCommon
		names  = password.ReasonContext
	)
	p := newPolicy(t, password.PolicyConfig{Words: []string{"Sallyport", "Acme Corp."}})
	for _, tt := range []struct {
		name, password string
		words          []string
		want           []password.Reason
	}{
		{"PWD-06 11 code points", "kx7vqzw3mtb", nil, []password.Reason{short}},
		{"PWD-06 12 code points", "kx7vqzw3mtbd", nil, nil},
		{"PWD-06 11 emoji", strings.Repeat("🔑🐟🎩", 4)[:11*4], nil, []password.Reason{short}},
		{"PWD-06 12 emoji", strings.Repeat("🔑🐟🎩", 4), nil, nil},
		{"empty", "", nil, []password.Reason{short}},
		{"PWD-05 64 code points", strings.Repeat("ñandú-🔑 ", 8), nil, nil},
		{"PWD-05 1,024 bytes", strings.Repeat("kx7vqzw3", 128), nil, nil},
		{"PWD-05 1,025 bytes", strings.Repeat("kx7vqzw3", 128) + "!", nil, []password.Reason{long}},
		{"PWD-05 P02 1 MiB", strings.Repeat("x", 1<<20), nil, []password.Reason{long}},
		{"P02 NUL", "kx7vqzw3\x00mtbd", nil, []password.Reason{binary}},
		{"P02 invalid UTF-8", "kx7vqzw3mtbd\xff", nil, []password.Reason{binary}},
		{"P02 only spaces", "              ", nil, nil},
		{"PWD-07 only lower case", "a lowly lettered phrase", nil, nil},
		{"PWD-07 only digits", "618033988749894", nil, nil},
		{"PWD-07 one letter, which is on the list", "aaaaaaaaaaaa", nil, []password.Reason{common}},
		{"PWD-08 common", "qwertyuiop123", nil, []password.Reason{common}},
		{"PWD-08 common, with capitals", "PassWord12345", nil, []password.Reason{common}},
		{"PWD-08 common, in full width", "ｐａｓｓｗｏｒｄ１２３４", nil, []password.Reason{common}},
		{"PWD-08 common and short", "password", nil, []password.Reason{short, common}},
		{"PWD-08 a common one twice", "letmeinletmein", nil, []password.Reason{common}},
		{"PWD-08 a common one and a year", "superman2024", nil, []password.Reason{common}},
		{"PWD-08 common and something", "kqwertyuiop123", nil, nil},
		{"PWD-08 application", "sallyport-2026!", nil, []password.Reason{names}},
		{"PWD-08 application, with capitals", "SALLYport-2026!", nil, []password.Reason{names}},
		{"PWD-08 a part of the company", "acme-acme-acme", nil, []password.Reason{names}},
		{"PWD-08 user name", "alice.in.2026", []string{"Alice"}, []password.Reason{names}},
		{"PWD-08 a part of the user name", "liddell-liddell", []string{"Alice Liddell"}, []password.Reason{names}},
		{"PWD-08 e-mail local part", "jabberwock-123", []string{"jabberwock@example.com"}, []password.Reason{names}},
		{"PWD-08 a part of the local part", "x-smith-smith-x", []string{"john.smith+news@example.com"}, []password.Reason{names}},
		{"PWD-08 the whole address", "ALICE@example.com", []string{"alice@example.com"}, []password.Reason{names}},
		{"PWD-08 the whole address and a little", "alice@example.com2026", []string{"alice@example.com"}, []password.Reason{names}},
		{"PWD-08 both names", "alice@sallyport", []string{"alice@example.com"}, []password.Reason{names}},
		{"PWD-08 names that overlap", strings.Repeat("lululu.", 5), []string{"lulu"}, []password.Reason{names}},
		{"PWD-08 a name in full width", "ａｌｉｃｅ-in-2026", []string{"alice"}, []password.Reason{names}},
		{"PWD-08 a name in capitals that change length", "İSTANBULİSTANBUL", []string{"i̇stanbul"}, []password.Reason{names}},
		{"PWD-08 short and a name", "alice", []string{"alice"}, []password.Reason{short, names}},
		{"a name beside 12 others", "alice-likes-cheese", []string{"alice"}, nil},
		{"a name beside 11 others", "alice-likes-brie!", []string{"alice", "brie"}, []password.Reason{names}},
		{"an address and enough besides", "alice@example.com likes cheese", []string{"alice@example.com"}, nil},
		{"an @ is no address", "a@b-c@d-e@f-", []string{"@"}, nil},
		{"the domain is no name", "example-horses", []string{"alice@example.com"}, nil},
		{"a part of three letters", "joe-joe-joe-joe", []string{"joe"}, nil},
		{"a name that does not occur", "kx7vqzw3mtbd", []string{"alice", "", "@", "@@@@@"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := p.Check(t.Context(), tt.password, tt.words...)
			if got := reasons(t, err); !slices.Equal(got, tt.want) {
				t.Errorf("%v, want %v", got, tt.want)
			}
			if err != nil && len(tt.password) > 8 && strings.Contains(err.Error(), tt.password) {
				t.Errorf("PWD-15 the error holds the password: %v", err)
			}
		})
	}
	t.Run("PWD-06 MinLength 15", func(t *testing.T) {
		p := newPolicy(t, password.PolicyConfig{MinLength: 15})
		if got := reasons(t, p.Check(t.Context(), "kx7vqzw3mtbdpy")); !slices.Equal(got, []password.Reason{short}) {
			t.Errorf("14 code points: %v", got)
		}
		if err := p.Check(t.Context(), "kx7vqzw3mtbdpyh"); err != nil {
			t.Errorf("15 code points: %v", err)
		}
	})
	t.Run("PWD-08 MinLength 8 has a list as well", func(t *testing.T) {
		p := newPolicy(t, password.PolicyConfig{MinLength: 8})
		for _, pw := range []string{"password", "12345678", "iloveyou", "qwerty123"} {
			if got := reasons(t, p.Check(t.Context(), pw)); !slices.Equal(got, []password.Reason{common}) {
				t.Errorf("%s: %v", pw, got)
			}
		}
	})
}

func TestBreached(t *testing.T) {
	const fine = "kx7vqzw3mtbdpyh"
	down := errors.New("timeout")
	for _, tt := range []struct {
		name     string
		found    bool
		err      error
		panics   bool
		failOpen bool
		status   int
		reasons  []password.Reason
	}{
		{name: "PWD-08 known", found: true, status: 422, reasons: []password.Reason{password.ReasonBreached}},
		{name: "PWD-08 not known", status: 0},
		{name: "PWD-08 an error refuses", err: down, status: 503},
		{name: "PWD-08 an error refuses, whatever it found", found: true, err: down, status: 503},
		{name: "PWD-08 FailOpenBreached admits on an error", err: down, failOpen: true, status: 0},
		{name: "PWD-08 FailOpenBreached refuses what is known", found: true, failOpen: true, status: 422, reasons: []password.Reason{password.ReasonBreached}},
		{name: "F16 a panic refuses", panics: true, status: 503},
		{name: "F16 FailOpenBreached admits on a panic", panics: true, failOpen: true, status: 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newPolicy(t, password.PolicyConfig{FailOpenBreached: tt.failOpen, Breached: func(_ context.Context, pw string) (bool, error) {
				if pw != fine {
					t.Errorf("asked about %q", pw)
				}
				if tt.panics {
					panic("no")
				}
				return tt.found, tt.err
			}})
			err := p.Check(t.Context(), fine)
			if tt.status == 0 {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if got := problem.From(err).Status; got != tt.status {
				t.Errorf("status %d, want %d", got, tt.status)
			}
			if tt.err != nil && !errors.Is(err, tt.err) {
				t.Errorf("%v does not wrap the cause", err)
			}
			if tt.reasons != nil && !slices.Equal(reasons(t, err), tt.reasons) {
				t.Errorf("%v", reasons(t, err))
			}
		})
	}
	t.Run("is not asked about what is refused anyway", func(t *testing.T) {
		p := newPolicy(t, password.PolicyConfig{Breached: func(context.Context, string) (bool, error) {
			t.Error("asked")
			return false, nil
		}})
		for _, pw := range []string{"short", "password12345", strings.Repeat("x", 2000)} {
			if p.Check(t.Context(), pw) == nil {
				t.Errorf("%.20s is accepted", pw)
			}
		}
	})
}

func TestPolicyProblem(t *testing.T) {
	p := newPolicy(t, password.PolicyConfig{})
	w := httptest.NewRecorder()
	problem.WriteError(w, httptest.NewRequest("POST", "/register", nil), p.Check(t.Context(), "alice", "alice@example.com"))
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	delete(body, "type")
	want := map[string]any{
		"title": "The password is not acceptable", "status": 422.0, "code": "PASSWORD_REJECTED",
		"reasons": []any{"TOO_SHORT", "CONTEXT"}, "min_length": 12.0,
	}
	if w.Code != 422 || !reflect.DeepEqual(body, want) {
		t.Errorf("%d %v, want %v", w.Code, body, want)
	}
}

func TestCommonPasswords(t *testing.T) {
	text := password.CommonPasswords()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if !slices.IsSorted(lines) || len(slices.Compact(slices.Clone(lines))) != len(lines) {
		t.Error("the list is not sorted by bytes, or has an entry twice")
	}
	if len(text) >= 1<<20 {
		t.Errorf("the list has %d bytes, want less than 1 MiB", len(text))
	}
	fit := 0
	p := newPolicy(t, password.PolicyConfig{MinLength: 8})
	for _, line := range lines {
		if password.Fold(line) != line {
			t.Errorf("%q is not folded", line)
		}
		n := utf8.RuneCountInString(line)
		if n < 8 || n > 64 {
			t.Errorf("%q has %d code points", line, n)
		}
		if n >= 12 {
			fit++
		}
		if !slices.Contains(reasons(t, p.Check(t.Context(), strings.ToUpper(line))), password.ReasonCommon) {
			t.Errorf("%q is not found", line)
		}
		for _, other := range []string{line + "\x01", line[:len(line)-1] + "\x7f", "\n" + line, line + "\n"} {
			if password.IsCommon(other) {
				t.Errorf("%q is found", other)
			}
		}
	}
	if fit < 3000 {
		t.Errorf("PWD-08 %d entries fit the default policy, want 3,000", fit)
	}
	t.Logf("%d entries, %d of 12 code points or more", len(lines), fit)
	for _, other := range []string{"", "\n", "\x00", "~~~~~~~~~~~~~~", "\xff", lines[0] + "\n" + lines[1]} {
		if password.IsCommon(other) {
			t.Errorf("%q is found", other)
		}
	}
}
