//go:build !unix

package redistest

import (
	"errors"
	"os"
	"syscall"
)

func dieWithParent() *syscall.SysProcAttr { return nil }

var errNoSignals = errors.New("a process cannot be stopped on this system")

func suspend(*os.Process) error { return errNoSignals }
func resume(*os.Process) error  { return errNoSignals }
