package apikey_test

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-sallyport/auth/apikey"
)

func fullKey() *apikey.Key {
	return &apikey.Key{
		Name: "Ölprüfung \u2028 \"'\\", Prefix: "acme_eu_test", Environment: "test", Scopes: []string{"a", "orders:*"},
		Labels: map[string]string{"team": "x", "ü": ""}, Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")},
		Limit: apikey.Limit{Max: 10, Window: 1500 * time.Millisecond}, Predecessor: "V610123456789abcdef",
	}
}

func TestGrant(t *testing.T) {
	t.Run("it comes back as it was, and touches nothing else", func(t *testing.T) {
		for _, k := range []*apikey.Key{fullKey(), {Prefix: "sk", Scopes: []string{"a"}}} {
			data, err := k.MarshalGrant()
			if err != nil || strings.ContainsRune(string(data), 0) {
				t.Fatalf("%s, %v", data, err)
			}
			got := &apikey.Key{ID: "id", Subject: "alice", CreatedAt: time.Unix(1, 0), Name: "old", Labels: map[string]string{"old": "x"}, Predecessor: "old"}
			if err := got.UnmarshalGrant(data); err != nil {
				t.Fatal(err)
			}
			want := k.Clone()
			want.ID, want.Subject, want.CreatedAt = "id", "alice", time.Unix(1, 0)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%+v\nwant\n%+v", got, want)
			}
		}
	})
	t.Run("F11 what is damaged is an error, which shows nothing of it", func(t *testing.T) {
		for _, data := range []string{
			"", "null", "{}", "[]", `{"v":2,"p":"sk","s":["a"]}`, `{"v":1,"p":"SK","s":["a"]}`, `{"v":1,"p":"sk"}`, `{"v":1,"p":"sk","s":["a b"]}`,
			`{"v":1,"p":"sk","s":["a"],"a":["192.0.2.0/99"]}`, `{"v":1,"p":"sk","s":["a"],"a":[""]}`, `{"v":1,"p":"sk","s":["a"],"m":1}`, `{"v":1,"p":"sk","s":["a"],"m":-1,"w":1000}`,
			`{"v":1,"p":"sk","s":["a"],"m":1,"w":9223372036854775807}`, `{"v":1,"p":"sk","s":["a"]} hunter2`, `{"v":1,"p":"sk","s":["a"],"n":"` + strings.Repeat("x", 17<<10) + `"}`,
		} {
			k := fullKey()
			if err := k.UnmarshalGrant([]byte(data)); err == nil || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%.60s: %v", data, err)
			}
			if !reflect.DeepEqual(k, fullKey()) {
				t.Errorf("%.60s: the key has changed", data)
			}
		}
	})
}

func FuzzGrant(f *testing.F) {
	good, err := fullKey().MarshalGrant()
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(good), "", "{}", "null", `{"v":1,"p":"sk","s":["a"]}`, `{"v":1,"p":"sk","s":["a"],"a":["::/0"],"m":1,"w":1000}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var k, again apikey.Key
		if k.UnmarshalGrant(data) != nil {
			if !reflect.DeepEqual(k, apikey.Key{}) {
				t.Fatalf("%+v from what is damaged", k)
			}
			return
		}
		out, err := k.MarshalGrant()
		if err != nil {
			return // longer than it came, by escapes
		}
		if err := again.UnmarshalGrant(out); err != nil {
			t.Fatalf("%q of %q: %v", out, data, err)
		}
		if second, err := again.MarshalGrant(); err != nil || string(second) != string(out) {
			t.Fatalf("%q, then %q, %v", out, second, err)
		}
	})
}
