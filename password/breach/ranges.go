package breach

import (
	"bytes"
	"errors"
	"math"
	"strconv"
)

// suffixDigits is how much of a SHA-1 a line has: 40 hexadecimal digits less the
// five that were asked for.
const suffixDigits = 35

// errForm does not quote the answer, which may be anybody's text.
var errForm = errors.New("breach: the answer is not a range: lines of 35 digits, a colon and a count")

// search returns how often the password with this suffix was seen. Padding is
// lines with a count of zero.
//
// The whole answer is read: an error page, or one that broke off in the middle of
// a line, is an error and no "not found". An empty one too, for no range is empty.
func search(body []byte, suffix string) (count int, err error) {
	if len(body) == 0 {
		return 0, errForm
	}
	for line := range bytes.Lines(body) {
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		n, ok := parseLine(line)
		if !ok {
			return 0, errForm
		}
		if string(line[:suffixDigits]) == suffix {
			count = max(count, n)
		}
	}
	return count, nil
}

// parseLine checks a line such as 0018A45C4D1DEF81644B54AB7F969B88D65:21 and
// returns its count.
func parseLine(line []byte) (count int, ok bool) {
	if len(line) <= suffixDigits+1 || line[suffixDigits] != ':' {
		return 0, false
	}
	for _, c := range line[:suffixDigits] {
		if (c < '0' || c > '9') && (c < 'A' || c > 'F') {
			return 0, false
		}
	}
	digits := string(line[suffixDigits+1:])
	n, err := strconv.ParseUint(digits, 10, 32)
	return int(min(n, math.MaxInt32)), err == nil && strconv.FormatUint(n, 10) == digits
}
