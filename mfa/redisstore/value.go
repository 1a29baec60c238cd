package redisstore

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/mfa"
)

// The value of a challenge or a device is a header, which the scripts read and
// write, and what is kept for the Manager:
//
//	0   expires   16 decimal digits, which Lua reads without loss: milliseconds
//	16  created   since 1970
//	32  order     16 digits: microseconds, which no two of a hash have in common
//	48  claim     16 bytes: the call that has claimed a challenge, else zeros
//	64  challenge: attempts, 16 digits, and Sealed; nothing if it was claimed
//	    device:    ID, a line feed, Name
const (
	fieldSize  = 16
	headerSize = 4 * fieldSize
	endOfID    = "\n"
)

// digits is a number as the scripts read it.
func digits(n int) string { return fmt.Sprintf("%016d", n) }

func number(value string, i int) (int64, error) {
	n, err := strconv.ParseInt(value[i*fieldSize:(i+1)*fieldSize], 10, 64)
	if err != nil || n < 0 {
		return 0, errCorrupt
	}
	return n, nil
}

// challenge is what a script has answered. A challenge that cannot be read is none:
// the sign-in begins again.
func challenge(doing string, id mfa.ChallengeID, cmd *redis.Cmd) (mfa.Challenge, error) {
	value, err := cmd.Text()
	switch {
	case errors.Is(err, redis.Nil):
		return mfa.Challenge{}, mfa.ErrNoChallenge
	case err != nil:
		return mfa.Challenge{}, failed(doing, err)
	case len(value) < headerSize+fieldSize:
		return mfa.Challenge{}, fmt.Errorf("%w: %w", mfa.ErrNoChallenge, errCorrupt)
	}
	attempts, err := number(value, headerSize/fieldSize)
	if err != nil {
		return mfa.Challenge{}, fmt.Errorf("%w: %w", mfa.ErrNoChallenge, err)
	}
	return mfa.Challenge{ID: id, Sealed: value[headerSize+fieldSize:], Attempts: int(attempts)}, nil
}

// decodeDevice returns the device in value. One that cannot be read is none: a
// factor is asked for.
func decodeDevice(hash mfa.DeviceHash, value string) (mfa.Device, error) {
	d := mfa.Device{Hash: hash}
	if len(value) < headerSize {
		return mfa.Device{}, fmt.Errorf("%w: %w", mfa.ErrNoDevice, errCorrupt)
	}
	expires, err := number(value, 0)
	created, err2 := number(value, 1)
	var found bool
	d.ID, d.Name, found = strings.Cut(value[headerSize:], endOfID)
	if err != nil || err2 != nil || !found {
		return mfa.Device{}, fmt.Errorf("%w: %w", mfa.ErrNoDevice, errCorrupt)
	}
	d.ExpiresAt, d.CreatedAt = time.UnixMilli(expires).UTC(), time.UnixMilli(created).UTC()
	return d, nil
}
