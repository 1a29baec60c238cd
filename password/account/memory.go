package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// DefaultMaxUsers is how many users a MemoryStore keeps if not told otherwise.
const DefaultMaxUsers = 100_000

// errFull is a failure, and not an answer, of a MemoryStore.
var errFull = errors.New("account: the store in memory is full")

// A MemoryStore keeps users in the memory of this process, for development and
// tests: the end of the process deletes all of them. When it is full nobody else
// can be added, for no user may make room for another.
type MemoryStore struct {
	limit int

	mu      sync.RWMutex
	users   map[string]*User
	byEmail map[string]*User
}

var (
	_ Store   = (*MemoryStore)(nil)
	_ Deleter = (*MemoryStore)(nil)
)

// NewMemoryStore returns an empty MemoryStore of at most maxUsers. Zero:
// DefaultMaxUsers.
func NewMemoryStore(maxUsers int) (*MemoryStore, error) {
	if maxUsers < 0 {
		return nil, fmt.Errorf("account: a store of %d users: use a positive number, or 0 for %d", maxUsers, DefaultMaxUsers)
	}
	if maxUsers == 0 {
		maxUsers = DefaultMaxUsers
	}
	return &MemoryStore{limit: maxUsers, users: make(map[string]*User), byEmail: make(map[string]*User)}, nil
}

// Create implements Store.
func (s *MemoryStore) Create(ctx context.Context, u User) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.byEmail[u.Canonical] != nil || s.users[u.ID] != nil:
		return "", ErrExists
	case len(s.users) >= s.limit:
		return "", errFull
	}
	u = clone(&u)
	s.users[u.ID], s.byEmail[u.Canonical] = &u, &u
	return u.ID, nil
}

// Find implements Store.
func (s *MemoryStore) Find(ctx context.Context, id string) (User, error) {
	return s.find(ctx, s.users, id)
}

// FindByEmail implements Store.
func (s *MemoryStore) FindByEmail(ctx context.Context, canonical string) (User, error) {
	return s.find(ctx, s.byEmail, canonical)
}

func (s *MemoryStore) find(ctx context.Context, index map[string]*User, key string) (User, error) {
	if err := ctx.Err(); err != nil {
		return User{}, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	u := index[key]
	if u == nil {
		return User{}, ErrNotFound
	}
	return clone(u), nil
}

// SetPassword implements Store.
func (s *MemoryStore) SetPassword(ctx context.Context, id, oldHash, newHash string, validAfter time.Time) error {
	return s.Update(ctx, id, func(u *User) error {
		if u.Hash != oldHash && u.Hash != newHash {
			return ErrConflict
		}
		u.Hash = newHash
		if validAfter.After(u.ValidAfter) {
			u.ValidAfter = validAfter
		}
		return nil
	})
}

// SetEmail implements Store.
func (s *MemoryStore) SetEmail(ctx context.Context, id, oldCanonical, email, canonical string) error {
	return s.Update(ctx, id, func(u *User) error {
		if other := s.byEmail[canonical]; other != nil && other.ID != id {
			return ErrExists
		}
		if u.Canonical != oldCanonical && u.Canonical != canonical {
			return ErrConflict
		}
		u.Email, u.Canonical, u.Verified = email, canonical, true
		return nil
	})
}

// Delete implements Deleter.
func (s *MemoryStore) Delete(ctx context.Context, id string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if u := s.users[id]; u != nil {
		delete(s.users, id)
		delete(s.byEmail, u.Canonical)
	}
	return nil
}

// Update changes a user as change says, in one step, or not at all if that returns
// an error, which Update returns then: for what a service does by itself, such as
// Disabled and Roles. The ID stays what it is. ErrNotFound if there is no such user.
func (s *MemoryStore) Update(ctx context.Context, id string, change func(*User) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.users[id]
	if before == nil {
		return ErrNotFound
	}
	after := clone(before)
	if err := change(&after); err != nil {
		return err
	}
	after = clone(&after)
	after.ID = id
	delete(s.byEmail, before.Canonical)
	s.users[id], s.byEmail[after.Canonical] = &after, &after
	return nil
}

// clone shares nothing with u.
func clone(u *User) User {
	c := *u
	c.Roles = slices.Clone(u.Roles)
	return c
}
