package jwtauth

import (
	"errors"
	"fmt"
)

// readClaims reads any payload that is an object, strictly: see jsonReader.
func (v *verified) readClaims(payload string) error {
	return readObject(payload, func(r *jsonReader, name string) error {
		claim := claimOf(name)
		if claim == 0 {
			if isRegistered(name) {
				return errors.New("a claim has a registered name in another case")
			}
			return r.skip()
		}
		if err := v.readClaim(r, claim); err != nil {
			return fmt.Errorf("the claim %s: %w", name, err)
		}
		return nil
	})
}

var (
	errNoAudience  = errors.New("it is an empty list")
	errNotListed   = errors.New("it is not a list")
	errNotAnObject = errors.New("it is not an object")
)

func (v *verified) readClaim(r *jsonReader, claim claimSet) error {
	switch {
	case claim&textClaims != 0:
		s, err := r.text()
		if err != nil {
			return err
		}
		return v.setText(claim, s)
	case claim&numberClaims != 0:
		n, err := r.integer()
		if err != nil {
			return err
		}
		return v.setNumber(claim, n)
	case claim == claimAud && r.peek() == '"':
		s, err := r.text()
		v.add(claim, s)
		return err
	case claim == claimAttrs:
		return v.readAttributes(r)
	case r.peek() != '[':
		return errNotListed
	case claim == claimAmrTimes:
		v.amrTimes = []int64{}
		return r.array(func() error {
			n, err := r.integer()
			v.addTime(n)
			return err
		})
	}
	if err := r.array(func() error {
		s, err := r.text()
		v.add(claim, s)
		return err
	}); err != nil {
		return err
	}
	if claim == claimAud && len(v.claims.Audience) == 0 {
		return errNoAudience
	}
	return nil
}

func (v *verified) readAttributes(r *jsonReader) error {
	if r.peek() != '{' {
		return errNotAnObject
	}
	return r.object(func(name string) error {
		s, err := r.text()
		v.addAttribute(name, s)
		return err
	})
}
