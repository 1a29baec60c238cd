package oauth

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// DefaultMaxMemory is how many links, or tokens, a store in memory keeps if not told
// otherwise.
const DefaultMaxMemory = 100_000

// errFull is no answer but a failure: a link that made room for another would make a
// stranger of its owner.
var errFull = errors.New("oauth: the store in memory is full")

// A MemoryLinkStore keeps links in the memory of this process: for development and
// tests. A restart forgets them all, and everybody is new. When it is full, Create
// fails.
type MemoryLinkStore struct {
	limit int

	mu    sync.Mutex
	links map[[2]string]Link     // by issuer and subject
	users map[string][][2]string // keys by user, the oldest first
}

var _ LinkStore = (*MemoryLinkStore)(nil)

// NewMemoryLinkStore returns an empty store of at most limit links. Zero, or less:
// DefaultMaxMemory.
func NewMemoryLinkStore(limit int) *MemoryLinkStore {
	if limit <= 0 {
		limit = DefaultMaxMemory
	}
	return &MemoryLinkStore{limit: limit, links: make(map[[2]string]Link), users: make(map[string][][2]string)}
}

// Find implements LinkStore.
func (s *MemoryLinkStore) Find(ctx context.Context, issuer, subject string) (Link, error) {
	if err := ctx.Err(); err != nil {
		return Link{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l, there := s.links[[2]string{issuer, subject}]
	if !there {
		return Link{}, ErrNoLink
	}
	return l, nil
}

// Create implements LinkStore.
func (s *MemoryLinkStore) Create(ctx context.Context, l Link, limit int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := [2]string{l.Issuer, l.Subject}
	old, there := s.links[key]
	switch {
	case there && old.User == l.User:
		return nil
	case there:
		return ErrLinked
	case len(s.users[l.User]) >= limit:
		return ErrTooManyLinks
	case len(s.links) >= s.limit:
		return errFull
	}
	s.links[key] = l
	s.users[l.User] = append(s.users[l.User], key)
	return nil
}

// List implements LinkStore.
func (s *MemoryLinkStore) List(ctx context.Context, user string) ([]Link, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Link, 0, len(s.users[user]))
	for _, key := range s.users[user] {
		list = append(list, s.links[key])
	}
	slices.SortStableFunc(list, func(a, b Link) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return list, nil
}

// Delete implements LinkStore.
func (s *MemoryLinkStore) Delete(ctx context.Context, user, issuer, subject string, keep int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := [2]string{issuer, subject}
	l, there := s.links[key]
	if !there || l.User != user {
		return nil
	}
	if len(s.users[user])-1 < keep {
		return ErrLastMethod
	}
	delete(s.links, key)
	s.users[user] = slices.DeleteFunc(s.users[user], func(k [2]string) bool { return k == key })
	if len(s.users[user]) == 0 {
		delete(s.users, user)
	}
	return nil
}

// DeleteAll implements LinkStore.
func (s *MemoryLinkStore) DeleteAll(ctx context.Context, user string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range s.users[user] {
		delete(s.links, key)
	}
	delete(s.users, user)
	return nil
}
