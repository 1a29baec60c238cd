package smtpmailer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-sallyport/auth/internal/secret"
	"github.com/go-sallyport/auth/password/account"
)

// Bounds of what stands in a header, in bytes. With them no line has more than the
// 998 of RFC 5322 §2.1.1, whatever it is encoded to.
const (
	maxAddress = 254
	maxName    = 200
	maxSubject = 500
)

// A writtenMail is a message as it goes to the server.
type writtenMail struct {
	to   string
	data []byte
}

// write makes a mail of msg. Its lines are short and its bytes ASCII, but for an
// address that is not, so that no server on the way has to change it.
func (m *Mailer) write(msg account.Message) (*writtenMail, error) {
	to, err := parseAddress(msg.To)
	if err != nil {
		return nil, fmt.Errorf("%w: the address: %w", ErrMessage, err)
	}
	if err := checkText(msg.Subject, maxSubject); err != nil {
		return nil, fmt.Errorf("%w: the subject: %w", ErrMessage, err)
	}
	if msg.Text == "" {
		return nil, fmt.Errorf("%w: it has no Text", ErrMessage)
	}
	var b bytes.Buffer
	for _, h := range [][2]string{
		{"From", m.from.String()},
		{"To", to},
		{"Subject", encodeSubject(msg.Subject)},
		{"Date", m.cfg.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700")},
		{"Message-ID", "<" + secret.Token(16) + "@" + domainOf(m.from.Address) + ">"},
		{"Auto-Submitted", "auto-generated"}, // RFC 3834 §5: no vacation notice comes back
		{"MIME-Version", "1.0"},
	} {
		b.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	if err := writeBody(&b, msg); err != nil {
		return nil, fmt.Errorf("smtpmailer: %w", err)
	}
	return &writtenMail{to: to, data: b.Bytes()}, nil
}

// encodeSubject puts each encoded word on a line of its own, which RFC 2047 §2
// wants of more than one. A subject has no such seam itself, see checkText.
func encodeSubject(s string) string {
	return strings.ReplaceAll(mime.QEncoding.Encode("utf-8", s), "?= =?", "?=\r\n =?")
}

const (
	textType = "text/plain; charset=utf-8"
	htmlType = "text/html; charset=utf-8"
	encoding = "quoted-printable"
)

// writeBody writes the rest of the header and the body: the text or, if there is
// HTML too, both, of which mail programs show the last that they can (RFC 2046
// §5.1.4).
func writeBody(b *bytes.Buffer, m account.Message) error {
	if m.HTML == "" {
		b.WriteString("Content-Type: " + textType + "\r\nContent-Transfer-Encoding: " + encoding + "\r\n\r\n")
		return encode(b, m.Text)
	}
	parts := multipart.NewWriter(b)
	b.WriteString("Content-Type: multipart/alternative; boundary=" + parts.Boundary() + "\r\n\r\n")
	for _, p := range [][2]string{{textType, m.Text}, {htmlType, m.HTML}} {
		w, err := parts.CreatePart(textproto.MIMEHeader{"Content-Type": {p[0]}, "Content-Transfer-Encoding": {encoding}})
		if err != nil {
			return err
		}
		if err := encode(w, p[1]); err != nil {
			return err
		}
	}
	return parts.Close()
}

// encode writes text with line breaks of CRLF, whatever they were.
func encode(w io.Writer, text string) error {
	q := quotedprintable.NewWriter(w)
	if _, err := q.Write([]byte(strings.ToValidUTF8(text, "\ufffd"))); err != nil {
		return err
	}
	return q.Close()
}

// parseSender reads "Example Shop <no-reply@example.com>", or an address alone.
func parseSender(s string) (*mail.Address, error) {
	if err := checkText(s, maxName+maxAddress); err != nil {
		return nil, err
	}
	from, err := mail.ParseAddress(s)
	if err != nil {
		return nil, errAddress
	}
	if err := checkText(from.Name, maxName); err != nil {
		return nil, err
	}
	if _, err := parseAddress(from.Address); err != nil {
		return nil, err
	}
	if !isASCII(from.Address) {
		return nil, fmt.Errorf("%w: that of a service is ASCII, or some could not receive from it", errAddress)
	}
	return from, nil
}

// parseAddress accepts an address that is written as one and nothing else: no
// name, comment, quote or list, no IP address, no domain beyond ASCII. What comes
// back is what was given.
func parseAddress(s string) (string, error) {
	if err := checkText(s, maxAddress); err != nil {
		return "", err
	}
	if strings.ContainsFunc(s, unicode.IsSpace) || !isHostname(domainOf(s)) {
		return "", errAddress
	}
	parsed, err := mail.ParseAddress(s)
	if err != nil || parsed.Name != "" || parsed.Address != s {
		return "", errAddress
	}
	return s, nil
}

var errAddress = errors.New("it is not a plain address such as alice@example.com")

// checkText refuses what would end a header, or be read otherwise than it is
// written. It does not quote it.
func checkText(s string, most int) error {
	switch {
	case len(s) > most:
		return fmt.Errorf("%d bytes are more than %d", len(s), most)
	case !utf8.ValidString(s):
		return errors.New("it is not UTF-8")
	case strings.ContainsFunc(s, isControl):
		return errors.New("it has control characters, such as a line break")
	case strings.Contains(s, "=?"):
		return errors.New("it has \"=?\", which begins an encoded word (RFC 2047)")
	}
	return nil
}

// isControl includes U+2028 and U+2029, which some programs break lines at.
func isControl(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
}
