package redisstore

import (
	"errors"
	"strconv"
	"time"

	"github.com/go-sallyport/auth/jwtauth"
)

// A value is a header, which the scripts read and write, and the grant:
//
//	0   counter     16 decimal digits, which Lua reads without loss
//	16  used        16 decimal digits each: milliseconds since 1970
//	32  expires
//	48  deadline
//	64  created
//	80  calls       32 bytes: the last four, the latest first
//	112 ended       "x" if it has, else "."
//	113 nothing     15 bytes
//	128 grant
const (
	fieldSize  = 16
	callsAt    = 5 * fieldSize
	endedAt    = callsAt + jwtauth.Remembered*len(jwtauth.CallID{})
	headerSize = endedAt + fieldSize
)

var errCorrupt = errors.New("redisstore: a stored family cannot be read")

// decode returns the family in value.
func decode(id jwtauth.FamilyID, value string) (*jwtauth.Family, error) {
	if len(value) < headerSize || value[endedAt] != 'x' && value[endedAt] != '.' {
		return nil, errCorrupt
	}
	var n [5]int64
	for i := range n {
		var err error
		if n[i], err = strconv.ParseInt(value[i*fieldSize:(i+1)*fieldSize], 10, 64); err != nil || n[i] < 0 {
			return nil, errCorrupt
		}
	}
	f := &jwtauth.Family{
		ID:        id,
		Grant:     []byte(value[headerSize:]),
		Counter:   uint64(n[0]), //nolint:gosec // not negative
		UsedAt:    time.UnixMilli(n[1]).UTC(),
		ExpiresAt: time.UnixMilli(n[2]).UTC(),
		Deadline:  time.UnixMilli(n[3]).UTC(),
		CreatedAt: time.UnixMilli(n[4]).UTC(),
		Ended:     value[endedAt] == 'x',
	}
	calls := value[callsAt:endedAt]
	for i := range f.Calls {
		calls = calls[copy(f.Calls[i][:], calls):]
	}
	return f, nil
}
