package redistest

import (
	"os"
	"syscall"
)

// dieWithParent ends the server when the test binary is killed, by the time-out
// of go test for example, and no Cleanup runs.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

func suspend(p *os.Process) error { return p.Signal(syscall.SIGSTOP) }
func resume(p *os.Process) error  { return p.Signal(syscall.SIGCONT) }
