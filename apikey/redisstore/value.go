package redisstore

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/go-sallyport/auth/apikey"
)

// A record is a header, which the scripts read and write, three texts and the grant:
//
//	0   version     "1"
//	1   created     16 decimal digits each: microseconds since 1970, 0 for none
//	17  expires
//	33  revoked
//	49  hash        32 bytes
//	81  lengths     3 digits each: of the successor and of the subject
//	87  successor, subject, grant
//
// Texts of 16 digits have the order of their numbers, so the scripts compare them as
// they are: not every one of them is a number that Lua has. The last use is in a field
// of its own: 16 digits and the address.
const (
	version    = '1'
	digits     = 16
	hashAt     = 1 + 3*digits
	lengthsAt  = hashAt + 32
	lengthSize = 3
	headerSize = lengthsAt + 2*lengthSize
	maxText    = 255 // of an id or subject
)

// Fields of a hash: a record and a last use.
const (
	recordField = "k"
	useField    = "u"
)

var (
	errCorrupt = errors.New("redisstore: a stored key cannot be read")
	errKey     = fmt.Errorf("redisstore: a key must have a subject and an id of up to %d bytes, and the id must begin with apikey.ShardOf(subject)", maxText)
	errTime    = errors.New("redisstore: a time must be between 1970 and 2286")
)

// encode returns the record of k.
func encode(k *apikey.Key) (string, error) {
	if shard, ok := shardOf(k.ID); !ok || k.Subject == "" || len(k.Subject) > maxText || shard != apikey.ShardOf(k.Subject) || len(k.Successor) > maxText {
		return "", errKey
	}
	grant, err := k.MarshalGrant()
	if err != nil {
		return "", err
	}
	b := make([]byte, 0, headerSize+len(k.Successor)+len(k.Subject)+len(grant))
	b = append(b, version)
	for _, t := range []time.Time{k.CreatedAt, k.ExpiresAt, k.RevokedAt} {
		text, err := encodeTime(t)
		if err != nil {
			return "", err
		}
		b = append(b, text...)
	}
	b = append(b, k.Hash[:]...)
	b = fmt.Appendf(b, "%03d%03d%s%s", len(k.Successor), len(k.Subject), k.Successor, k.Subject)
	return string(append(b, grant...)), nil
}

// decode returns the key in a record and its last use, which is empty if there is none.
func decode(id, record, use string) (*apikey.Key, error) {
	if len(record) < headerSize || record[0] != version {
		return nil, errCorrupt
	}
	k := &apikey.Key{ID: id}
	for i, to := range []*time.Time{&k.CreatedAt, &k.ExpiresAt, &k.RevokedAt} {
		var ok bool
		if *to, ok = decodeTime(record[1+i*digits : 1+(i+1)*digits]); !ok {
			return nil, errCorrupt
		}
	}
	copy(k.Hash[:], record[hashAt:])
	successor, ok1 := decodeDigits(record[lengthsAt : lengthsAt+lengthSize])
	subject, ok2 := decodeDigits(record[lengthsAt+lengthSize : headerSize])
	rest := record[headerSize:]
	if !ok1 || !ok2 || int64(len(rest)) < successor+subject {
		return nil, errCorrupt
	}
	k.Successor, k.Subject = rest[:successor], rest[successor:successor+subject]
	if k.Subject == "" {
		return nil, errCorrupt
	}
	if err := k.UnmarshalGrant([]byte(rest[successor+subject:])); err != nil {
		return nil, fmt.Errorf("%w: %w", errCorrupt, err)
	}
	k.LastUsedAt, k.LastUsedFrom = decodeUse(use)
	return k, nil
}

// encodeUse returns the field of a use.
func encodeUse(u apikey.Use) (string, error) {
	at, err := encodeTime(u.At)
	if err != nil || !u.From.IsValid() {
		return at, err
	}
	return at + u.From.String(), nil
}

// decodeUse is the reverse. What cannot be read is no use: nothing is decided by it.
func decodeUse(use string) (at time.Time, from netip.Addr) {
	if len(use) < digits {
		return at, from
	}
	at, ok := decodeTime(use[:digits])
	if !ok {
		return time.Time{}, from
	}
	from, err := netip.ParseAddr(use[digits:])
	if err != nil {
		return at, netip.Addr{}
	}
	return at, from
}

func encodeTime(t time.Time) (string, error) {
	if t.IsZero() {
		return "0000000000000000", nil
	}
	text := fmt.Sprintf("%016d", t.UnixMicro())
	if t.UnixMicro() <= 0 || len(text) != digits {
		return "", errTime
	}
	return text, nil
}

func decodeTime(text string) (time.Time, bool) {
	n, ok := decodeDigits(text)
	if !ok || n == 0 {
		return time.Time{}, ok
	}
	return time.UnixMicro(n).UTC(), true
}

func decodeDigits(text string) (int64, bool) {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil
}

// shardOf returns the shard of an id, which names the hash that it is in. An id that
// has none is in no hash.
func shardOf(id string) (string, bool) {
	if len(id) < apikey.ShardLen || len(id) > maxText {
		return "", false
	}
	shard := id[:apikey.ShardLen]
	for i := range len(shard) {
		if c := shard[i]; !('0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z') {
			return "", false
		}
	}
	return shard, true
}
