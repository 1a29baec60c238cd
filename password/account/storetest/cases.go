package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/password/account"
)

var userCases = []testCase{
	{"a created user is found as it was", "users lose roles, or sign in to nothing", func(t *testing.T, s account.Store) {
		wantUser(t, s, create(t, s, newUser()))
		u := newUser()
		u.Verified, u.Hash, u.Roles, u.Disabled, u.ValidAfter = false, "", nil, true, time.Time{}
		wantUser(t, s, create(t, s, u))
		u = newUser()
		u.Hash = strings.Repeat("h", 255)
		wantUser(t, s, create(t, s, u))
	}},
	{"a user who is not there is ErrNotFound", "a stranger is answered with a failure, or as somebody else", func(t *testing.T, s account.Store) {
		create(t, s, newUser())
		wantNone(t, s, newUser())
		wantNone(t, s, account.User{})
		wantNone(t, s, account.User{ID: "17", Canonical: "%"})
		wantNone(t, s, account.User{ID: "' OR 1=1 --", Canonical: "' OR ''='"})
	}},
	{"LNK-08 an address is found byte for byte", "a collation that folds letters gives one user the account of another", func(t *testing.T, s account.Store) {
		u := newUser()
		u.Canonical = "mike" + u.Canonical
		u = create(t, s, u)
		for _, other := range []string{
			strings.Replace(u.Canonical, "mike", "m\u0131ke", 1),
			strings.Replace(u.Canonical, "mike", "mi\u212ae", 1),
			strings.Replace(u.Canonical, "mike", "m\u00edke", 1),
			strings.Replace(u.Canonical, "mike", "MIKE", 1),
			u.Canonical + " ",
			u.Email,
		} {
			_, err := s.FindByEmail(t.Context(), other)
			wantErr(t, "FindByEmail "+other, err, account.ErrNotFound)
		}
		other := newUser()
		other.Canonical = strings.Replace(u.Canonical, "mike", "m\u0131ke", 1)
		wantUser(t, s, create(t, s, other))
		wantUser(t, s, u)
	}},
	{"XCT-03 create refuses an address that is taken", "two accounts share an address, and one of them the mail", func(t *testing.T, s account.Store) {
		u := newUser()
		u.Verified = false
		u = create(t, s, u)
		other := newUser()
		other.Canonical = u.Canonical
		_, err := s.Create(t.Context(), other)
		wantErr(t, "Create", err, account.ErrExists)
		wantUser(t, s, u)
		if _, err := s.Find(t.Context(), other.ID); err == nil {
			t.Fatal("the refused user was kept")
		}
	}},
	{"F03 a repeat of create gets ErrExists", "a client that sends a call again makes two accounts", func(t *testing.T, s account.Store) {
		u := newUser()
		made := create(t, s, u)
		_, err := s.Create(t.Context(), u)
		wantErr(t, "Create again", err, account.ErrExists)
		wantUser(t, s, made)
	}},
	{"what was handed over and out is the caller's own", "requests that share a list of roles race", func(t *testing.T, s account.Store) {
		u := newUser()
		made := create(t, s, u)
		u.Roles[0] = "admin"
		got, err := s.Find(t.Context(), made.ID)
		ok(t, "Find", err)
		got.Roles[0] = "admin"
		made.Roles = []string{"customer", "manager"}
		wantUser(t, s, made)
	}},
}

var passwordCases = []testCase{
	{"set password replaces the hash that was named", "a password cannot be changed", func(t *testing.T, s account.Store) {
		u := create(t, s, newUser())
		bystander := create(t, s, newUser())
		hash, at := newHash(), u.ValidAfter.Add(time.Second)
		ok(t, "SetPassword", s.SetPassword(t.Context(), u.ID, u.Hash, hash, at))
		u.Hash, u.ValidAfter = hash, at
		wantUser(t, s, u)
		wantUser(t, s, bystander)
	}},
	{"PWD-10 set password refuses another hash", "a rehash that is late brings the old password back", func(t *testing.T, s account.Store) {
		u := create(t, s, newUser())
		for _, wrong := range []string{"", newHash(), u.Hash + " ", strings.ToUpper(u.Hash)} {
			err := s.SetPassword(t.Context(), u.ID, wrong, newHash(), u.ValidAfter.Add(time.Hour))
			wantErr(t, "SetPassword", err, account.ErrConflict)
		}
		wantUser(t, s, u)
	}},
	{"an empty hash fits a user without a password only", "a user of another provider cannot set one, or anybody can", func(t *testing.T, s account.Store) {
		u := newUser()
		u.Hash, u.ValidAfter = "", time.Time{}
		u = create(t, s, u)
		wantErr(t, "SetPassword", s.SetPassword(t.Context(), u.ID, newHash(), newHash(), time.Time{}), account.ErrConflict)
		hash := newHash()
		ok(t, "SetPassword", s.SetPassword(t.Context(), u.ID, "", hash, time.Time{}))
		u.Hash = hash
		wantUser(t, s, u)
		wantErr(t, "SetPassword", s.SetPassword(t.Context(), u.ID, "", newHash(), time.Time{}), account.ErrConflict)
	}},
	{"RST-05 the time before which credentials end never moves back", "a change that is late lets old sessions in again", func(t *testing.T, s account.Store) {
		u := create(t, s, newUser())
		for _, at := range []time.Time{{}, u.ValidAfter.Add(-time.Hour), time.UnixMilli(0)} {
			hash := newHash()
			ok(t, "SetPassword", s.SetPassword(t.Context(), u.ID, u.Hash, hash, at))
			u.Hash = hash
			wantUser(t, s, u)
		}
	}},
	{"F03 a repeat of set password is the first one", "a change that was made is reported as one that was not", func(t *testing.T, s account.Store) {
		u := create(t, s, newUser())
		hash, at := newHash(), u.ValidAfter.Add(time.Second)
		for range 2 {
			ok(t, "SetPassword", s.SetPassword(t.Context(), u.ID, u.Hash, hash, at))
		}
		ok(t, "SetPassword with an earlier time", s.SetPassword(t.Context(), u.ID, u.Hash, hash, at.Add(-time.Second)))
		u.Hash, u.ValidAfter = hash, at
		wantUser(t, s, u)
		u.ValidAfter = at.Add(time.Second)
		ok(t, "SetPassword with a later time", s.SetPassword(t.Context(), u.ID, "another", hash, u.ValidAfter))
		wantUser(t, s, u)
	}},
	{"set password of nobody is ErrNotFound", "an account that was deleted comes back", func(t *testing.T, s account.Store) {
		u := newUser()
		wantErr(t, "SetPassword", s.SetPassword(t.Context(), u.ID, "", newHash(), u.ValidAfter), account.ErrNotFound)
		wantNone(t, s, u)
	}},
}

var emailCases = []testCase{
	{"set e-mail moves the user", "mail goes to the old address, or the old one stays taken", func(t *testing.T, s account.Store) {
		u, bystander := create(t, s, newUser()), create(t, s, newUser())
		next := newUser()
		ok(t, "SetEmail", s.SetEmail(t.Context(), u.ID, u.Canonical, next.Email, next.Canonical))
		_, err := s.FindByEmail(t.Context(), u.Canonical)
		wantErr(t, "FindByEmail of the old address", err, account.ErrNotFound)
		was := u
		u.Email, u.Canonical = next.Email, next.Canonical
		wantUser(t, s, u)
		wantUser(t, s, bystander)
		other := newUser()
		other.Canonical = was.Canonical
		wantUser(t, s, create(t, s, other))
	}},
	{"set e-mail to the same address verifies it", "an address is never verified", func(t *testing.T, s account.Store) {
		u := newUser()
		u.Verified = false
		u = create(t, s, u)
		ok(t, "SetEmail", s.SetEmail(t.Context(), u.ID, u.Canonical, u.Email, u.Canonical))
		u.Verified = true
		wantUser(t, s, u)
		u.Email = strings.ToUpper(u.Email)
		ok(t, "SetEmail in another case", s.SetEmail(t.Context(), u.ID, u.Canonical, u.Email, u.Canonical))
		wantUser(t, s, u)
	}},
	{"LNK-08 set e-mail refuses an address that is taken", "somebody moves into the account of another", func(t *testing.T, s account.Store) {
		u, other := create(t, s, newUser()), create(t, s, newUser())
		wantErr(t, "SetEmail", s.SetEmail(t.Context(), u.ID, u.Canonical, other.Email, other.Canonical), account.ErrExists)
		wantUser(t, s, u)
		wantUser(t, s, other)
	}},
	{"set e-mail refuses if the address is another by now", "a link from before a change moves the account away", func(t *testing.T, s account.Store) {
		u, next := create(t, s, newUser()), newUser()
		wantErr(t, "SetEmail", s.SetEmail(t.Context(), u.ID, "was@example.com", next.Email, next.Canonical), account.ErrConflict)
		wantErr(t, "SetEmail", s.SetEmail(t.Context(), u.ID, "", next.Email, next.Canonical), account.ErrConflict)
		wantUser(t, s, u)
	}},
	{"F03 a repeat of set e-mail is the first one", "a move that was made is reported as one that was not", func(t *testing.T, s account.Store) {
		u, next := create(t, s, newUser()), newUser()
		for range 2 {
			ok(t, "SetEmail", s.SetEmail(t.Context(), u.ID, u.Canonical, next.Email, next.Canonical))
		}
		u.Email, u.Canonical = next.Email, next.Canonical
		wantUser(t, s, u)
	}},
	{"set e-mail of nobody is ErrNotFound", "an account that was deleted comes back", func(t *testing.T, s account.Store) {
		u := newUser()
		wantErr(t, "SetEmail", s.SetEmail(t.Context(), u.ID, u.Canonical, u.Email, u.Canonical), account.ErrNotFound)
		wantNone(t, s, u)
	}},
}

var deleteCases = []testCase{
	{"delete deletes, also twice, also nobody", "an account that was deleted can sign in", func(t *testing.T, s account.Store) {
		d, is := s.(account.Deleter)
		if !is {
			return
		}
		u, bystander := create(t, s, newUser()), create(t, s, newUser())
		for range 2 {
			ok(t, "Delete", d.Delete(t.Context(), u.ID))
			wantNone(t, s, u)
		}
		wantUser(t, s, bystander)
		wantErr(t, "SetPassword", s.SetPassword(t.Context(), u.ID, u.Hash, newHash(), u.ValidAfter), account.ErrNotFound)
		again := newUser()
		again.Canonical = u.Canonical
		made := create(t, s, again)
		if made.ID == u.ID {
			t.Fatal("the id of a deleted user was given to another")
		}
		wantUser(t, s, made)
	}},
}

var contextCases = []testCase{
	{"F15 a call whose context is over changes nothing", "a store that is stuck holds every request", func(t *testing.T, s account.Store) {
		u := create(t, s, newUser())
		next, ctx := newUser(), cancelled(t)
		_, err := s.Create(ctx, next)
		failed(t, "Create", err)
		_, err = s.Find(ctx, u.ID)
		failed(t, "Find", err)
		_, err = s.FindByEmail(ctx, u.Canonical)
		failed(t, "FindByEmail", err)
		failed(t, "SetPassword", s.SetPassword(ctx, u.ID, u.Hash, newHash(), time.Time{}))
		failed(t, "SetEmail", s.SetEmail(ctx, u.ID, u.Canonical, next.Email, next.Canonical))
		if d, is := s.(account.Deleter); is {
			failed(t, "Delete", d.Delete(ctx, u.ID))
		}
		wantUser(t, s, u)
		wantNone(t, s, next)
	}},
}
