package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/mfa"
)

// A FactorStore keeps TOTP factors, enrolments and recovery codes in Redis. It is
// safe for concurrent use. Read what the package comment says of durability before
// you use it.
type FactorStore struct{ base }

var _ mfa.FactorStore = (*FactorStore)(nil)

// NewFactorStore returns a FactorStore. It asks the server, as CheckDurability
// does, and refuses one that may forget factors, with ErrNotDurable, unless
// Config.SkipDurabilityCheck. It refuses the clients that New refuses.
func NewFactorStore(ctx context.Context, client redis.UniversalClient, cfg Config) (*FactorStore, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	b, err := newBase(client, cfg)
	if err != nil {
		return nil, err
	}
	if !cfg.SkipDurabilityCheck {
		if err := CheckDurability(ctx, client); err != nil {
			return nil, err
		}
	}
	return &FactorStore{b}, nil
}

// Find implements mfa.FactorStore. What cannot be read is a failure and not a
// subject without a factor.
func (s *FactorStore) Find(ctx context.Context, subject string) (mfa.State, error) {
	ctx, cancel := s.within(ctx)
	defer cancel()
	fields, err := s.client.HGetAll(ctx, s.keys(subject)[0]).Result()
	if err != nil {
		return mfa.State{}, failed("find a factor", err)
	}
	st, err := decodeState(fields)
	return st, failed("find a factor", err)
}

// Begin implements mfa.FactorStore.
func (s *FactorStore) Begin(ctx context.Context, subject string, p mfa.PendingTOTP, ttl time.Duration) error {
	return failed("begin an enrolment", s.run(ctx, enrol, s.keys(subject), p.ID, p.Sealed, p.Login[:], ttl.Milliseconds()).Err())
}

// Pending implements mfa.FactorStore.
func (s *FactorStore) Pending(ctx context.Context, subject string) (mfa.PendingTOTP, error) {
	ctx, cancel := s.within(ctx)
	defer cancel()
	fields, err := s.client.HGetAll(ctx, s.keys(subject)[1]).Result()
	switch {
	case err != nil:
		return mfa.PendingTOTP{}, failed("find an enrolment", err)
	case len(fields) == 0:
		return mfa.PendingTOTP{}, mfa.ErrNoPending
	}
	p := mfa.PendingTOTP{ID: fields["id"], Sealed: fields["sealed"]}
	if copy(p.Login[:], fields["login"]) != len(p.Login) || p.ID == "" {
		return mfa.PendingTOTP{}, failed("find an enrolment", errCorrupt)
	}
	return p, nil
}

// Activate implements mfa.FactorStore.
func (s *FactorStore) Activate(ctx context.Context, subject string, f mfa.TOTP, codes []mfa.CodeHash) error {
	args := append([]any{f.ID, f.Sealed, stepDigits(f.Step), f.Call[:], f.ConfirmedAt.UnixMilli()}, codeArgs(codes)...)
	ok, err := s.yes(ctx, activate, subject, args...)
	switch {
	case err != nil:
		return failed("activate", err)
	case !ok:
		return mfa.ErrNoPending
	}
	return nil
}

// Advance implements mfa.FactorStore.
func (s *FactorStore) Advance(ctx context.Context, subject, id string, step uint64, call mfa.CallID) (bool, error) {
	ok, err := s.yes(ctx, advance, subject, id, stepDigits(step), call[:])
	return ok, failed("advance", err)
}

// Reseal implements mfa.FactorStore.
func (s *FactorStore) Reseal(ctx context.Context, subject, id, from, to string) (bool, error) {
	ok, err := s.yes(ctx, reseal, subject, id, from, to)
	return ok, failed("reseal", err)
}

// Deactivate implements mfa.FactorStore.
func (s *FactorStore) Deactivate(ctx context.Context, subject, id string, codes bool) error {
	return failed("deactivate", s.run(ctx, deactivate, s.keys(subject), id, strconv.FormatBool(codes)).Err())
}

// Remove implements mfa.FactorStore.
func (s *FactorStore) Remove(ctx context.Context, subject string) error {
	return failed("remove", s.del(ctx, s.keys(subject)...))
}

// ReplaceCodes implements mfa.FactorStore.
func (s *FactorStore) ReplaceCodes(ctx context.Context, subject string, codes []mfa.CodeHash) error {
	return failed("replace codes", s.run(ctx, replaceCodes, s.keys(subject), codeArgs(codes)...).Err())
}

// ConsumeCode implements mfa.FactorStore.
func (s *FactorStore) ConsumeCode(ctx context.Context, subject string, code mfa.CodeHash, call mfa.CallID) (used bool, left int, err error) {
	n, err := s.run(ctx, consume, s.keys(subject), code[:], call[:]).Int64Slice()
	switch {
	case err != nil:
		return false, 0, failed("consume a code", err)
	case len(n) != 2:
		return false, 0, failed("consume a code", errCorrupt)
	}
	return n[0] == 1, int(n[1]), nil
}

// yes runs a script that answers 1 or 0.
func (s *FactorStore) yes(ctx context.Context, script *redis.Script, subject string, args ...any) (bool, error) {
	n, err := s.run(ctx, script, s.keys(subject), args...).Int()
	return n == 1, err
}

// keys are where the factor and the codes of a subject are, and the enrolment that
// waits. The braces keep them in one hash slot.
func (s *FactorStore) keys(subject string) []string {
	tag := "{" + digest(subject) + "}"
	return []string{s.prefix + "factor:" + tag, s.prefix + "enrolment:" + tag}
}

// stepDigits is a step as the scripts read it: 20 digits, which are all of a uint64.
func stepDigits(step uint64) string { return fmt.Sprintf("%020d", step) }

func codeArgs(codes []mfa.CodeHash) []any {
	args := make([]any, len(codes))
	for i := range codes {
		args[i] = codes[i][:]
	}
	return args
}

// factorFields is how many fields a factor has.
const factorFields = 5

// decodeState returns what the fields of a factor key say.
func decodeState(fields map[string]string) (mfa.State, error) {
	var st mfa.State
	own := 0
	for name, value := range fields {
		if !strings.HasPrefix(name, codePrefix) {
			own++
			continue
		}
		if len(name) != len(codePrefix)+len(mfa.CodeHash{}) || len(value) != 0 && len(value) != len(mfa.CallID{}) {
			return mfa.State{}, errCorrupt
		}
		st.Codes++
		if value == "" {
			st.CodesLeft++
		}
	}
	switch own {
	case 0:
		return st, nil
	case factorFields:
	default:
		return mfa.State{}, errCorrupt
	}
	f := &st.TOTP
	f.ID, f.Sealed = fields["id"], fields["sealed"]
	var err, err2 error
	f.Step, err = strconv.ParseUint(fields["step"], 10, 64)
	confirmed, err2 := strconv.ParseInt(fields["confirmed"], 10, 64)
	if err != nil || err2 != nil || f.ID == "" || copy(f.Call[:], fields["call"]) != len(f.Call) {
		return mfa.State{}, errCorrupt
	}
	f.ConfirmedAt = time.UnixMilli(confirmed).UTC()
	return st, nil
}
