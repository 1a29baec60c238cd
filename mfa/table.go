package mfa

import (
	"container/heap"
	"slices"
	"time"
)

// A table is a bounded map of values that expire, each of which belongs to a
// group. It needs a lock around it.
type table[K, G comparable, V any] struct {
	limit   int
	entries map[K]*entry[K, G, V]
	groups  map[G][]*entry[K, G, V] // in the order of their creation
	queue   queue[K, G, V]
}

type entry[K, G comparable, V any] struct {
	key    K
	of     G
	value  V
	expiry time.Time
	index  int // in the queue
}

func newTable[K, G comparable, V any](limit int) *table[K, G, V] {
	return &table[K, G, V]{limit: limit, entries: make(map[K]*entry[K, G, V]), groups: make(map[G][]*entry[K, G, V])}
}

// put keeps a value for ttl in the place of any other of that key. Expired ones
// go, and if the table is full the one that would expire first.
func (t *table[K, G, V]) put(key K, of G, value V, now time.Time, ttl time.Duration) {
	if old := t.entries[key]; old != nil {
		t.drop(old)
	}
	for len(t.queue) > 0 && (!now.Before(t.queue[0].expiry) || len(t.queue) >= t.limit) {
		t.drop(t.queue[0])
	}
	e := &entry[K, G, V]{key: key, of: of, value: value, expiry: now.Add(ttl)}
	t.entries[key] = e
	t.groups[of] = append(t.groups[of], e)
	heap.Push(&t.queue, e)
}

// has reports whether there is a value of that key, expired or not.
func (t *table[K, G, V]) has(key K) bool { return t.entries[key] != nil }

// get returns the entry of that key, or nil. One that has expired is gone from
// then on, whatever the clock does.
func (t *table[K, G, V]) get(key K, now time.Time) *entry[K, G, V] {
	e := t.entries[key]
	if e != nil && !now.Before(e.expiry) {
		t.drop(e)
		return nil
	}
	return e
}

// group returns the entries of a group that have not expired, oldest first.
func (t *table[K, G, V]) group(of G, now time.Time) (live []*entry[K, G, V]) {
	for _, e := range slices.Clone(t.groups[of]) {
		if t.get(e.key, now) != nil {
			live = append(live, e)
		}
	}
	return live
}

func (t *table[K, G, V]) dropGroup(of G) {
	for _, e := range slices.Clone(t.groups[of]) {
		t.drop(e)
	}
}

func (t *table[K, G, V]) drop(e *entry[K, G, V]) {
	heap.Remove(&t.queue, e.index)
	delete(t.entries, e.key)
	own := slices.DeleteFunc(t.groups[e.of], func(o *entry[K, G, V]) bool { return o == e })
	if len(own) == 0 {
		delete(t.groups, e.of)
		return
	}
	t.groups[e.of] = own
}

// A queue has the entry that expires first at its root.
type queue[K, G comparable, V any] []*entry[K, G, V]

func (q queue[K, G, V]) Len() int           { return len(q) }
func (q queue[K, G, V]) Less(i, j int) bool { return q[i].expiry.Before(q[j].expiry) }

func (q queue[K, G, V]) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push implements heap.Interface.
func (q *queue[K, G, V]) Push(x any) {
	e, _ := x.(*entry[K, G, V])
	e.index = len(*q)
	*q = append(*q, e)
}

// Pop implements heap.Interface.
func (q *queue[K, G, V]) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return e
}
