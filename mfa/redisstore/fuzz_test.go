package redisstore

import (
	"errors"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/mfa"
)

// FuzzValue: whatever is in Redis is read, or is none; a factor that cannot be read is
// an error.
func FuzzValue(f *testing.F) {
	header := "0001790000000000" + "0001790000000000" + "1790000000000000" + strings.Repeat("\x00", fieldSize)
	for _, seed := range []string{"", "x", header, header + "0000000000000003sealed", header + "-000000000000003sealed", header + "abcdefghijklmnopqrstuv\na browser", header + "no line feed", strings.Repeat("\xff", 200)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		c, err := challenge("find", mfa.ChallengeID{1}, redis.NewCmdResult(value, nil))
		if (err == nil) != (c.ID == mfa.ChallengeID{1}) || err != nil && !errors.Is(err, mfa.ErrNoChallenge) || c.Attempts < 0 {
			t.Errorf("%+v, %v", c, err)
		}
		d, err := decodeDevice(mfa.DeviceHash{1}, value)
		if (err == nil) != (d.Hash == mfa.DeviceHash{1}) || err != nil && !errors.Is(err, mfa.ErrNoDevice) {
			t.Errorf("%+v, %v", d, err)
		}
		good := map[string]string{"id": "id", "sealed": "s", "step": "7", "call": strings.Repeat("c", 16), "confirmed": "1"}
		for name := range good {
			fields := map[string]string{codePrefix + strings.Repeat("h", 32): ""}
			for k, v := range good {
				fields[k] = v
			}
			fields[name] = value
			if st, err := decodeState(fields); err != nil && st != (mfa.State{}) || err == nil && st.TOTP.ID == "" {
				t.Errorf("%s: %+v, %v", name, st, err)
			}
		}
	})
}
