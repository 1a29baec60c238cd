package storetest

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/mfa/passkey"
)

var registerCases = []testCase{
	{
		"a user keeps one handle", "a new passkey does not take the place of the old one, and passkeys of one user are of two",
		func(t *testing.T, s passkey.Store) {
			subject, handle := user(t, s)
			got, err := s.UserHandle(t.Context(), subject, random[passkey.UserHandle]())
			if ok(t, "UserHandle", err); got != handle {
				t.Error("a second call has changed the handle")
			}
			if _, other := user(t, s); other == handle {
				t.Error("two users have one handle")
			}
		},
	},
	{
		"what is kept comes back as it was", "a passkey cannot be verified, or shows somebody else's name",
		func(t *testing.T, s passkey.Store) {
			c := registered(t, s)
			wantKept(t, s, c)
			wantList(t, s, c.Subject, c)
			wantList(t, s, newSubject())
			_, err := s.Find(t.Context(), random[passkey.ID]())
			want(t, "Find", err, passkey.ErrNoCredential)
		},
	},
	{
		"the largest passkey and the smallest", "some authenticators cannot be registered",
		func(t *testing.T, s passkey.Store) {
			subject := strings.Repeat("\xfe", passkey.MaxSubject-26) + newSubject()[len(newSubject())-26:]
			handle, err := s.UserHandle(t.Context(), subject, random[passkey.UserHandle]())
			ok(t, "UserHandle", err)
			big := newCredential(subject, handle)
			big.CredentialID = append(big.CredentialID, bytes.Repeat([]byte{0xff}, passkey.MaxCredentialID-len(big.CredentialID))...)
			big.PublicKey = bytes.Repeat([]byte{0}, passkey.MaxPublicKey)
			big.SignCount, big.Name = 1<<32-1, strings.Repeat("é", passkey.MaxName/2)
			big.Transports = []string{"usb", "nfc", "ble", "smart-card", "hybrid", "internal"}
			big.UserVerified, big.BackedUp, big.LastUsedAt = true, true, at
			small := newCredential(subject, handle)
			first := random[passkey.CallID]()
			small.CredentialID, small.PublicKey, small.SignCount, small.Name, small.Transports = first[:1], []byte{1}, 0, "", nil
			small.AAGUID, small.BackupEligible, small.CreatedAt = [16]byte{}, false, at.Add(time.Millisecond)
			_ = s.Remove(t.Context(), subject, small.ID())
			ok(t, "Add", s.Add(t.Context(), big, newAnswer(), limit))
			wantKept(t, s, big)
			if err := s.Add(t.Context(), small, newAnswer(), limit); err == nil { // another case may have that byte
				wantList(t, s, subject, big, small)
				ok(t, "Remove", s.Remove(t.Context(), subject, small.ID()))
			}
		},
	},
	{
		"the list begins with the oldest", "people remove the wrong one",
		func(t *testing.T, s passkey.Store) {
			subject, handle := user(t, s)
			var all [3]passkey.Credential
			for _, i := range []int{1, 2, 0} {
				all[i] = newCredential(subject, handle)
				all[i].CreatedAt = at.Add(time.Duration(i) * time.Millisecond)
				ok(t, "Add", s.Add(t.Context(), all[i], newAnswer(), limit))
			}
			wantList(t, s, subject, all[:]...)
		},
	},
	{
		"MFA-15 a passkey is registered once, for one user", "a user signs in as another (WebAuthn L3 §7.1 step 26)",
		func(t *testing.T, s passkey.Store) {
			c := registered(t, s)
			stolen := newCredential(user(t, s))
			stolen.CredentialID = c.CredentialID
			want(t, "Add", s.Add(t.Context(), stolen, newAnswer(), limit), passkey.ErrExists)
			again := c
			again.Name = "again"
			want(t, "Add", s.Add(t.Context(), again, newAnswer(), limit), passkey.ErrExists)
			wantKept(t, s, c)
			wantList(t, s, stolen.Subject)
		},
	},
	{
		"MFA-15 a challenge registers one passkey", "whoever has seen an answer registers a key of their own with it",
		func(t *testing.T, s passkey.Store) {
			subject, handle := user(t, s)
			first, a := newCredential(subject, handle), newAnswer()
			ok(t, "Add", s.Add(t.Context(), first, a, limit))
			other := a
			other.Call = random[passkey.CallID]()
			want(t, "Add", s.Add(t.Context(), newCredential(subject, handle), other, limit), passkey.ErrAnswered)
			want(t, "Use", s.Use(t.Context(), useOf(first), other), passkey.ErrAnswered)
			wantList(t, s, subject, first)
		},
	},
	{
		"F03 an Add that is sent again is one", "a lost answer is an error to the user, whose passkey is there",
		func(t *testing.T, s passkey.Store) {
			c, a := newCredential(user(t, s)), newAnswer()
			for range 3 {
				ok(t, "Add", s.Add(t.Context(), c, a, 1))
			}
			wantList(t, s, c.Subject, c)
		},
	},
	{
		"a user has no more than the limit", "a list without an end",
		func(t *testing.T, s passkey.Store) {
			subject, handle := user(t, s)
			for range 3 {
				ok(t, "Add", s.Add(t.Context(), newCredential(subject, handle), newAnswer(), 3))
			}
			over, a := newCredential(subject, handle), newAnswer()
			want(t, "Add", s.Add(t.Context(), over, a, 3), passkey.ErrLimit)
			_, err := s.Find(t.Context(), over.ID())
			want(t, "Find", err, passkey.ErrNoCredential)
			ok(t, "Add with the same answer, which was not used", s.Add(t.Context(), over, a, 4))
		},
	},
	{
		"a passkey for a handle that is gone is none", "a registration outlives the removal of all that the user had",
		func(t *testing.T, s passkey.Store) {
			c := newCredential(newSubject(), random[passkey.UserHandle]())
			want(t, "Add for nobody", s.Add(t.Context(), c, newAnswer(), limit), passkey.ErrNoCredential)
			c = newCredential(user(t, s))
			c.UserHandle = random[passkey.UserHandle]()
			want(t, "Add for another handle", s.Add(t.Context(), c, newAnswer(), limit), passkey.ErrNoCredential)
			wantList(t, s, c.Subject)
		},
	},
}

var useCases = []testCase{
	{
		"a use changes what it says and nothing else", "a counter that stays lets a copy in",
		func(t *testing.T, s passkey.Store) {
			c := registered(t, s)
			other := newCredential(c.Subject, c.UserHandle)
			ok(t, "Add", s.Add(t.Context(), other, newAnswer(), limit))
			u := useOf(c)
			u.BackedUp, u.UserVerified = true, true
			ok(t, "Use", s.Use(t.Context(), u, newAnswer()))
			c.SignCount, c.BackedUp, c.UserVerified, c.LastUsedAt = u.SignCount, true, true, u.At
			wantKept(t, s, c)
			u = useOf(c) // verifies nobody, and is not backed up any more
			ok(t, "Use", s.Use(t.Context(), u, newAnswer()))
			c.SignCount, c.BackedUp = u.SignCount, false
			wantKept(t, s, c)
			wantKept(t, s, other)
		},
	},
	{
		"MFA-15 a counter goes up, or is 0 for ever", "a copy of a key is not noticed",
		func(t *testing.T, s passkey.Store) {
			c := registered(t, s) // with 7
			for _, next := range []uint32{7, 6, 1, 0} {
				u, a := useOf(c), newAnswer()
				u.SignCount = next
				want(t, "Use", s.Use(t.Context(), u, a), passkey.ErrCounter)
				wantKept(t, s, c)
				u.SignCount = 1 << 31
				if next == 0 {
					ok(t, "Use with the same answer, which was not used", s.Use(t.Context(), u, a))
				}
			}
			c = newCredential(user(t, s))
			c.SignCount = 0
			ok(t, "Add", s.Add(t.Context(), c, newAnswer(), limit))
			for _, next := range []uint32{0, 0, 3} {
				u := useOf(c)
				u.SignCount = next
				ok(t, "Use", s.Use(t.Context(), u, newAnswer()))
			}
			u := useOf(c)
			u.SignCount = 0
			want(t, "Use", s.Use(t.Context(), u, newAnswer()), passkey.ErrCounter)
		},
	},
	{
		"MFA-15 a challenge is answered once, by whichever passkey", "an answer that was seen is good again",
		func(t *testing.T, s passkey.Store) {
			c := registered(t, s)
			other := newCredential(c.Subject, c.UserHandle)
			ok(t, "Add", s.Add(t.Context(), other, newAnswer(), limit))
			a := newAnswer()
			ok(t, "Use", s.Use(t.Context(), useOf(c), a))
			a.Call = random[passkey.CallID]()
			next := useOf(c)
			next.SignCount += 10
			want(t, "Use again", s.Use(t.Context(), next, a), passkey.ErrAnswered)
			want(t, "Use of another passkey", s.Use(t.Context(), useOf(other), a), passkey.ErrAnswered)
			want(t, "Add", s.Add(t.Context(), newCredential(c.Subject, c.UserHandle), a, limit), passkey.ErrAnswered)
			wantKept(t, s, other)
		},
	},
	{
		"F03 a Use that is sent again is one", "a lost answer keeps the owner out, as the counter has moved",
		func(t *testing.T, s passkey.Store) {
			c, a := registered(t, s), newAnswer()
			for range 3 {
				ok(t, "Use", s.Use(t.Context(), useOf(c), a))
			}
			ok(t, "Remove", s.Remove(t.Context(), c.Subject, c.ID()))
			ok(t, "Use, sent again after the removal", s.Use(t.Context(), useOf(c), a))
		},
	},
	{
		"MFA-15 a passkey of another subject is none", "a passkey signs in as whoever is named",
		func(t *testing.T, s passkey.Store) {
			c, u := registered(t, s), passkey.Use{}
			for _, subject := range []string{"", newSubject(), strings.ToUpper(c.Subject)} {
				u = useOf(c)
				u.Subject = subject
				want(t, "Use", s.Use(t.Context(), u, newAnswer()), passkey.ErrNoCredential)
				want(t, "Rename", s.Rename(t.Context(), subject, c.ID(), "mine"), passkey.ErrNoCredential)
				ok(t, "Remove", s.Remove(t.Context(), subject, c.ID()))
			}
			wantKept(t, s, c)
		},
	},
	{
		"an answer is forgotten when its time is over", "the store grows with each login",
		func(t *testing.T, s passkey.Store) {
			// That it may be: a store that remembers longer is good too. What must not be
			// is that it fails.
			c, a := registered(t, s), newAnswer()
			a.Keep = time.Millisecond
			ok(t, "Use", s.Use(t.Context(), useOf(c), a))
			<-time.After(20 * time.Millisecond)
			c.SignCount++
			ok(t, "Use", s.Use(t.Context(), useOf(c), newAnswer()))
		},
	},
}

var removeCases = []testCase{
	{
		"a name is changed, and nothing else", "people cannot tell their passkeys apart",
		func(t *testing.T, s passkey.Store) {
			c := registered(t, s)
			for range 2 {
				c.Name = "new 'name' \\ é"
				ok(t, "Rename", s.Rename(t.Context(), c.Subject, c.ID(), c.Name))
				wantKept(t, s, c)
			}
			want(t, "Rename", s.Rename(t.Context(), c.Subject, random[passkey.ID](), "x"), passkey.ErrNoCredential)
		},
	},
	{
		"a passkey that is removed is gone, and others are not", "a lost key opens the account",
		func(t *testing.T, s passkey.Store) {
			c := registered(t, s)
			other := newCredential(c.Subject, c.UserHandle)
			ok(t, "Add", s.Add(t.Context(), other, newAnswer(), limit))
			for range 2 {
				ok(t, "Remove", s.Remove(t.Context(), c.Subject, c.ID()))
			}
			_, err := s.Find(t.Context(), c.ID())
			want(t, "Find", err, passkey.ErrNoCredential)
			want(t, "Use", s.Use(t.Context(), useOf(c), newAnswer()), passkey.ErrNoCredential)
			wantList(t, s, c.Subject, other)
			handle, err := s.UserHandle(t.Context(), c.Subject, random[passkey.UserHandle]())
			if ok(t, "UserHandle", err); handle != c.UserHandle {
				t.Error("the handle has changed")
			}
			ok(t, "Add again", s.Add(t.Context(), c, newAnswer(), limit))
		},
	},
	{
		"RemoveAll removes all of a user, and the handle", "an account that has ended can be signed in to",
		func(t *testing.T, s passkey.Store) {
			c, bystander := registered(t, s), registered(t, s)
			other := newCredential(c.Subject, c.UserHandle)
			ok(t, "Add", s.Add(t.Context(), other, newAnswer(), limit))
			for range 2 {
				ok(t, "RemoveAll", s.RemoveAll(t.Context(), c.Subject))
			}
			wantList(t, s, c.Subject)
			for _, c := range []passkey.Credential{c, other} {
				_, err := s.Find(t.Context(), c.ID())
				want(t, "Find", err, passkey.ErrNoCredential)
			}
			want(t, "Add, begun before", s.Add(t.Context(), newCredential(c.Subject, c.UserHandle), newAnswer(), limit), passkey.ErrNoCredential)
			handle, err := s.UserHandle(t.Context(), c.Subject, random[passkey.UserHandle]())
			if ok(t, "UserHandle", err); handle == c.UserHandle {
				t.Error("the handle is still there")
			}
			wantList(t, s, bystander.Subject, bystander)
		},
	},
}

var contextCases = []testCase{{
	"F15 a call whose context is over changes nothing", "a client that has gone leaves half of something",
	func(t *testing.T, s passkey.Store) {
		c := registered(t, s)
		ctx := cancelled(t)
		subject := newSubject()
		_, handleErr := s.UserHandle(ctx, subject, random[passkey.UserHandle]())
		_, findErr := s.Find(ctx, c.ID())
		_, listErr := s.List(ctx, c.Subject)
		for name, err := range map[string]error{
			"UserHandle": handleErr, "Find": findErr, "List": listErr,
			"Add":       s.Add(ctx, newCredential(c.Subject, c.UserHandle), newAnswer(), limit),
			"Use":       s.Use(ctx, useOf(c), newAnswer()),
			"Rename":    s.Rename(ctx, c.Subject, c.ID(), "x"),
			"Remove":    s.Remove(ctx, c.Subject, c.ID()),
			"RemoveAll": s.RemoveAll(ctx, c.Subject),
		} {
			if err == nil {
				t.Errorf("%s: no error", name)
			}
		}
		wantList(t, s, c.Subject, c)
	},
}}
