package passkey_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/mfa/passkey"
)

func TestScript(t *testing.T) {
	get := func(method string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "/passkey.js", nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		return record(r, passkey.ScriptHandler())
	}
	first := get("GET")
	etag := first.Header().Get("ETag")
	t.Run("the module, as JavaScript and nothing else", func(t *testing.T) {
		if first.Code != 200 || first.Body.String() != string(passkey.Script()) || first.Header().Get("X-Content-Type-Options") != "nosniff" ||
			first.Header().Get("Content-Type") != "text/javascript; charset=utf-8" || first.Header().Get("Cache-Control") != "no-cache" {
			t.Errorf("got %d %v", first.Code, first.Header())
		}
	})
	t.Run("a strong validator spares the body", func(t *testing.T) {
		if etag == "" || etag[0] != '"' {
			t.Fatalf("ETag %q", etag)
		}
		if w := get("GET", "If-None-Match", etag); w.Code != 304 || w.Body.Len() != 0 {
			t.Errorf("got %d with %d bytes", w.Code, w.Body.Len())
		}
		if w := get("GET", "If-None-Match", `"old"`); w.Code != 200 || w.Body.Len() == 0 {
			t.Errorf("got %d with %d bytes", w.Code, w.Body.Len())
		}
	})
	t.Run("HEAD has no body, POST no answer", func(t *testing.T) {
		if w := get("HEAD"); w.Code != 200 || w.Body.Len() != 0 {
			t.Errorf("HEAD: %d with %d bytes", w.Code, w.Body.Len())
		}
		if w := get("POST"); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("POST: %d %v", w.Code, w.Header())
		}
	})
	t.Run("the integrity is that of the bytes, which nobody can change", func(t *testing.T) {
		passkey.Script()[0] = 'X'
		sum := sha256.Sum256(get("GET").Body.Bytes())
		if want := "sha256-" + base64.StdEncoding.EncodeToString(sum[:]); passkey.ScriptIntegrity() != want {
			t.Errorf("got %s, want %s", passkey.ScriptIntegrity(), want)
		}
	})
}

// TestModule runs passkey.test.mjs on node.
func TestModule(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		testkit.Skip(t, "passkey.js on node")
	}
	dir := t.TempDir()
	suite, err := os.ReadFile("passkey.test.mjs")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"passkey.mjs": passkey.Script(), "passkey.test.mjs": suite} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), node, "--test", "passkey.test.mjs")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
