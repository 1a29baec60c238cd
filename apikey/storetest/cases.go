package storetest

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/apikey"
)

var lifeCases = []testCase{
	{"a created key is found as it was", "a key loses its limits, or has those of another", func(t *testing.T, s apikey.Store) {
		want(t, s, create(t, s, newSubject()))
		want(t, s, createWith(t, s, newSubject(), func(k *apikey.Key) { k.ExpiresAt = time.Time{} }))
		want(t, s, createWith(t, s, "ünïcödé 'quoted\" \\ % _ {"+newSubject(), func(k *apikey.Key) {
			k.ID = newID(k.Subject)
			k.Name = "Ölprüfung '; DROP TABLE keys; -- \\ {a} \u2028"
			k.Prefix, k.Environment = "acme_eu_test", "test"
			k.Scopes = []string{"a", "orders:*", "{'}"}
			k.Labels = map[string]string{"team": "payments", "ünï": "", "q\"": "'"}
			k.Addresses = prefixes("192.0.2.0/24", "2001:db8::/32", "198.51.100.7/32")
			k.Limit = apikey.Limit{Max: 1000, Window: 90 * time.Second}
			k.Predecessor = newID(k.Subject)
		}))
		want(t, s, createWith(t, s, newSubject(), func(k *apikey.Key) {
			k.Name = strings.Repeat("x", apikey.MaxName)
			k.Scopes = nil
			for i := range apikey.MaxScopes {
				k.Scopes = append(k.Scopes, fmt.Sprintf("%0*d", apikey.MaxScope, i))
			}
		}))
	}},
	{"a key that nobody made is absent", "a made-up key is looked at", func(t *testing.T, s apikey.Store) {
		id, at := newID(newSubject()), now()
		wantAbsent(t, s, id)
		wantErr(t, "Revoke", s.Revoke(t.Context(), id, at), apikey.ErrNotFound)
		wantErr(t, "Expire", s.Expire(t.Context(), id, at), apikey.ErrNotFound)
		k := newKey(newSubject())
		wantErr(t, "Rotate", s.Rotate(t.Context(), k.ID, rotation(k)), apikey.ErrNotFound)
		ok(t, "Touch", s.Touch(t.Context(), []apikey.Use{{ID: id, At: at}}))
		wantAbsent(t, s, id)
		wantListed(t, s, newSubject())
		ok(t, "RevokeAll", s.RevokeAll(t.Context(), newSubject(), "", at))
	}},
	{"ids and subjects differ in case", "one key stands for another", func(t *testing.T, s apikey.Store) {
		k := createWith(t, s, newSubject(), func(k *apikey.Key) { k.ID = apikey.ShardOf(k.Subject) + "aBcDeFgH" + k.ID[11:] })
		wantAbsent(t, s, apikey.ShardOf(k.Subject)+"AbCdEfGh"+k.ID[11:])
		wantListed(t, s, strings.ToUpper(k.Subject))
		wantListed(t, s, k.Subject+" ")
		wantListed(t, s, k.Subject, k.ID)
		for _, alike := range []string{strings.ToUpper(k.Subject), k.Subject + " ", " " + k.Subject, strings.ReplaceAll(k.Subject, "u", "ü"), k.Subject[:len(k.Subject)-1]} {
			ok(t, "Create", s.Create(t.Context(), newKey(alike), 1)) // what others have does not count
			ok(t, "RevokeAll", s.RevokeAll(t.Context(), alike, "", now()))
		}
		want(t, s, k)
	}},
	{"create refuses an id that is taken", "a key is overwritten", func(t *testing.T, s apikey.Store) {
		k := create(t, s, newSubject())
		other := newKey(k.Subject)
		other.ID = k.ID
		wantErr(t, "Create", s.Create(t.Context(), other, many), apikey.ErrExists)
		want(t, s, k)
	}},
	{"F03 a create that comes again makes one key, and revives none", "a lost answer fails the request, or opens a revoked key", func(t *testing.T, s apikey.Store) {
		k := newKey(newSubject())
		for range 3 {
			ok(t, "Create", s.Create(t.Context(), k.Clone(), 1))
		}
		wantListed(t, s, k.Subject, k.ID)
		k.RevokedAt = now()
		ok(t, "Revoke", s.Revoke(t.Context(), k.ID, k.RevokedAt))
		again := k.Clone()
		again.RevokedAt = time.Time{}
		ok(t, "Create", s.Create(t.Context(), again, 1))
		want(t, s, k)
	}},
	{"list has the keys of the subject, dead ones too, and of nobody else", "an owner sees the keys of others, or cannot find his own", func(t *testing.T, s apikey.Store) {
		a, b := newSubject(), newSubject()
		k1, k2, k3 := create(t, s, a), create(t, s, a), create(t, s, b)
		ok(t, "Revoke", s.Revoke(t.Context(), k1.ID, now()))
		wantListed(t, s, a, k1.ID, k2.ID)
		wantListed(t, s, b, k3.ID)
	}},
	{"a key that was handed out is not changed", "requests that share a record race", func(t *testing.T, s apikey.Store) {
		k := create(t, s, newSubject())
		before := find(t, s, k.ID)
		list, err := s.List(t.Context(), k.Subject)
		ok(t, "List", err)
		ok(t, "Revoke", s.Revoke(t.Context(), k.ID, now()))
		ok(t, "Touch", s.Touch(t.Context(), []apikey.Use{{ID: k.ID, At: now()}}))
		wantEqual(t, before, k)
		wantEqual(t, list[0], k)
	}},
}

var endCases = []testCase{
	{"KEY-05 revoke ends a key, also twice, and the first time stays", "a revoked key works", func(t *testing.T, s apikey.Store) {
		subject := newSubject()
		k, other := create(t, s, subject), create(t, s, subject)
		k.RevokedAt = now()
		for i := range 3 {
			ok(t, "Revoke", s.Revoke(t.Context(), k.ID, k.RevokedAt.Add(time.Duration(i)*time.Minute)))
			want(t, s, k)
		}
		want(t, s, other)
	}},
	{"KEY-05 a key that has expired is revoked as well", "a clock that goes back opens it again", func(t *testing.T, s apikey.Store) {
		k := createWith(t, s, newSubject(), func(k *apikey.Key) {
			k.CreatedAt, k.ExpiresAt = k.CreatedAt.Add(-time.Hour), k.CreatedAt.Add(-time.Minute)
		})
		k.RevokedAt = now()
		ok(t, "Revoke", s.Revoke(t.Context(), k.ID, k.RevokedAt))
		want(t, s, k)
	}},
	{"revoke all ends all keys of a subject but one", "a reset leaves keys behind, or ends those of others", func(t *testing.T, s apikey.Store) {
		subject := newSubject()
		k1, k2, k3, other := create(t, s, subject), create(t, s, subject), create(t, s, subject), create(t, s, newSubject())
		k1.RevokedAt = now()
		ok(t, "Revoke", s.Revoke(t.Context(), k1.ID, k1.RevokedAt))
		k2.RevokedAt = k1.RevokedAt.Add(time.Second)
		for range 2 {
			ok(t, "RevokeAll", s.RevokeAll(t.Context(), subject, k3.ID, k2.RevokedAt))
			for _, k := range []*apikey.Key{k1, k2, k3, other} {
				want(t, s, k)
			}
		}
		k3.RevokedAt = k2.RevokedAt.Add(time.Second)
		ok(t, "RevokeAll", s.RevokeAll(t.Context(), subject, "", k3.RevokedAt))
		want(t, s, k3)
		want(t, s, k2)
		want(t, s, other)
	}},
	{"expire sets an earlier end and never a later one", "a key outlives its end", func(t *testing.T, s apikey.Store) {
		k := create(t, s, newSubject())
		end := k.ExpiresAt
		ok(t, "Expire", s.Expire(t.Context(), k.ID, end.Add(time.Hour)))
		want(t, s, k)
		k.ExpiresAt = end.Add(-time.Minute)
		ok(t, "Expire", s.Expire(t.Context(), k.ID, k.ExpiresAt))
		want(t, s, k)
		ok(t, "Expire", s.Expire(t.Context(), k.ID, end))
		want(t, s, k)
		k.ExpiresAt = k.CreatedAt.Add(-time.Minute)
		ok(t, "Expire", s.Expire(t.Context(), k.ID, k.ExpiresAt))
		want(t, s, k)
	}},
	{"expire gives an end to a key that has none", "a key cannot be ended in time", func(t *testing.T, s apikey.Store) {
		k := createWith(t, s, newSubject(), func(k *apikey.Key) { k.ExpiresAt = time.Time{} })
		k.ExpiresAt = now().Add(time.Hour)
		ok(t, "Expire", s.Expire(t.Context(), k.ID, k.ExpiresAt))
		want(t, s, k)
	}},
}

var touchCases = []testCase{
	{"KEY-10 the newest use wins in whatever order uses come", "the last use goes back in time", func(t *testing.T, s apikey.Store) {
		k := create(t, s, newSubject())
		at := now()
		for _, u := range []apikey.Use{
			{ID: k.ID, At: at, From: netip.MustParseAddr("192.0.2.1")},
			{ID: k.ID, At: at.Add(-time.Hour), From: netip.MustParseAddr("192.0.2.2")},
			{ID: k.ID, At: at.Add(time.Microsecond), From: netip.MustParseAddr("2001:db8::1")},
			{ID: k.ID, At: at.Add(time.Microsecond), From: netip.MustParseAddr("192.0.2.3")},
			{ID: k.ID, At: at.Add(time.Minute)},
		} {
			if u.At.After(k.LastUsedAt) {
				k.LastUsedAt, k.LastUsedFrom = u.At, u.From
			}
			ok(t, "Touch", s.Touch(t.Context(), []apikey.Use{u}))
			want(t, s, k)
		}
	}},
	{"touch of many keys, some of which are not there", "one lost key loses the uses of all", func(t *testing.T, s apikey.Store) {
		at := now()
		var keys []*apikey.Key
		var uses []apikey.Use
		for i := range apikey.MaxUses {
			subject := newSubject()
			if i%50 != 0 {
				uses = append(uses, apikey.Use{ID: newID(subject), At: at})
				continue
			}
			k := create(t, s, subject)
			k.LastUsedAt, k.LastUsedFrom = at.Add(time.Duration(i)*time.Second), netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
			keys = append(keys, k)
			uses = append(uses, apikey.Use{ID: k.ID, At: k.LastUsedAt, From: k.LastUsedFrom})
		}
		ok(t, "Touch", s.Touch(t.Context(), uses))
		for _, k := range keys {
			want(t, s, k)
		}
		ok(t, "Touch", s.Touch(t.Context(), nil))
	}},
	{"touch changes nothing else", "a use opens a revoked key, or drops its successor", func(t *testing.T, s apikey.Store) {
		k := create(t, s, newSubject())
		r := rotation(k)
		ok(t, "Rotate", s.Rotate(t.Context(), k.ID, r))
		k.Successor, k.ExpiresAt, k.RevokedAt = r.Next.ID, r.Ends, now()
		ok(t, "Revoke", s.Revoke(t.Context(), k.ID, k.RevokedAt))
		k.LastUsedAt = now()
		ok(t, "Touch", s.Touch(t.Context(), []apikey.Use{{ID: k.ID, At: k.LastUsedAt}}))
		want(t, s, k)
	}},
}

var timeCases = []testCase{
	{"a dead key is kept until it may be forgotten", "whoever has an old key is not told why it is refused", func(t *testing.T, s apikey.Store) {
		long := apikey.Retention - time.Hour
		k := createWith(t, s, newSubject(), func(k *apikey.Key) {
			k.CreatedAt, k.ExpiresAt = k.CreatedAt.Add(-2*apikey.Retention), k.CreatedAt.Add(-long)
		})
		want(t, s, k)
		wantListed(t, s, k.Subject, k.ID)
	}},
	{"F17 a key that may be forgotten is dead or gone", "an old key comes back", func(t *testing.T, s apikey.Store) {
		at := now()
		k := newKey(newSubject())
		k.CreatedAt, k.ExpiresAt = at.Add(-3*apikey.Retention), at.Add(-apikey.Retention-time.Minute)
		ok(t, "Create", s.Create(t.Context(), k.Clone(), many))
		list, err := s.List(t.Context(), k.Subject)
		ok(t, "List", err)
		if len(list) > 1 || len(list) == 1 && list[0].Live(at) {
			t.Fatalf("%d keys", len(list))
		}
		ok(t, "Create", s.Create(t.Context(), newKey(k.Subject), 1))
	}},
	{"F17 a key whose end is set far back is dead or gone", "revoking an old key fails", func(t *testing.T, s apikey.Store) {
		k := create(t, s, newSubject())
		ok(t, "Expire", s.Expire(t.Context(), k.ID, now().Add(-2*apikey.Retention)))
		if got, err := s.Find(t.Context(), k.ID); err == nil && got.Live(now()) {
			t.Fatal("it counts")
		}
	}},
	{"F17 the clock is the caller's", "processes whose clocks differ from that of the store disagree", func(t *testing.T, s apikey.Store) {
		k := create(t, s, newSubject())
		r := rotation(k)
		r.Next.CreatedAt = k.ExpiresAt // in an hour
		r.Ends = r.Next.CreatedAt.Add(time.Minute)
		wantErr(t, "Rotate", s.Rotate(t.Context(), k.ID, r), apikey.ErrExpired)
		late := newKey(k.Subject)
		late.CreatedAt = k.ExpiresAt.Add(time.Minute)
		late.ExpiresAt = late.CreatedAt.Add(time.Hour)
		ok(t, "Create at a time when the other key is dead", s.Create(t.Context(), late, 1))
	}},
}

var contextCases = []testCase{
	{"F15 a context that is over is an error, and nothing is changed", "a request that was given up goes on", func(t *testing.T, s apikey.Store) {
		k := create(t, s, newSubject())
		fresh := newKey(k.Subject)
		ctx := cancelled(t)
		_, findErr := s.Find(ctx, k.ID)
		_, listErr := s.List(ctx, k.Subject)
		for doing, err := range map[string]error{
			"Find": findErr, "List": listErr,
			"Create": s.Create(ctx, fresh, many), "Rotate": s.Rotate(ctx, k.ID, rotation(k)), "Expire": s.Expire(ctx, k.ID, now()),
			"Revoke": s.Revoke(ctx, k.ID, now()), "RevokeAll": s.RevokeAll(ctx, k.Subject, "", now()),
			"Touch": s.Touch(ctx, []apikey.Use{{ID: k.ID, At: now()}}),
		} {
			if err == nil {
				t.Errorf("%s: no error", doing)
			}
			for _, own := range []error{apikey.ErrNotFound, apikey.ErrExists, apikey.ErrTooMany, apikey.ErrRevoked, apikey.ErrExpired, apikey.ErrRotated} {
				if err != nil && isErr(err, own) {
					t.Errorf("%s: %v, which says something of a key", doing, err)
				}
			}
		}
		want(t, s, k)
		wantListed(t, s, k.Subject, k.ID)
	}},
}
