package session

import (
	"maps"
	"sync/atomic"
)

// The bounds of a nameTable. Names are the application's, but it may make them of
// what clients send.
const (
	maxNames      = 64
	maxNameLength = 64
)

// A nameTable has the names of values that were seen first. A service uses the
// same few in all its sessions, and need not make a string of each again for
// every request. It is safe for concurrent use; the zero value is empty.
type nameTable struct {
	known atomic.Pointer[map[string]string] // replaced, never changed
}

// text is string(name).
func (t *nameTable) text(name []byte) string {
	known := t.known.Load()
	var names map[string]string
	if known != nil {
		names = *known
	}
	if s, ok := names[string(name)]; ok {
		return s
	}
	s := string(name)
	if len(names) < maxNames && len(s) <= maxNameLength {
		grown := make(map[string]string, len(names)+1)
		maps.Copy(grown, names)
		grown[s] = s
		// If somebody else was faster, the name is added another time.
		t.known.CompareAndSwap(known, &grown)
	}
	return s
}
