package apikey

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"time"
)

// A keyEntry is a Key as JSON.
type keyEntry struct {
	ID           string         `json:"id"`
	Name         string         `json:"name"`
	Prefix       string         `json:"prefix"`
	Environment  string         `json:"environment"`
	Scopes       []string       `json:"scopes"`
	Addresses    []netip.Prefix `json:"addresses,omitempty"`
	CreatedAt    time.Time      `json:"created_at"`
	ExpiresAt    *time.Time     `json:"expires_at,omitempty"`
	RevokedAt    *time.Time     `json:"revoked_at,omitempty"`
	LastUsedAt   *time.Time     `json:"last_used_at,omitempty"`
	LastUsedFrom string         `json:"last_used_from,omitempty"`
	Predecessor  string         `json:"predecessor,omitempty"`
	Successor    string         `json:"successor,omitempty"`
}

// A createdEntry shows the key, this once.
type createdEntry struct {
	Key string `json:"key"`
	keyEntry
}

func entryOf(k *Key) keyEntry {
	e := keyEntry{
		ID: k.ID, Name: k.Name, Prefix: k.Prefix, Environment: k.Environment, Scopes: k.Scopes, Addresses: k.Addresses,
		CreatedAt: k.CreatedAt, ExpiresAt: known(k.ExpiresAt), RevokedAt: known(k.RevokedAt), LastUsedAt: known(k.LastUsedAt),
		Predecessor: k.Predecessor, Successor: k.Successor,
	}
	if k.LastUsedFrom.IsValid() {
		e.LastUsedFrom = k.LastUsedFrom.String()
	}
	return e
}

func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// seconds is a lifetime as a request has it.
func seconds(n *int64, most time.Duration) (time.Duration, error) {
	if most < 0 {
		most = maxAnyLifetime
	}
	switch {
	case n == nil:
		return 0, nil
	case *n < 1 || *n > int64(most/time.Second):
		return 0, unacceptable("The member expires_in must be 1 to %d seconds", int64(most/time.Second))
	}
	return time.Duration(*n) * time.Second, nil
}

// overlap is that of RotateOptions, which has 0 for the default.
func overlap(n *int64, most time.Duration) (time.Duration, error) {
	switch {
	case n == nil:
		return 0, nil
	case *n < 0 || *n > int64(most/time.Second):
		return 0, unacceptable("The member overlap must be 0 to %d seconds", int64(most/time.Second))
	case *n == 0:
		return -1, nil
	}
	return time.Duration(*n) * time.Second, nil
}

var errZone = errors.New("apikey: an address with a zone")

// networks parses addresses: networks, or single addresses.
func networks(list []string) ([]netip.Prefix, error) {
	if len(list) > MaxAddresses {
		return nil, unacceptable("At most %d addresses can be named", MaxAddresses)
	}
	var out []netip.Prefix
	for _, text := range list {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			var a netip.Addr
			a, err = netip.ParseAddr(text)
			p = netip.PrefixFrom(a, a.BitLen())
			if a.Zone() != "" {
				err = errZone
			}
		}
		if err != nil {
			return nil, unacceptable("An address must be a network in CIDR notation, such as 192.0.2.0/24, or a single address")
		}
		out = append(out, p)
	}
	return out, nil
}
