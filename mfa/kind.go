package mfa

import (
	"context"
	"fmt"

	"github.com/go-sallyport/auth"
)

// A Kind is a further kind of second factor beside TOTP and recovery codes, such
// as the passkeys of package passkey. It keeps its own factors and verifies them;
// the Manager decides when one is wanted, and what it completes. Register it.
//
// It is used concurrently.
type Kind interface {
	// Name is that of its auth.Factor, such as auth.FactorHardware. It never
	// changes.
	Name() string
	// Enrolled reports whether subject can prove a factor of this kind now. An
	// error refuses the sign-in.
	Enrolled(ctx context.Context, subject string) (bool, error)
	// Remove removes all factors of this kind of subject. None is no error.
	Remove(ctx context.Context, subject string) error
}

// Register makes k a kind of factor that a Gate asks for. Call it before the first
// request, once for each kind. It panics on a name that is empty or taken: that
// is a mistake of wiring.
func (m *Manager) Register(k Kind) {
	name := k.Name()
	taken := name == "" || name == auth.FactorPassword || name == auth.FactorFederated || name == auth.FactorOTP || name == auth.FactorRecovery
	for _, other := range m.kinds {
		taken = taken || other.Name() == name
	}
	if taken {
		panic(fmt.Sprintf("mfa: Register: the name %q is empty or taken", name))
	}
	m.kinds = append(m.kinds, k)
}

// kind returns the registered kind of that name, or nil.
func (m *Manager) kind(name string) Kind {
	for _, k := range m.kinds {
		if k.Name() == name {
			return k
		}
	}
	return nil
}
