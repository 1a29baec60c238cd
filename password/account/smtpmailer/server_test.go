package smtpmailer_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"io"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// A server is a small mail server that can be told to misbehave. Steps are named
// by their commands; "" is the greeting, "." the end of the data.
type server struct {
	extensions []string                      // before TLS
	secured    []string                      // after
	implicit   bool                          // begins with TLS
	replies    map[string]string             // instead of the usual one
	at         func(step string, c net.Conn) // before the reply
	config     *tls.Config                   // of TLS
	roots      *x509.CertPool                // for clients
	pipe       bool                          // speaks over net.Pipe and not on loopback
	mu         sync.Mutex                    // of what follows
	log        []string                      // the steps
	mails      []received                    // what was taken
	conversing sync.WaitGroup                // connections
}

// received is a mail that was taken.
type received struct {
	from, to, data string
	login          string
	secure         bool
}

func newServer(t *testing.T) *server {
	t.Helper()
	config, roots := certificate(t, "127.0.0.1", "smtp.example.com")
	return &server{
		extensions: []string{"PIPELINING", "STARTTLS", "AUTH PLAIN"}, // a password in the clear: never to be used
		secured:    []string{"PIPELINING", "AUTH PLAIN LOGIN", "8BITMIME", "SMTPUTF8"},
		config:     config,
		roots:      roots,
	}
}

// certificate is for these names, for an hour.
func certificate(t *testing.T, names ...string) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// A bubble of synctest has a clock of its own.
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Now().Add(time.Hour),
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	// Over net.Pipe nobody reads a ticket that nobody waits for.
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, SessionTicketsDisabled: true}, roots
}

// listen serves on loopback until the test ends.
func (s *server) listen(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = l.Close()
		s.conversing.Wait()
	})
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.conversing.Go(func() { s.converse(conn) })
		}
	}()
	return l.Addr().String()
}

// converse serves one connection.
func (s *server) converse(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	if s.implicit {
		conn = tls.Server(conn, s.config)
	}
	var mail received
	_, mail.secure = conn.(*tls.Conn)
	in := bufio.NewReader(conn)
	reply := func(step, usual string) bool {
		s.note(step)
		if s.at != nil {
			s.at(step, conn)
		}
		s.mu.Lock()
		if other, told := s.replies[step]; told {
			usual = other
		}
		s.mu.Unlock()
		_, err := io.WriteString(conn, usual+"\r\n")
		return err == nil && usual[0] < '4'
	}
	reply("", "220 smtp.example.com ESMTP")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		verb, rest, _ := strings.Cut(line, " ")
		switch verb {
		case "EHLO":
			extensions := s.extensions
			if mail.secure {
				extensions = s.secured
			}
			reply(verb, "250-smtp.example.com\r\n250-"+strings.Join(append(extensions, "SIZE 1000000"), "\r\n250-")+"\r\n250 HELP")
		case "HELO":
			reply(verb, "250 smtp.example.com")
		case "STARTTLS":
			if !reply(verb, "220 go ahead") {
				continue
			}
			conn = tls.Server(conn, s.config)
			in, mail.secure = bufio.NewReader(conn), true
		case "AUTH":
			s.login(&mail, rest, in, conn)
			reply(verb, "235 2.7.0 welcome")
		case "MAIL":
			mail.from = rest
			reply(verb, "250 2.1.0 ok")
		case "RCPT":
			mail.to = rest
			reply(verb, "250 2.1.5 ok")
		case "DATA":
			if !reply(verb, "354 go on") {
				continue
			}
			mail.data = readData(in)
			if reply(".", "250 2.0.0 queued") {
				s.mu.Lock()
				s.mails = append(s.mails, mail)
				s.mu.Unlock()
			}
		case "QUIT":
			reply(verb, "221 bye")
			return
		default:
			reply(verb, "500 what?")
		}
	}
}

// login reads what AUTH says.
func (s *server) login(mail *received, arguments string, in *bufio.Reader, out io.Writer) {
	method, initial, _ := strings.Cut(arguments, " ")
	if method == "PLAIN" {
		mail.login = method + " " + decode(initial)
		return
	}
	for _, ask := range []string{"Username:", "Password:"} {
		fmt.Fprintf(out, "334 %s\r\n", base64.StdEncoding.EncodeToString([]byte(ask)))
		line, _ := in.ReadString('\n')
		mail.login += " " + decode(strings.TrimSpace(line))
	}
	mail.login = method + mail.login
}

func decode(s string) string {
	b, _ := base64.StdEncoding.DecodeString(s)
	return string(b)
}

// readData reads to the dot, and takes off what was stuffed.
func readData(in *bufio.Reader) string {
	var data strings.Builder
	for {
		line, err := in.ReadString('\n')
		if err != nil || line == ".\r\n" {
			return data.String()
		}
		data.WriteString(strings.TrimPrefix(line, "."))
	}
}

func (s *server) note(step string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, step)
}

// steps are what clients have said.
func (s *server) steps() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.TrimSpace(strings.Join(s.log, " "))
}

// taken are the mails that the server has.
func (s *server) taken() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mails
}
