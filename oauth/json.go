package oauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

// maxDepth and maxValues bound what JSON may be made of.
const (
	maxDepth  = 16
	maxValues = 20_000
)

var (
	errJSON   = errors.New("oauth: the answer is not JSON")
	errTwice  = errors.New("oauth: an object has two members of one name")
	errBounds = errors.New("oauth: the JSON is nested too deep or has too many values")
	errObject = errors.New("oauth: the JSON is not an object")
)

// ParseObject reads a JSON object as a statement about somebody: a member that is there
// twice is an error, at any depth (RFC 8259 §4: readers differ in which they take), as
// is text that is not UTF-8 and anything after the object. Numbers are json.Number.
// The members are found by their exact names, whereas encoding/json puts SUB into a
// field for sub.
func ParseObject(data []byte) (map[string]any, error) {
	v, err := parseJSON(data)
	if err != nil {
		return nil, err
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, errObject
	}
	return object, nil
}

func parseJSON(data []byte) (any, error) {
	if !utf8.Valid(data) || !json.Valid(data) {
		return nil, errJSON
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	left := maxValues
	return readValue(d, 0, &left)
}

// readValue reads a value of JSON that is valid.
func readValue(d *json.Decoder, depth int, left *int) (any, error) {
	if *left--; *left < 0 || depth > maxDepth {
		return nil, errBounds
	}
	t, err := d.Token()
	if err != nil {
		return nil, errJSON
	}
	switch t {
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := readValue(d, depth+1, left)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err = d.Token()
		return list, err
	case json.Delim('{'):
		object := make(map[string]any)
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, errJSON
			}
			key, _ := name.(string)
			if _, there := object[key]; there {
				return nil, errTwice
			}
			if object[key], err = readValue(d, depth+1, left); err != nil {
				return nil, err
			}
		}
		_, err = d.Token()
		return object, err
	}
	return t, nil
}

// Fetch sends r through a client of NewHTTPClient and returns the JSON object of the
// answer, read by ParseObject. The answer must be a 200 that says that it is JSON. An
// error wraps ErrProvider and shows nothing of the answer but its status.
func Fetch(client *http.Client, r *http.Request) (map[string]any, error) {
	v, err := fetchJSON(client, r)
	if err != nil {
		return nil, err
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%w: %w", ErrProvider, errObject)
	}
	return object, nil
}

func fetchJSON(client *http.Client, r *http.Request) (any, error) {
	r.Header.Set("Accept", "application/json")
	status, media, body, err := exchange(client, r)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("%w: %s answers %d", ErrProvider, r.URL.Host, status)
	}
	if !isJSON(media) {
		return nil, fmt.Errorf("%w: %s answers with something else than JSON", ErrProvider, r.URL.Host)
	}
	v, err := parseJSON(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProvider, err)
	}
	return v, nil
}

// exchange sends r and reads the answer. A body with an encoding that the transport
// has not undone is refused, not guessed at.
func exchange(client *http.Client, r *http.Request) (status int, media string, body []byte, err error) {
	res, err := client.Do(r) //nolint:gosec // the address was configured, or named by metadata, and checked by CheckURL
	if err != nil {
		return 0, "", nil, fmt.Errorf("%w: %w", ErrProvider, err)
	}
	defer func() { _ = res.Body.Close() }()
	// The client may be one that somebody else has made.
	body, err = io.ReadAll(io.LimitReader(res.Body, MaxResponse+1))
	if err == nil && len(body) > MaxResponse {
		err = errTooLong
	}
	if err != nil {
		return 0, "", nil, fmt.Errorf("%w: reading the answer of %s: %w", ErrProvider, r.URL.Host, err)
	}
	if res.Header.Get("Content-Encoding") != "" {
		return 0, "", nil, fmt.Errorf("%w: %s answers in an encoding that was not asked for", ErrProvider, r.URL.Host)
	}
	media, _, _ = mime.ParseMediaType(res.Header.Get("Content-Type"))
	return res.StatusCode, media, body, nil
}

func isJSON(media string) bool {
	return media == "application/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")
}
