package rbac

// A nameTable is a fixed set of names, each with its index. It exists because
// finding the caller's role is nearly the whole cost of a check, and it takes less
// than half the time of a map. No request changes it.
//
// Three overlapping words and the length tell a name of up to maxShort bytes
// from every other, so comparing these compares the name. Longer names are in a
// map, as are all if they will not scatter.
//
// The zero nameTable is empty. Look-ups may run concurrently.
type nameTable struct {
	slots      []slot
	m1, m2, m3 uint64 // scatter the names
	shift      uint8  // leaves the bits of the sum that number a slot
	short      int    // longer names than this are in long
	long       map[string]int
}

// A slot holds a name. Its length is 0 if it is free.
type slot struct {
	head, mid, tail uint64
	length, index   int
}

const (
	maxShort = 24                 // bytes
	maxChain = 8                  // taken slots that a look-up may have to see
	fewNames = 64                 // names that can each have a slot of their own
	factor   = 0xd1342543de82ef95 // odd, so that factors stay odd
)

// newNameTable returns the table of names, which must be different from each
// other and not empty.
func newNameTable(names []string) nameTable {
	t := nameTable{m1: 0x9e3779b97f4a7c15, m2: 0xbf58476d1ce4e5b9, m3: 0x94d049bb133111eb}
	t.build(names)
	return t
}

func (t *nameTable) build(names []string) {
	t.short = maxShort
	size, bits := 16, uint8(4)
	for size < 2*len(names) {
		size, bits = size*2, bits+1
	}
	// Other factors scatter the names in another way; where that does not help, a
	// larger table does. Few names can each have the slot where the search begins.
	chain := uint64(maxChain)
	if len(names) <= fewNames {
		chain = 1
	}
	for try := range 48 {
		t.shift = 64 - bits
		if t.fill(names, size, chain) {
			return
		}
		t.m1, t.m2, t.m3 = t.m2*factor, t.m3*factor, t.m1*factor
		if try%16 == 15 {
			size, bits, chain = size*2, bits+1, maxChain
		}
	}
	t.short = 0
	t.fill(names, 0, maxChain)
}

// fill puts names into a table of that size. It reports false if a look-up would
// have to see more than chain slots that are taken.
func (t *nameTable) fill(names []string, size int, chain uint64) bool {
	// The slots behind the last spare the look-up a wrap; one always stays free.
	t.slots = make([]slot, size+maxChain+1)
	t.long = make(map[string]int)
	for index, name := range names {
		if len(name) > t.short {
			t.long[name] = index
			continue
		}
		_, at, head, mid, tail := t.probe(name)
		if at >= t.first(head, mid, tail)+chain {
			return false
		}
		t.slots[at] = slot{head, mid, tail, len(name), index}
	}
	return true
}

// find returns the index of name, or -1.
func (t *nameTable) find(name string) int {
	index, _, _, _, _ := t.probe(name)
	return index
}

// probe is find, and also returns what fill needs to know of a short name: its
// words, and the slot to put it into.
func (t *nameTable) probe(name string) (index int, at, head, mid, tail uint64) {
	n := len(name)
	switch {
	case n > t.short:
		return t.findLong(name), 0, 0, 0, 0
	case n > 16:
		head, mid, tail = word64(name), word64(name[8:]), word64(name[n-8:])
	case n >= 8:
		head, tail = word64(name), word64(name[n-8:])
	case n >= 4:
		head, tail = word32(name), word32(name[n-4:])
	case n > 0:
		head, tail = uint64(name[0]), uint64(name[n/2])|uint64(name[n-1])<<8
	}
	for at = t.first(head, mid, tail); at < uint64(len(t.slots)); at++ {
		e := &t.slots[at]
		if e.length == 0 { // also what the empty name finds, so it is in no table
			break
		}
		if e.head == head && e.tail == tail && e.length == n && e.mid == mid {
			return e.index, at, head, mid, tail
		}
	}
	return -1, at, head, mid, tail
}

func (t *nameTable) findLong(name string) int {
	if index, ok := t.long[name]; ok {
		return index
	}
	return -1
}

// first is the slot at which the search for these words begins.
func (t *nameTable) first(head, mid, tail uint64) uint64 {
	return (head*t.m1 + mid*t.m2 + tail*t.m3) >> (t.shift & 63)
}

// word64 is the first 8 bytes of s; the compiler makes one load of it.
func word64(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// word32 is the first 4 bytes of s.
func word32(s string) uint64 {
	_ = s[3]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24
}
