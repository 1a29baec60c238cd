package secret

import "crypto/sha256"

// Equal reports whether a and b are the same secret. It compares their SHA-256
// digests, which are of one length whatever a and b are, in constant time: what
// can be measured is how long the inputs are, not where they differ, nor whether
// their lengths do.
func Equal(a, b string) bool {
	return digest(a).Equal(digest(b))
}

// EqualBytes is Equal for byte slices. A nil slice equals an empty one.
func EqualBytes(a, b []byte) bool {
	return Handle(sha256.Sum256(a)).Equal(sha256.Sum256(b))
}

// digest is SHA-256 of a string. The compiler does not see that Sum256 only
// reads, and would copy the string to the heap; the copy here is on the stack.
func digest(s string) Handle {
	if len(s) > 128 {
		return digestLong(s)
	}
	var space [128]byte
	return sha256.Sum256(space[:copy(space[:], s)])
}

// digestLong is apart so that a short token does not pay for its stack frame.
//
//go:noinline
func digestLong(s string) Handle {
	var space [4096]byte
	if len(s) > len(space) {
		return sha256.Sum256([]byte(s))
	}
	return sha256.Sum256(space[:copy(space[:], s)])
}
