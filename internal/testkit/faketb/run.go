package faketb

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// A Result tells how a run went.
type Result struct {
	Failed, Skipped bool
	Log             []string // what was logged, as one text per call
}

// Run calls f with a testing.TB of that name on a goroutine of its own, as go
// test does, runs what f handed to Cleanup, last first, and returns the outcome.
// A panic of f or of a cleanup fails the run and is logged.
//
// Attr, ArtifactDir, Chdir, Output and Setenv are not there; f panics if it calls
// one.
func Run(name string, f func(testing.TB)) Result {
	t := &tb{name: name}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.protect(func() { f(t) })
	t.cancel()
	for {
		t.mu.Lock()
		n := len(t.cleanups)
		if n == 0 {
			t.mu.Unlock()
			return t.result
		}
		last := t.cleanups[n-1]
		t.cleanups = t.cleanups[:n-1]
		t.mu.Unlock()
		t.protect(last)
	}
}

// tb embeds the interface for its unexported method.
type tb struct {
	testing.TB
	name   string
	ctx    context.Context
	cancel context.CancelFunc

	mu       sync.Mutex
	result   Result
	cleanups []func()
}

// protect runs f so that FailNow and Skip end it, and only it.
func (t *tb) protect(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if v := recover(); v != nil {
				t.Errorf("panic: %v", v)
			}
		}()
		f()
	}()
	<-done
}

func (t *tb) Name() string             { return t.name }
func (t *tb) Helper()                  {}
func (t *tb) Context() context.Context { return t.ctx }

func (t *tb) Cleanup(f func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cleanups = append(t.cleanups, f)
}

func (t *tb) TempDir() string {
	dir, err := os.MkdirTemp("", "faketb")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return filepath.Clean(dir)
}

func (t *tb) log(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.result.Log = append(t.result.Log, text)
}

func (t *tb) Log(args ...any)                 { t.log(fmt.Sprint(args...)) }
func (t *tb) Logf(format string, args ...any) { t.log(fmt.Sprintf(format, args...)) }

func (t *tb) Fail() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.result.Failed = true
}

func (t *tb) Failed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.result.Failed
}

func (t *tb) FailNow()                          { t.Fail(); runtime.Goexit() }
func (t *tb) Error(args ...any)                 { t.Log(args...); t.Fail() }
func (t *tb) Errorf(format string, args ...any) { t.Logf(format, args...); t.Fail() }
func (t *tb) Fatal(args ...any)                 { t.Log(args...); t.FailNow() }
func (t *tb) Fatalf(format string, args ...any) { t.Logf(format, args...); t.FailNow() }

func (t *tb) SkipNow() {
	t.mu.Lock()
	t.result.Skipped = true
	t.mu.Unlock()
	runtime.Goexit()
}

func (t *tb) Skipped() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.result.Skipped
}

func (t *tb) Skip(args ...any)                 { t.Log(args...); t.SkipNow() }
func (t *tb) Skipf(format string, args ...any) { t.Logf(format, args...); t.SkipNow() }
