package session

import (
	"container/heap"
	"slices"
	"time"
)

// A memorySession is one session in a MemoryStore: in its map, in one of its two
// queues and, unless it is a visitor's, in the list of its subject. All three
// change together, under the mutex of the store, which everything in this file
// wants.
type memorySession struct {
	id     ID
	record *Record
	expiry time.Time
	queue  *expiryHeap
	index  int // in queue

	// The other sessions of the subject.
	newer, older *memorySession
}

// makeRoom ends the oldest sessions of subject, so that one more is within limit.
// What has expired is gone by then, see sweep.
func (s *MemoryStore) makeRoom(subject string, limit int) {
	var kept []*memorySession
	for e := s.subjects[subject]; e != nil; e = e.older {
		kept = append(kept, e)
	}
	if len(kept) < limit {
		return
	}
	slices.SortFunc(kept, func(a, b *memorySession) int { return a.record.Created.Compare(b.record.Created) })
	for _, e := range kept[:len(kept)-limit+1] {
		s.drop(e)
	}
}

// put adds a session that is not there, and makes room for it.
func (s *MemoryStore) put(id ID, rec *Record, expiry time.Time) {
	if len(s.sessions) >= s.limit {
		victim := &s.members
		if len(s.visitors) > 0 {
			victim = &s.visitors
		}
		s.drop((*victim)[0])
	}
	e := &memorySession{id: id, record: rec, expiry: expiry, queue: s.queueOf(rec)}
	s.sessions[id] = e
	heap.Push(e.queue, e)
	if rec.Principal == nil {
		return
	}
	if e.older = s.subjects[rec.subject()]; e.older != nil {
		e.older.newer = e
	}
	s.subjects[rec.subject()] = e
}

func (s *MemoryStore) drop(e *memorySession) {
	heap.Remove(e.queue, e.index)
	delete(s.sessions, e.id)
	if e.record.Principal == nil {
		return
	}
	if e.older != nil {
		e.older.newer = e.newer
	}
	switch {
	case e.newer != nil:
		e.newer.older = e.older
	case e.older != nil:
		s.subjects[e.record.subject()] = e.older
	default:
		delete(s.subjects, e.record.subject())
	}
}

// sweep drops what has expired.
func (s *MemoryStore) sweep(now time.Time) {
	for _, queue := range []*expiryHeap{&s.visitors, &s.members} {
		for len(*queue) > 0 && !now.Before((*queue)[0].expiry) {
			s.drop((*queue)[0])
		}
	}
}

func (s *MemoryStore) queueOf(rec *Record) *expiryHeap {
	if rec.Principal == nil {
		return &s.visitors
	}
	return &s.members
}
