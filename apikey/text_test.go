package apikey_test

import (
	"errors"
	"fmt"
	"hash/crc32"
	"regexp"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/apikey"
	"github.com/go-sallyport/auth/problem"
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// signed is text with the checksum that docs describe, computed by other means.
func signed(text string) string {
	n, sum := crc32.Checksum([]byte(text), crc32.MakeTable(crc32.IEEE)), ""
	for range 6 {
		sum = string(base62[n%62]) + sum
		n /= 62
	}
	return text + sum
}

// forged is a key of right form that nobody has issued.
func forged(id string) string { return signed("sk_live_" + id + "_" + strings.Repeat("q", 43)) }

func TestText(t *testing.T) {
	r := newRig(t, nil)
	text, k := r.issue(nil)
	t.Run("KEY-01 a key is prefix, public id, secret of 256 bits and checksum", func(t *testing.T) {
		m := regexp.MustCompile(`^(sk_live)_([0-9A-Za-z]{19})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})$`).FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("%q", text)
		}
		if m[2] != k.ID || signed(strings.TrimSuffix(text, m[4])) != text {
			t.Fatalf("%q of %s: want the id and checksum %s", text, k.ID, signed(strings.TrimSuffix(text, m[4])))
		}
		if prefix, id, err := apikey.Parse(text); err != nil || prefix != "sk_live" || id != k.ID {
			t.Fatalf("Parse: %q, %q, %v", prefix, id, err)
		}
	})
	t.Run("KEY-01 every character of id and secret is random", func(t *testing.T) {
		const keys = 3000
		seen := make([]map[byte]int, 19+43)
		for i := range seen {
			seen[i] = make(map[byte]int)
		}
		ids := make(map[string]bool)
		r := newRig(t, func(cfg *apikey.Config) { cfg.MaxKeys = 1000 })
		for i := range keys {
			text, k := r.issue(nil)
			if err := r.Revoke(t.Context(), k.ID); err != nil {
				t.Fatal(err)
			}
			ids[k.ID] = true
			body := strings.ReplaceAll(strings.TrimPrefix(text, "sk_live_"), "_", "")
			for j := range seen {
				seen[j][body[j]]++
			}
			if i == 0 && k.ID[:apikey.ShardLen] != apikey.ShardOf("alice") {
				t.Fatal("the id does not begin with the shard of its subject")
			}
		}
		if len(ids) != keys {
			t.Fatalf("%d ids of %d keys", len(ids), keys)
		}
		for j, counts := range seen[apikey.ShardLen:] {
			if len(counts) != 62 {
				t.Errorf("character %d has %d values", j, len(counts))
			}
			for c, n := range counts { // 48 expected, sigma 7
				if n > 110 {
					t.Errorf("character %d is %q in %d of %d keys", j, c, n, keys)
				}
			}
		}
	})
	t.Run("shards are spread", func(t *testing.T) {
		seen := make(map[string]bool)
		for i := range 1000 {
			seen[apikey.ShardOf(fmt.Sprint("user-", i))] = true
		}
		if len(seen) < 980 {
			t.Errorf("%d shards for 1000 subjects", len(seen))
		}
		if got := apikey.ShardOf("alice"); got != apikey.ShardOf("alice") || len(got) != apikey.ShardLen {
			t.Errorf("shard %q", got)
		}
		const stored = "V61" // ids are stored under it: it may never change
		if got := apikey.ShardOf("alice"); got != stored {
			t.Errorf("the shard of alice is %q, was %q", got, stored)
		}
	})
	t.Run("the pattern finds keys and nothing else", func(t *testing.T) {
		r := newRig(t, func(cfg *apikey.Config) { cfg.Environments = []string{"live", "test"} })
		live, _ := r.issue(nil)
		test, _ := r.issue(func(q *apikey.Request) { q.Environment = "test" })
		find := regexp.MustCompile(r.Pattern())
		page := `{"a":"` + live + `"} x=` + test + "; sk_live_short " + live[:70] + " x" + live + " " + live + "x"
		got := find.FindAllString(page, -1)
		if len(got) != 2 || got[0] != live || got[1] != test {
			t.Errorf("%q finds %q", r.Pattern(), got)
		}
	})
}

// TestDamagedKeys is attack K01.
func TestDamagedKeys(t *testing.T) {
	for name, cached := range map[string]bool{"": false, " with a cache": true} {
		t.Run("K01 KEY-04 no damaged key is accepted, and none is looked up"+name, func(t *testing.T) {
			r := newRig(t, func(cfg *apikey.Config) {
				if cached {
					cfg.CacheFor = cacheFor
				}
			})
			text, _ := r.issue(nil)
			r.good(text)
			var damaged []string
			for i := range len(text) {
				damaged = append(damaged, text[:i], text[i+1:])
				for _, c := range []byte(base62 + "_-. \x00\xff") {
					if c != text[i] {
						damaged = append(damaged, text[:i]+string([]byte{c})+text[i+1:])
					}
				}
				if i > 0 && text[i] != text[i-1] {
					damaged = append(damaged, text[:i-1]+text[i:i+1]+text[i-1:i]+text[i+1:])
				}
			}
			damaged = append(damaged, strings.ToUpper(text), strings.ToLower(text), " "+text, text+" ", "\t"+text, text+"\n", text+text,
				text+","+text, text[:len(text)-1]+"é", strings.Repeat("x", 1<<20), strings.Repeat("_", 78), "Bearer "+text, "sk_live_"+text,
				"", "_", "sk_live__", strings.Replace(text, "sk_live", "", 1), strings.Replace(text, "sk_live", strings.Repeat("s", 41), 1))
			finds, writes := r.store.finds.Load(), r.store.writes.Load()
			for _, bad := range damaged {
				p, err := r.Verify(t.Context(), bad, home)
				if p != nil || !errors.Is(err, apikey.ErrMalformed) || codeOf(err) != problem.APIKeyMalformed {
					t.Fatalf("%q of %q: %v, %v", bad, text, p, err)
				}
			}
			if r.store.finds.Load() != finds || r.store.writes.Load() != writes {
				t.Errorf("%d look-ups", r.store.finds.Load()-finds)
			}
			if asked := r.owners.asked.Load(); asked != map[bool]int64{false: 2, true: 2}[cached] {
				t.Errorf("Owner was asked %d times", asked)
			}
		})
	}
	t.Run("KEY-04 keys of other prefixes and environments are not looked up", func(t *testing.T) {
		r := newRig(t, nil)
		_, k := r.issue(nil)
		for _, prefix := range []string{"sk_test", "sk", "sk_live_live", "SK_LIVE", "ak_live", "sk-live"} {
			r.bad(signed(prefix+"_"+k.ID+"_"+strings.Repeat("q", 43)), apikey.ErrMalformed)
		}
		if n := r.store.finds.Load(); n != 0 {
			t.Errorf("%d look-ups", n)
		}
	})
	t.Run("a key is not good under another prefix that is issued", func(t *testing.T) {
		r := newRig(t, func(cfg *apikey.Config) { cfg.Environments = []string{"live", "test"} })
		text, _ := r.issue(func(q *apikey.Request) { q.Environment = "test" })
		r.good(text)
		r.bad(signed(strings.Replace(text[:len(text)-6], "sk_test", "sk_live", 1)), apikey.ErrInvalid)
	})
	t.Run("KEY-04 junk costs no allocation but its error", func(t *testing.T) {
		r := newRig(t, func(cfg *apikey.Config) { cfg.OnEvent = nil })
		text, _ := r.issue(nil)
		for name, junk := range map[string]string{"short": "x", "checksum": text[:len(text)-1] + "~", "long": strings.Repeat("x", 400)} {
			if n := testing.AllocsPerRun(100, func() { _, _ = r.Verify(t.Context(), junk, home) }); n != 0 {
				t.Errorf("%s: %v allocations", name, n)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	good := forged(apikey.ShardOf("alice") + "0123456789abcdef")
	for _, seed := range []string{"", good, good[1:], good[:len(good)-1], strings.ToUpper(good), good + "\n", strings.Repeat("_", 77), "sk_live_" + good} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		prefix, id, err := apikey.Parse(text)
		if err != nil {
			if !errors.Is(err, apikey.ErrMalformed) || prefix+id != "" {
				t.Fatalf("%q, %q, %v", prefix, id, err)
			}
			return
		}
		if !strings.HasPrefix(text, prefix+"_"+id+"_") || signed(text[:len(text)-6]) != text || strings.Trim(text, base62+"_") != "" {
			t.Fatalf("%q is %q and %q", text, prefix, id)
		}
		if len(text) != len(prefix)+1+19+1+49 {
			t.Fatalf("%q has %d bytes", text, len(text))
		}
	})
}

func FuzzHeader(f *testing.F) {
	r := newRig(f, func(cfg *apikey.Config) { cfg.Bearer, cfg.CacheFor = true, cacheFor })
	good, _ := r.issue(nil)
	for _, seed := range []string{"", good, "Bearer " + good, "bearer  " + good, "Bearer", "Bearer " + good + ",", "ApiKey " + good, wrongSecret(good), good + "\x00"} {
		f.Add(seed, seed)
		f.Add(seed, "")
	}
	f.Fuzz(func(t *testing.T, key, authorization string) {
		req := withKey("")
		keys, tokens := 0, 0
		if key != "" {
			req.Header.Set("X-Api-Key", key)
			keys++
		}
		if authorization != "" {
			req.Header.Set("Authorization", authorization)
		}
		if len(authorization) > 7 && strings.EqualFold(authorization[:7], "bearer ") && authorization[7:] == good {
			tokens++
		}
		p, err := r.Authenticate(req)
		if want := key == good && !strings.Contains(authorization, "sk_") || keys == 0 && tokens == 1; want && err != nil {
			t.Fatalf("%q and %q: %v", key, authorization, err)
		}
		if err == nil && (p == nil || key != good && tokens == 0 || key != "" && tokens == 1) {
			t.Fatalf("%q and %q are good", key, authorization)
		}
	})
}
