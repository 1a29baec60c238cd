package sqlstore

import (
	"bytes"
	"context"

	"github.com/go-sallyport/auth/internal/sqldb"
	"github.com/go-sallyport/auth/mfa"
)

// A codeList is the recovery codes of a subject as they are kept: of each its hash,
// and the call that has used it or zeros.
type codeList []byte

const (
	hashSize = len(mfa.CodeHash{})
	codeSize = hashSize + len(mfa.CallID{})
)

var unused [codeSize - hashSize]byte

func newCodeList(codes []mfa.CodeHash) codeList {
	list := make(codeList, 0, len(codes)*codeSize)
	for i := range codes {
		list = append(append(list, codes[i][:]...), unused[:]...)
	}
	return list
}

func (l codeList) valid() bool { return len(l)%codeSize == 0 }
func (l codeList) count() int  { return len(l) / codeSize }

// left is how many are not used.
func (l codeList) left() (n int) {
	for ; len(l) > 0; l = l[codeSize:] {
		if bytes.Equal(l[hashSize:codeSize], unused[:]) {
			n++
		}
	}
	return n
}

// call is where the call of a code is noted, or nil.
func (l codeList) call(code mfa.CodeHash) []byte {
	for ; len(l) > 0; l = l[codeSize:] {
		if bytes.Equal(l[:hashSize], code[:]) {
			return l[hashSize:codeSize]
		}
	}
	return nil
}

// ReplaceCodes implements mfa.FactorStore.
func (s *Store) ReplaceCodes(ctx context.Context, subject string, codes []mfa.CodeHash) error {
	_, err := s.db.ExecRepeatable(ctx,
		"INSERT INTO {mfa_factors} (subject, id, sealed, step, call_id, confirmed_at, codes) VALUES (?, '', ?, 0, ?, 0, ?) {UPSERT (subject) codes}",
		[]byte(subject), []byte{}, make([]byte, len(mfa.CallID{})), []byte(newCodeList(codes)))
	return failed("replace codes", err)
}

// consumeTries bounds the attempts at one code: each that fails is another code
// that somebody has used, or codes that were replaced.
const consumeTries = 2 * mfa.MaxRecoveryCodes

// ConsumeCode implements mfa.FactorStore. It writes the codes if they are still what
// it has read.
func (s *Store) ConsumeCode(ctx context.Context, subject string, code mfa.CodeHash, call mfa.CallID) (used bool, left int, err error) {
	for range consumeTries {
		_, codes, err := find(ctx, s.db, subject)
		if err != nil {
			return false, 0, failed("consume a code", err)
		}
		by := codes.call(code)
		if by == nil || !bytes.Equal(by, unused[:]) {
			return by != nil && bytes.Equal(by, call[:]), codes.left(), nil
		}
		before := bytes.Clone(codes)
		copy(by, call[:])
		n, err := s.db.ExecRepeatable(ctx, "UPDATE {mfa_factors} SET codes = ? WHERE subject = ? AND codes = ?", []byte(codes), []byte(subject), before)
		if err != nil {
			return false, 0, failed("consume a code", err)
		}
		if n > 0 {
			return true, codes.left(), nil
		}
		// Somebody was faster, or this call, whose answer was lost.
	}
	return false, 0, failed("consume a code", sqldb.ErrConflict)
}
