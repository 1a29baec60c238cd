package browser

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/go-sallyport/auth/internal/testkit"
)

// patience bounds a whole test. A loaded machine is slow to start a browser.
const patience = 4 * time.Minute

// chromium returns a fresh browser with one tab, or skips the test where there is
// none. Its profile is empty and it talks to nobody but the program under test.
func chromium(t *testing.T) context.Context {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		testkit.Skip(t, "Chromium: not on PATH, so the pages were not tried in a browser")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.WSURLReadTimeout(patience))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx
}

// awhile bounds the steps of one do, so that a page that does not come is told early.
const awhile = 45 * time.Second

// do runs the steps and fails the test if one of them fails.
func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if chromedp.FromContext(ctx).Target != nil { // a tab ends with the context of its first step
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, awhile)
		defer cancel()
	}
	err := chromedp.Do(ctx, steps...)
	if errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("it takes too long: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// ask runs an action that has an answer.
func ask[T any](t *testing.T, ctx context.Context, a chromedp.Action[T]) T {
	t.Helper()
	answer, err := chromedp.Run(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// text returns what a person reads on the page.
func text(t *testing.T, ctx context.Context) string {
	t.Helper()
	return ask(t, ctx, chromedp.Text("//body"))
}

// start builds an example, starts it on a free port with further arguments and
// returns its address and the lines that it prints first.
func start(t *testing.T, name string, args ...string) (base string, announced []string) {
	t.Helper()
	bin := filepath.Join(t.TempDir(), name)
	build := exec.Command("go", "build", "-o", bin, "./"+name)
	build.Dir = filepath.Join("..", "..", "..", "examples")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	_ = free.Close()

	program := exec.Command(bin, append([]string{"-addr", addr}, args...)...)
	stdout, err := program.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = program.Process.Kill()
		_ = program.Wait()
	})
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if line := strings.TrimSpace(lines.Text()); line != "" {
			announced = append(announced, line)
		} else if len(announced) > 1 {
			break
		}
	}
	base = "http://" + addr
	for end := time.Now().Add(patience); ; <-time.After(20 * time.Millisecond) {
		res, err := http.Get(base + "/")
		if err == nil {
			_ = res.Body.Close()
			return base, announced
		}
		if time.Now().After(end) {
			t.Fatalf("%s does not answer: %v", name, err)
		}
	}
}
