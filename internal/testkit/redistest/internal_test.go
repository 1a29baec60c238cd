package redistest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-sallyport/auth/internal/testkit"
	"github.com/go-sallyport/auth/internal/testkit/faketb"
	"github.com/go-sallyport/auth/internal/testkit/loopback"
)

func TestProcessOnATakenPort(t *testing.T) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		testkit.Skip(t, "redis-server: not on PATH")
	}
	other := Start(t) // a Redis too: an answer from the port proves nothing
	silent, err := loopback.Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, port := range map[string]int{"another Redis": other.proc.port, "something else": silent.Addr().(*net.TCPAddr).Port} {
		p := &process{path: path, dir: t.TempDir(), port: port}
		if err := p.start(); !errors.Is(err, errExited) {
			t.Errorf("on the port of %s: %v", name, err)
		}
	}
	if p := (&process{path: t.TempDir(), dir: t.TempDir()}); p.start() == nil {
		t.Error("started a folder")
	}
}

// impostor puts a script named redis-server, and nothing else, on PATH.
func impostor(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "redis-server"), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
}

func TestStartTriesAgain(t *testing.T) {
	path, err := exec.LookPath("redis-server")
	if err != nil {
		testkit.Skip(t, "redis-server: not on PATH")
	}
	t.Run("when the port was taken meanwhile", func(t *testing.T) {
		impostor(t, `[ -e "$0.tried" ] && exec `+path+` "$@"
: > "$0.tried"
exit 1`)
		s := Start(t)
		if err := s.Client().Ping(t.Context()).Err(); err != nil || !s.Real() {
			t.Errorf("%v, real %v", err, s.Real())
		}
	})
	t.Run("but not for ever, and then says why", func(t *testing.T) {
		impostor(t, `echo no memory at all; exit 1`)
		r := faketb.Run("TestX", func(t testing.TB) { Start(t) })
		if !r.Failed || !strings.Contains(fmt.Sprint(r.Log), "no memory at all") {
			t.Errorf("%+v", r)
		}
	})
}
