package doors_test

import (
	"bufio"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/go-sallyport/auth/internal/e2e/running"
)

// dial opens a connection on which nothing is waited for without end.
func dial(t *testing.T, s *running.Server) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", parse(t, s.URL).Host)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(endsWithin)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// raw sends bytes as they are, which no HTTP client would, and returns the status of the
// answer and its header. Status 0: the server has closed the connection.
func raw(t *testing.T, s *running.Server, request string) (int, http.Header) {
	t.Helper()
	conn := dial(t, s)
	defer conn.Close()
	go func() { _, _ = conn.Write([]byte(request)) }() // the server may answer before it has read all
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, http.Header{}
	}
	defer res.Body.Close()
	return res.StatusCode, res.Header
}
