package storetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/mfa"
)

// pending is an enrolment, with the longest secret.
func pending() mfa.PendingTOTP {
	return mfa.PendingTOTP{ID: newID(), Sealed: sealed(), Login: newHash()}
}

func sealed() string { return strings.Repeat("S", mfa.MaxSealedSecret-mfa.IDSize) + newID() }

// confirmedAt is a time as a Manager gives it.
var confirmedAt = time.Date(2026, time.March, 1, 12, 30, 15, 123_000_000, time.UTC)

// factor is what p becomes.
func factor(p mfa.PendingTOTP, step uint64) mfa.TOTP {
	return mfa.TOTP{ID: p.ID, Sealed: p.Sealed, Step: step, Call: newCall(), ConfirmedAt: confirmedAt}
}

func hashes(n int) []mfa.CodeHash {
	list := make([]mfa.CodeHash, n)
	for i := range list {
		list[i] = newHash()
	}
	return list
}

// enrol makes a factor at step 1000 with ten codes.
func enrol(t *testing.T, s mfa.FactorStore, subject string) (mfa.TOTP, []mfa.CodeHash) {
	t.Helper()
	p := pending()
	ok(t, "Begin", s.Begin(t.Context(), subject, p, long))
	f, codes := factor(p, 1000), hashes(10)
	ok(t, "Activate", s.Activate(t.Context(), subject, f, codes))
	return f, codes
}

// wantState holds Find to a state.
func wantState(t *testing.T, s mfa.FactorStore, subject string, want mfa.State) {
	t.Helper()
	got, err := s.Find(t.Context(), subject)
	ok(t, "Find", err)
	if !got.TOTP.ConfirmedAt.Equal(want.TOTP.ConfirmedAt) || got.TOTP.ConfirmedAt.IsZero() != want.TOTP.ConfirmedAt.IsZero() {
		t.Fatalf("Find: confirmed at %v, want %v", got.TOTP.ConfirmedAt, want.TOTP.ConfirmedAt)
	}
	got.TOTP.ConfirmedAt = want.TOTP.ConfirmedAt
	if got != want {
		t.Fatalf("Find: %+v, want %+v", got, want)
	}
}

func wantPending(t *testing.T, s mfa.FactorStore, subject string, want mfa.PendingTOTP) {
	t.Helper()
	got, err := s.Pending(t.Context(), subject)
	ok(t, "Pending", err)
	if got != want {
		t.Fatalf("Pending: %+v, want %+v", got, want)
	}
}

func wantNoPending(t *testing.T, s mfa.FactorStore, subject string) {
	t.Helper()
	if p, err := s.Pending(t.Context(), subject); !errors.Is(err, mfa.ErrNoPending) || p != (mfa.PendingTOTP{}) {
		t.Fatalf("Pending: %+v, %v; want ErrNoPending alone", p, err)
	}
}

func wantNotActivated(t *testing.T, s mfa.FactorStore, subject string, f mfa.TOTP) {
	t.Helper()
	if err := s.Activate(t.Context(), subject, f, hashes(3)); !errors.Is(err, mfa.ErrNoPending) {
		t.Fatalf("Activate: %v, want ErrNoPending", err)
	}
}

// wantAdvance holds Advance to an answer.
func wantAdvance(t *testing.T, s mfa.FactorStore, subject, id string, step uint64, call mfa.CallID, want bool) {
	t.Helper()
	got, err := s.Advance(t.Context(), subject, id, step, call)
	ok(t, "Advance", err)
	if got != want {
		t.Fatalf("Advance to %d: %v, want %v", step, got, want)
	}
}

// wantConsume holds ConsumeCode to an answer.
func wantConsume(t *testing.T, s mfa.FactorStore, subject string, code mfa.CodeHash, call mfa.CallID, used bool, left int) {
	t.Helper()
	got, n, err := s.ConsumeCode(t.Context(), subject, code, call)
	ok(t, "ConsumeCode", err)
	if got != used || n != left {
		t.Fatalf("ConsumeCode: %v with %d left, want %v with %d", got, n, used, left)
	}
}
