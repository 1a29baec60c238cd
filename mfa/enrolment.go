package mfa

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"image/png"
	"log/slog"
	"net/url"
	"strconv"
	"strings"

	"github.com/pquerna/otp"
)

// An Enrolment is what an authenticator app needs, to be shown once: all of it is
// secret.
type Enrolment struct {
	// Secret is the secret in base32, for typing.
	Secret string
	// URL is the otpauth URI with the secret and its parameters.
	URL string
}

// maxAccount bounds the name of an account, in bytes: a QR code holds no more
// than a few kilobytes, and each byte may become three.
const maxAccount = 255

// qrSize is the width of a QR code for a page, in pixels.
const qrSize = 256

func newEnrolment(issuer, account string, t totpFactor) (*Enrolment, error) {
	if len(account) > maxAccount || !isLabel(account) {
		return nil, errLabel
	}
	text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(t.secret)
	// Some apps show a "+" that stands for a space, and some end the name of the
	// issuer at the first colon after decoding, so each part has neither.
	uri := "otpauth://totp/" + escape(issuer) + ":" + escape(account) +
		"?secret=" + text +
		"&issuer=" + escape(issuer) +
		"&algorithm=" + t.algorithm.String() +
		"&digits=" + strconv.Itoa(t.digits) +
		"&period=" + strconv.Itoa(period)
	return &Enrolment{Secret: text, URL: uri}, nil
}

// escape is percent-encoding of everything but letters, digits and "-_.~".
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// PNG returns the URL as a QR code, an image of size by size pixels, 128 to 2048.
func (e *Enrolment) PNG(size int) ([]byte, error) {
	if size < 128 || size > 2048 {
		return nil, fmt.Errorf("mfa: a QR code of %d pixels: use 128 to 2048", size)
	}
	key, err := otp.NewKeyFromURL(e.URL)
	if err != nil {
		return nil, fmt.Errorf("mfa: otpauth URI: %w", err)
	}
	img, err := key.Image(size, size)
	if err != nil {
		return nil, fmt.Errorf("mfa: QR code: %w", err)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return nil, fmt.Errorf("mfa: QR code: %w", err)
	}
	return b.Bytes(), nil
}

// QR returns the URL as a QR code of 256 by 256 pixels in a data URL, for the src
// of an img. The page's Content-Security-Policy has to allow img-src data:.
func (e *Enrolment) QR() (string, error) {
	b, err := e.PNG(qrSize)
	if err != nil {
		return "", err
	}
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(b), nil
}

// String keeps the secret out of logs.
func (e Enrolment) String() string { return "mfa.Enrolment" }

// GoString keeps the secret out of logs.
func (e Enrolment) GoString() string { return e.String() }

// LogValue keeps the secret out of logs.
func (e Enrolment) LogValue() slog.Value { return slog.StringValue(e.String()) }
