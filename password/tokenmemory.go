package password

import (
	"container/list"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// DefaultMaxTokens is how many tokens a MemoryTokenStore keeps if not told
// otherwise, in some 40 MiB.
const DefaultMaxTokens = 100_000

// A MemoryTokenStore keeps one-time tokens in the memory of this process: for
// services of one process, development and tests. A restart voids them all.
//
// When it is full, the oldest token of the purpose that has most makes room, so
// that a flood of registrations takes no link from those who reset a password.
// Whose token is gone asks for another one.
//
// Expired tokens are dropped as new ones come; there is no goroutine.
type MemoryTokenStore struct {
	limit int

	mu     sync.Mutex
	byHash map[[32]byte]*list.Element
	byUser map[tokenOwner]*list.Element
	queues map[Purpose]*list.List // of Token, the oldest in front; none is empty
}

type tokenOwner struct {
	subject string
	purpose Purpose
}

var _ TokenStore = (*MemoryTokenStore)(nil)

// NewMemoryTokenStore returns an empty MemoryTokenStore of at most maxTokens. Zero:
// DefaultMaxTokens.
func NewMemoryTokenStore(maxTokens int) (*MemoryTokenStore, error) {
	if maxTokens < 0 {
		return nil, fmt.Errorf("password: a store of %d tokens: use a positive number, or 0 for %d", maxTokens, DefaultMaxTokens)
	}
	return &MemoryTokenStore{
		limit:  orDefault(maxTokens, DefaultMaxTokens),
		byHash: make(map[[32]byte]*list.Element),
		byUser: make(map[tokenOwner]*list.Element),
		queues: make(map[Purpose]*list.List),
	}, nil
}

// Put implements TokenStore.
func (s *MemoryTokenStore) Put(ctx context.Context, t Token) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop(s.byUser[tokenOwner{t.Subject, t.Purpose}])
	s.drop(s.byHash[t.Hash])
	s.sweep(t.CreatedAt)
	for len(s.byHash) >= s.limit {
		s.drop(s.oldest())
	}
	queue := s.queues[t.Purpose]
	if queue == nil {
		queue = list.New()
		s.queues[t.Purpose] = queue
	}
	e := queue.PushBack(t)
	s.byHash[t.Hash] = e
	s.byUser[tokenOwner{t.Subject, t.Purpose}] = e
	return nil
}

// Find implements TokenStore.
func (s *MemoryTokenStore) Find(ctx context.Context, hash [32]byte, purpose Purpose, now time.Time) (Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, _, err := s.find(ctx, hash, purpose, now)
	return t, err
}

// Consume implements TokenStore.
func (s *MemoryTokenStore) Consume(ctx context.Context, hash [32]byte, purpose Purpose, now time.Time) (Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, e, err := s.find(ctx, hash, purpose, now)
	s.drop(e)
	return t, err
}

// Void implements TokenStore.
func (s *MemoryTokenStore) Void(ctx context.Context, subject string, purposes ...Purpose) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for purpose := range s.queues {
		if len(purposes) == 0 || slices.Contains(purposes, purpose) {
			s.drop(s.byUser[tokenOwner{subject, purpose}])
		}
	}
	return nil
}

// Len returns how many tokens are kept, expired ones that were not yet dropped
// included.
func (s *MemoryTokenStore) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byHash)
}

// The methods below are called with mu held.

func (s *MemoryTokenStore) find(ctx context.Context, hash [32]byte, purpose Purpose, now time.Time) (Token, *list.Element, error) {
	if err := ctx.Err(); err != nil {
		return Token{}, nil, err
	}
	e := s.byHash[hash]
	if e == nil {
		return Token{}, nil, ErrToken
	}
	t := tokenOf(e)
	if t.Purpose != purpose || !now.Before(t.ExpiresAt) {
		return Token{}, nil, ErrToken
	}
	return t, e, nil
}

// drop removes a token. Nil is none.
func (s *MemoryTokenStore) drop(e *list.Element) {
	if e == nil {
		return
	}
	t := tokenOf(e)
	delete(s.byHash, t.Hash)
	delete(s.byUser, tokenOwner{t.Subject, t.Purpose})
	queue := s.queues[t.Purpose]
	if queue.Remove(e); queue.Len() == 0 {
		delete(s.queues, t.Purpose)
	}
}

// sweep drops what has expired, from the front of each queue: the tokens of a
// purpose expire in the order in which they came.
func (s *MemoryTokenStore) sweep(now time.Time) {
	for _, queue := range s.queues {
		for e := queue.Front(); e != nil && !now.Before(tokenOf(e).ExpiresAt); e = queue.Front() {
			s.drop(e)
		}
	}
}

// oldest returns the token that makes room.
func (s *MemoryTokenStore) oldest() *list.Element {
	var longest *list.List
	for _, queue := range s.queues {
		if longest == nil || queue.Len() > longest.Len() {
			longest = queue
		}
	}
	return longest.Front()
}

func tokenOf(e *list.Element) Token {
	t, _ := e.Value.(Token)
	return t
}
