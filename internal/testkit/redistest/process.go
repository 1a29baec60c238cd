package redistest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-sallyport/auth/internal/testkit/loopback"
)

// patience is how long anything may take on a loaded machine.
const patience = 30 * time.Second

// poll is the pause between two looks at something that is not ready.
const poll = 10 * time.Millisecond

// A process is one redis-server.
type process struct {
	path, dir string
	port      int
	conf      string // a file of configuration in dir, or empty
	args      []string
	cmd       *exec.Cmd
	exited    chan struct{} // closed when cmd is over
}

// errExited means that the server ended before it answered, most likely because
// its port was taken.
var errExited = errors.New("redis-server ended at once")

// start starts the server and waits until it answers.
func (p *process) start() error {
	output, err := os.Create(filepath.Join(p.dir, "output"))
	if err != nil {
		return err
	}
	defer func() { _ = output.Close() }() // the child has its own
	var args []string
	if p.conf != "" {
		args = append(args, filepath.Join(p.dir, p.conf)) // which must come first
	}
	p.cmd = exec.Command(p.path, append(append(args,
		"--port", strconv.Itoa(p.port),
		"--bind", "127.0.0.1",
		"--dir", p.dir,
		"--save", "",
		"--appendonly", "no",
		"--daemonize", "no",
		"--logfile", "",
	), p.args...)...)
	p.cmd.Stdout, p.cmd.Stderr = output, output
	p.cmd.SysProcAttr = dieWithParent()
	if err := p.cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	p.exited = exited
	go func() {
		defer close(exited)
		_ = p.cmd.Wait() // how it ended is no news: it is always killed
	}()
	if err := p.ready(); err != nil {
		p.kill()
		return fmt.Errorf("%w: %s", err, p.lastWords())
	}
	return nil
}

// ready waits until this process, and not another one on its port, answers.
func (p *process) ready() error {
	o := options(loopback.Addr(p.port))
	o.MaxRetries, o.DialerRetries = -1, 1 // the loop below is enough
	c := redis.NewClient(o)
	defer func() { _ = c.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	id := fmt.Sprintf("process_id:%d\r\n", p.cmd.Process.Pid)
	for {
		err := answers(ctx, c, id)
		if err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return errExited
		case <-ctx.Done():
			return fmt.Errorf("redis-server on port %d does not answer (%w)", p.port, err)
		case <-time.After(poll):
		}
	}
}

// answers returns nil if it is the process of that id that answers c. It gives up
// soon, for what listens may be no Redis at all.
func answers(ctx context.Context, c *redis.Client, id string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	info, err := c.Info(ctx, "server").Result()
	if err == nil && !strings.Contains(info, id) {
		err = errors.New("another server answers")
	}
	return err
}

// kill ends the process, also a stopped one, and waits for its end.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // fails only if it is over already
	<-p.exited
}

// lastWords is the end of what the server said.
func (p *process) lastWords() string {
	output, err := os.ReadFile(filepath.Join(p.dir, "output"))
	if err != nil {
		return err.Error()
	}
	const most = 500
	return strings.TrimSpace(string(output[max(0, len(output)-most):]))
}
