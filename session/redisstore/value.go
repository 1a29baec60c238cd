package redisstore

import (
	"fmt"
	"strconv"
	"time"

	"github.com/go-sallyport/auth/internal/secret"
	"github.com/go-sallyport/auth/session"
)

// A value is a header of four fields of sixteen bytes, which the scripts read and
// a Touch overwrites, and the encoded record: when it was seen, when it expires,
// when it was created, in milliseconds as decimal digits because Lua reads those
// without loss, and a hash of the public id.
const (
	fieldSize  = 16
	headerSize = 4 * fieldSize
)

func encode(rec *session.Record, expiry time.Time) ([]byte, error) {
	b := make([]byte, 0, 384)
	b = appendTime(b, rec.Seen)
	b = appendTime(b, expiry)
	b = appendTime(b, rec.Created)
	b = append(b, publicTag(rec.ID)...)
	return rec.AppendBinary(b)
}

// decode returns the record in value, unless it has expired at now.
func decode(value []byte, now time.Time) (*session.Record, error) {
	if len(value) < headerSize {
		return nil, errCorrupt
	}
	seen, err := readTime(value)
	if err != nil {
		return nil, errCorrupt
	}
	expiry, err := readTime(value[fieldSize:])
	if err != nil {
		return nil, errCorrupt
	}
	if !now.Before(expiry) {
		return nil, session.ErrNoSession
	}
	rec := new(session.Record)
	if err := rec.UnmarshalBinary(value[headerSize:]); err != nil {
		return nil, errCorrupt
	}
	rec.Seen = seen
	return rec, nil
}

func appendTime(b []byte, t time.Time) []byte {
	return fmt.Appendf(b, "%0*d", fieldSize, t.UnixMilli())
}

func readTime(b []byte) (time.Time, error) {
	ms, err := strconv.ParseInt(string(b[:fieldSize]), 10, 64)
	return time.UnixMilli(ms).UTC(), err
}

// publicTag is how the scripts find a session by its public id.
func publicTag(id string) []byte {
	h := secret.HandleOf(id)
	return h[:fieldSize]
}

var errCorrupt = fmt.Errorf("redisstore: %w: %w", session.ErrNoSession, session.ErrCorrupt)
