package storetest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/oauth"
)

// RunLinks holds the stores that newStore returns to the contract of oauth.LinkStore.
func RunLinks(t *testing.T, newStore func(t *testing.T) oauth.LinkStore) {
	runCases(t, newStore, linkLife, linkKeys, linkLimits, linkRaces, linkContexts)
}

const many = 100 // links of a user, where no case counts them

func newLink(user string) oauth.Link {
	return oauth.Link{Issuer: issuer, Subject: newSubject(), User: user, Provider: "test", Label: "alice", CreatedAt: now()}
}

func createLink(t *testing.T, s oauth.LinkStore, l oauth.Link) oauth.Link {
	t.Helper()
	ok(t, "Create", s.Create(t.Context(), l, many))
	return l
}

func wantLink(t *testing.T, s oauth.LinkStore, want oauth.Link) {
	t.Helper()
	got, err := s.Find(t.Context(), want.Issuer, want.Subject)
	ok(t, "Find", err)
	if !sameLink(got, want) {
		t.Fatalf("Find: %+v, want %+v", got, want)
	}
}

func sameLink(a, b oauth.Link) bool {
	at := a.CreatedAt.Equal(b.CreatedAt)
	a.CreatedAt, b.CreatedAt = time.Time{}, time.Time{}
	return at && a == b
}

func wantNoLink(t *testing.T, s oauth.LinkStore, l oauth.Link) {
	t.Helper()
	if got, err := s.Find(t.Context(), l.Issuer, l.Subject); !errors.Is(err, oauth.ErrNoLink) || got != (oauth.Link{}) {
		t.Fatalf("Find of what is not there: %+v, %v; want ErrNoLink alone", got, err)
	}
}

// wantList holds List to these links, in this order.
func wantList(t *testing.T, s oauth.LinkStore, user string, want ...oauth.Link) {
	t.Helper()
	got, err := s.List(t.Context(), user)
	ok(t, "List", err)
	if len(got) != len(want) {
		t.Fatalf("%d links are listed, want %d", len(got), len(want))
	}
	for i := range want {
		if !sameLink(got[i], want[i]) {
			t.Fatalf("link %d is %+v, want %+v", i, got[i], want[i])
		}
	}
}

// later returns l as if it had been made d later.
func later(l oauth.Link, d time.Duration) oauth.Link {
	l.CreatedAt = l.CreatedAt.Add(d)
	return l
}

var linkLife = []testCase[oauth.LinkStore]{
	{"LNK-01 a link that was created is found and listed as it was", "an identity signs in somebody else", func(t *testing.T, s oauth.LinkStore) {
		for _, change := range []func(*oauth.Link){
			func(*oauth.Link) {},
			func(l *oauth.Link) { l.Label = "" },
			func(l *oauth.Link) { l.Label = "ünïcödé 🔑 'quoted' \\ %_ " },
			func(l *oauth.Link) { l.Label = strings.Repeat("l", oauth.MaxLabelBytes) },
			func(l *oauth.Link) { l.Subject = fill(l.Subject, oauth.MaxSubjectBytes) },
			func(l *oauth.Link) { l.Issuer = fill(issuer+"/"+l.Subject, oauth.MaxIssuerBytes) },
			func(l *oauth.Link) { l.User = fill(l.User, 255) },
			func(l *oauth.Link) { l.Provider = strings.Repeat("p", 32) },
			func(l *oauth.Link) { l.Subject += " '\"\\%_" },
			func(l *oauth.Link) { l.CreatedAt = l.CreatedAt.Add(-20 * 365 * 24 * time.Hour) },
		} {
			l := newLink(newUser())
			change(&l)
			createLink(t, s, l)
			wantLink(t, s, l)
			wantList(t, s, l.User, l)
		}
	}},
	{"an unknown identity has no link", "anybody is somebody", func(t *testing.T, s oauth.LinkStore) {
		wantNoLink(t, s, newLink(newUser()))
		wantList(t, s, newUser())
	}},
	{"links are listed oldest first", "people remove the wrong one", func(t *testing.T, s oauth.LinkStore) {
		user := newUser()
		b := createLink(t, s, later(newLink(user), time.Second))
		c := createLink(t, s, later(newLink(user), 2*time.Second))
		a := createLink(t, s, newLink(user))
		createLink(t, s, newLink(newUser()))
		wantList(t, s, user, a, b, c)
	}},
	{"a repeat of Create changes nothing", "a retry of a client makes a second link, or a younger one", func(t *testing.T, s oauth.LinkStore) {
		l := createLink(t, s, newLink(newUser()))
		again := later(l, time.Hour)
		again.Label, again.Provider = "another", "other"
		ok(t, "Create again", s.Create(t.Context(), again, many))
		ok(t, "Create again, at the limit", s.Create(t.Context(), again, 1))
		wantList(t, s, l.User, l)
	}},
	{"a link that was deleted is gone, and can be made anew for somebody else", "an old owner keeps the account", func(t *testing.T, s oauth.LinkStore) {
		l := createLink(t, s, newLink(newUser()))
		ok(t, "Delete", s.Delete(t.Context(), l.User, l.Issuer, l.Subject, 0))
		wantNoLink(t, s, l)
		wantList(t, s, l.User)
		ok(t, "Delete again", s.Delete(t.Context(), l.User, l.Issuer, l.Subject, 0))
		l.User = newUser()
		createLink(t, s, l)
		wantLink(t, s, l)
	}},
	{"Delete of a link of another user changes nothing", "a user removes the links of others", func(t *testing.T, s oauth.LinkStore) {
		l := createLink(t, s, newLink(newUser()))
		mine := createLink(t, s, newLink(newUser()))
		ok(t, "Delete", s.Delete(t.Context(), mine.User, l.Issuer, l.Subject, 0))
		ok(t, "Delete", s.Delete(t.Context(), newUser(), l.Issuer, l.Subject, 1))
		wantLink(t, s, l)
		wantLink(t, s, mine)
	}},
	{"LNK-03 DeleteAll deletes the links of one user", "a stranger's identity opens an account that was taken back", func(t *testing.T, s oauth.LinkStore) {
		user := newUser()
		a, b := createLink(t, s, newLink(user)), createLink(t, s, newLink(user))
		other := createLink(t, s, newLink(newUser()))
		ok(t, "DeleteAll", s.DeleteAll(t.Context(), user))
		ok(t, "DeleteAll again", s.DeleteAll(t.Context(), user))
		wantNoLink(t, s, a)
		wantNoLink(t, s, b)
		wantList(t, s, user)
		wantLink(t, s, other)
	}},
}

var linkKeys = []testCase[oauth.LinkStore]{
	{"O17 one subject at two issuers is two identities", "an account at a careless provider opens one here", func(t *testing.T, s oauth.LinkStore) {
		a := createLink(t, s, newLink(newUser()))
		b := a
		b.Issuer, b.User = "https://other.example.com", newUser()
		createLink(t, s, b)
		wantLink(t, s, a)
		wantLink(t, s, b)
	}},
	{"LNK-01 keys are compared byte for byte", "a database that folds case or blanks gives one account to two people", func(t *testing.T, s oauth.LinkStore) {
		base := newLink(newUser())
		base.Subject = "Alice-" + newSubject()
		var links []oauth.Link
		for _, subject := range []string{
			base.Subject, strings.ToLower(base.Subject), strings.ToUpper(base.Subject), base.Subject + " ", " " + base.Subject,
			strings.Replace(base.Subject, "-", "_", 1),
		} {
			l := base
			l.Subject, l.User = subject, newUser()
			links = append(links, createLink(t, s, l))
		}
		l := base
		l.Issuer, l.User = strings.ToUpper(issuer), newUser()
		links = append(links, createLink(t, s, l))
		for _, l := range links {
			wantLink(t, s, l)
		}
	}},
	{"the halves of a key do not run into each other", "one identity passes for another", func(t *testing.T, s oauth.LinkStore) {
		subject := newSubject()
		a, b := newLink(newUser()), newLink(newUser())
		a.Issuer, a.Subject = issuer+"/a", "b"+subject
		b.Issuer, b.Subject = issuer+"/ab", subject
		createLink(t, s, a)
		wantNoLink(t, s, b)
		createLink(t, s, b)
		wantLink(t, s, a)
		wantLink(t, s, b)
	}},
	{"users are compared byte for byte", "a user sees and removes the links of another", func(t *testing.T, s oauth.LinkStore) {
		user := newUser()
		a := createLink(t, s, newLink(strings.ToLower(user)))
		b := createLink(t, s, newLink(strings.ToUpper(user)))
		wantList(t, s, a.User, a)
		wantList(t, s, b.User, b)
		ok(t, "DeleteAll", s.DeleteAll(t.Context(), a.User))
		wantList(t, s, b.User, b)
	}},
}

var linkLimits = []testCase[oauth.LinkStore]{
	{"a link of another user is ErrLinked", "an identity is taken from its account", func(t *testing.T, s oauth.LinkStore) {
		l := createLink(t, s, newLink(newUser()))
		thief := l
		thief.User = newUser()
		if err := s.Create(t.Context(), thief, many); !errors.Is(err, oauth.ErrLinked) {
			t.Fatalf("Create: %v, want ErrLinked", err)
		}
		wantLink(t, s, l)
		wantList(t, s, thief.User)
	}},
	{"a user has at most as many links as allowed", "one account fills the store", func(t *testing.T, s oauth.LinkStore) {
		user := newUser()
		for range 3 {
			ok(t, "Create", s.Create(t.Context(), newLink(user), 3))
		}
		l := newLink(user)
		if err := s.Create(t.Context(), l, 3); !errors.Is(err, oauth.ErrTooManyLinks) {
			t.Fatalf("Create: %v, want ErrTooManyLinks", err)
		}
		wantNoLink(t, s, l)
		ok(t, "Create with more room", s.Create(t.Context(), l, 4))
		ok(t, "Create for another user", s.Create(t.Context(), newLink(newUser()), 1))
	}},
	{"LNK-05 the last links stay", "a user locks themselves out", func(t *testing.T, s oauth.LinkStore) {
		user := newUser()
		a, b := createLink(t, s, newLink(user)), createLink(t, s, later(newLink(user), time.Second))
		ok(t, "Delete of one of two", s.Delete(t.Context(), user, a.Issuer, a.Subject, 1))
		ok(t, "Delete again", s.Delete(t.Context(), user, a.Issuer, a.Subject, 1))
		if err := s.Delete(t.Context(), user, b.Issuer, b.Subject, 1); !errors.Is(err, oauth.ErrLastMethod) {
			t.Fatalf("Delete of the last: %v, want ErrLastMethod", err)
		}
		wantList(t, s, user, b)
		ok(t, "Delete with another way to sign in", s.Delete(t.Context(), user, b.Issuer, b.Subject, 0))
		wantList(t, s, user)
	}},
}

var linkRaces = []testCase[oauth.LinkStore]{
	{"of 50 users who create one link at once, one has it", "one identity opens two accounts", func(t *testing.T, s oauth.LinkStore) {
		l := newLink("")
		links := make([]oauth.Link, 50)
		for i := range links {
			links[i] = l
			links[i].User = newUser()
		}
		winner := -1
		for i, err := range race(len(links), func(i int) error { return s.Create(t.Context(), links[i], many) }) {
			switch {
			case err == nil && winner >= 0:
				t.Fatal("two users have the link")
			case err == nil:
				winner = i
			case !errors.Is(err, oauth.ErrLinked):
				t.Fatalf("Create: %v, want ErrLinked", err)
			}
		}
		if winner < 0 {
			t.Fatal("nobody has the link")
		}
		wantLink(t, s, links[winner])
	}},
	{"50 repeats of one Create at once make one link", "a double click is an error", func(t *testing.T, s oauth.LinkStore) {
		l := newLink(newUser())
		for _, err := range race(50, func(int) error { return s.Create(t.Context(), l, many) }) {
			ok(t, "Create", err)
		}
		wantList(t, s, l.User, l)
	}},
	{"many links at once do not get past the limit", "the limit is none", func(t *testing.T, s oauth.LinkStore) {
		user := newUser()
		made := 0
		for _, err := range race(30, func(int) error { return s.Create(t.Context(), newLink(user), 3) }) {
			switch {
			case err == nil:
				made++
			case !errors.Is(err, oauth.ErrTooManyLinks):
				t.Fatalf("Create: %v, want ErrTooManyLinks", err)
			}
		}
		list, err := s.List(t.Context(), user)
		ok(t, "List", err)
		if made != 3 || len(list) != 3 {
			t.Fatalf("%d were made and %d are there, want 3", made, len(list))
		}
	}},
	{"LNK-05 of links that are all deleted at once, one stays", "two tabs lock a user out", func(t *testing.T, s oauth.LinkStore) {
		for range 10 {
			user := newUser()
			links := make([]oauth.Link, 6)
			for i := range links {
				links[i] = createLink(t, s, newLink(user))
			}
			refused := 0
			for _, err := range race(len(links), func(i int) error { return s.Delete(t.Context(), user, links[i].Issuer, links[i].Subject, 1) }) {
				switch {
				case errors.Is(err, oauth.ErrLastMethod):
					refused++
				case err != nil:
					t.Fatalf("Delete: %v", err)
				}
			}
			list, err := s.List(t.Context(), user)
			ok(t, "List", err)
			if refused != 1 || len(list) != 1 {
				t.Fatalf("%d were refused and %d are there, want 1", refused, len(list))
			}
		}
	}},
	{"many users at once do not get in each other's way", "sign-ins fail on a busy day", func(t *testing.T, s oauth.LinkStore) {
		for _, err := range race(50, func(int) error {
			user := newUser()
			a, b := newLink(user), newLink(user)
			return errors.Join(s.Create(t.Context(), a, many), s.Create(t.Context(), b, many),
				s.Delete(t.Context(), user, a.Issuer, a.Subject, 1), s.DeleteAll(t.Context(), user))
		}) {
			ok(t, "a life of links", err)
		}
	}},
}

var linkContexts = []testCase[oauth.LinkStore]{
	{"a cancelled context is an error and no answer", "a request that was given up links, or an identity seems unknown", func(t *testing.T, s oauth.LinkStore) {
		l := createLink(t, s, newLink(newUser()))
		ctx, fresh := cancelled(t), newLink(newUser())
		_, find := s.Find(ctx, l.Issuer, l.Subject)
		_, list := s.List(ctx, l.User)
		for name, err := range map[string]error{
			"Find": find, "List": list,
			"Create":    s.Create(ctx, fresh, many),
			"Delete":    s.Delete(ctx, l.User, l.Issuer, l.Subject, 0),
			"DeleteAll": s.DeleteAll(ctx, l.User),
		} {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v, want context.Canceled", name, err)
			}
		}
		wantLink(t, s, l)
		wantNoLink(t, s, fresh)
	}},
}
