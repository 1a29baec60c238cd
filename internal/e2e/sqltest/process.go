package sqltest

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/sqldb"
)

// env tells a test binary that it is to run a role, and holds the job as JSON.
const env = "SALLYPORT_SQLTEST_ROLE"

// ready is the line by which a child says that it waits for the others.
const ready = "sqltest: ready"

// A Role is what a child process does.
type Role func(c *Child) error

// job is what a parent tells its child.
type job struct {
	Role, Server, DSN, ID string
	Args                  []string
}

// Main is what the TestMain of a package calls whose tests use Start:
//
//	func TestMain(m *testing.M) {
//		sqltest.Main(m, map[string]sqltest.Role{"increment": increment})
//	}
func Main(m *testing.M, roles map[string]Role) {
	text := os.Getenv(env)
	if text == "" {
		os.Exit(m.Run())
	}
	if err := play(text, roles); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func play(text string, roles map[string]Role) error {
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return err
	}
	role, found := roles[j.Role]
	if !found {
		return fmt.Errorf("there is no role %q", j.Role)
	}
	for _, s := range []server{&sqlite{}, &postgresql{}, &mariadb{}} {
		if s.name() == j.Server {
			return role(&Child{Dialect: s.dialect(), Args: j.Args, Out: os.Stdout, server: s, dsn: j.DSN, in: bufio.NewReader(os.Stdin)})
		}
	}
	return fmt.Errorf("there is no server %q", j.Server)
}

// A Child is the view of a child process on its job.
type Child struct {
	Dialect sqldb.Dialect
	Args    []string
	Out     io.Writer // what the parent gets from Wait

	server server
	dsn    string
	in     *bufio.Reader
}

// Open returns a ground on a Pool.
func (c *Child) Open() (*sqldb.DB, error) {
	pool, err := c.Pool()
	if err != nil {
		return nil, err
	}
	return sqldb.New(pool, c.Dialect, sqldb.Config{Timeout: Patient})
}

// Pool returns a pool to the database of the parent.
func (c *Child) Pool() (*sql.DB, error) {
	pool, err := c.server.open(c.dsn, nil)
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(maxConns)
	pool.SetMaxIdleConns(maxConns)
	return pool, nil
}

// Ready returns when the parent calls Go.
func (c *Child) Ready() error {
	fmt.Fprintln(os.Stderr, ready)
	_, err := c.in.ReadString('\n')
	return err
}

// A Process is a child process, seen from its parent.
type Process struct {
	t      testing.TB
	cmd    *exec.Cmd
	in     io.WriteCloser
	ready  chan struct{}
	out    bytes.Buffer
	mu     sync.Mutex
	errors bytes.Buffer
	read   sync.WaitGroup
	waited bool
}

// Start runs a role of Main in a process of its own, on this database. The
// process is killed if the test ends before it.
func (d *Database) Start(t testing.TB, role string, args ...string) *Process {
	t.Helper()
	text, err := json.Marshal(job{Role: role, Server: d.Name, DSN: d.dsn, ID: d.id, Args: args})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &Process{t: t, cmd: exec.CommandContext(ctx, os.Args[0]), ready: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env+"="+string(text))
	p.cmd.Stdout = &p.out
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.read.Go(func() { p.listen(stderr) })
	t.Cleanup(func() {
		cancel()
		if !p.waited {
			p.read.Wait()
			_ = p.cmd.Wait()
		}
	})
	return p
}

// StartTwo runs a role in two processes at once, and returns what both wrote to Out.
func (d *Database) StartTwo(t testing.TB, role string, args ...string) string {
	t.Helper()
	a, b := d.Start(t, role, args...), d.Start(t, role, args...)
	a.AwaitReady()
	b.AwaitReady()
	a.Go()
	b.Go()
	return a.Wait() + b.Wait()
}

// Crash runs a role whose last argument is a file for its notes, kills it after some
// time, and returns what it has noted.
func (d *Database) Crash(t testing.TB, after time.Duration, role string, args ...string) (notes string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "notes")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := d.Start(t, role, append(args, file)...)
	p.AwaitReady()
	p.Go()
	<-time.After(after)
	p.Kill()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (p *Process) listen(stderr io.Reader) {
	said := false
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		if lines.Text() == ready && !said {
			said = true
			close(p.ready)
			continue
		}
		p.mu.Lock()
		fmt.Fprintln(&p.errors, lines.Text())
		p.mu.Unlock()
	}
	if !said {
		close(p.ready)
	}
}

// AwaitReady returns when the child calls Ready, or has ended.
func (p *Process) AwaitReady() { <-p.ready }

// Go lets Ready return.
func (p *Process) Go() {
	p.t.Helper()
	if _, err := io.WriteString(p.in, "go\n"); err != nil {
		p.t.Errorf("the child process has ended: %v", err)
	}
}

// Kill ends the child at once, as kill -9 does.
func (p *Process) Kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Error(err)
	}
	p.read.Wait()
	p.waited = true
	_ = p.cmd.Wait()
}

// Wait returns what the child wrote to Out. That it failed fails the test.
func (p *Process) Wait() string {
	p.t.Helper()
	p.read.Wait()
	p.waited = true
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("child process: %v\n%s", err, p.errors.String())
	}
	return p.out.String()
}
