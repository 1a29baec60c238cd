package oauth

import (
	"bytes"
	"context"
	"slices"
	"sync"
)

// A MemoryTokenStore keeps sealed tokens in the memory of this process: for
// development and tests. When it is full, Put fails.
type MemoryTokenStore struct {
	limit int

	mu     sync.Mutex
	tokens map[[2]string][]byte
}

var _ TokenStore = (*MemoryTokenStore)(nil)

// NewMemoryTokenStore returns an empty store of at most limit tokens. Zero, or less:
// DefaultMaxMemory.
func NewMemoryTokenStore(limit int) *MemoryTokenStore {
	if limit <= 0 {
		limit = DefaultMaxMemory
	}
	return &MemoryTokenStore{limit: limit, tokens: make(map[[2]string][]byte)}
}

// Get implements TokenStore.
func (s *MemoryTokenStore) Get(ctx context.Context, issuer, subject string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sealed, there := s.tokens[[2]string{issuer, subject}]
	if !there {
		return nil, ErrNoToken
	}
	return slices.Clone(sealed), nil
}

// Put implements TokenStore.
func (s *MemoryTokenStore) Put(ctx context.Context, issuer, subject string, sealed []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := [2]string{issuer, subject}
	if _, there := s.tokens[key]; !there && len(s.tokens) >= s.limit {
		return errFull
	}
	s.tokens[key] = slices.Clone(sealed)
	return nil
}

// Swap implements TokenStore.
func (s *MemoryTokenStore) Swap(ctx context.Context, issuer, subject string, old, sealed []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := [2]string{issuer, subject}
	is, there := s.tokens[key]
	switch {
	case !there:
		return ErrNoToken
	case bytes.Equal(is, sealed):
		return nil
	case !bytes.Equal(is, old):
		return ErrTokenChanged
	}
	s.tokens[key] = slices.Clone(sealed)
	return nil
}

// Delete implements TokenStore.
func (s *MemoryTokenStore) Delete(ctx context.Context, issuer, subject string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tokens, [2]string{issuer, subject})
	return nil
}
