package loopback

import (
	"net"
	"testing"
)

func TestFreeLooksAtOffsets(t *testing.T) {
	l, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).Port
	if free(taken, nil) == nil {
		t.Error("a taken port is free")
	}
	base, err := Port()
	if err != nil {
		t.Fatal(err)
	}
	if err := free(base, []int{taken - base}); err == nil {
		t.Error("a port is free although the one at its offset is taken")
	}
	if err := free(base, nil); err != nil {
		t.Errorf("a port is not free although only the one at an offset is taken: %v", err)
	}
}
