package problem

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// Details is a problem details object of [RFC 9457 §3.1]. It is an
// http.Handler that serves itself.
//
// Everything in it is shown to the client: it must hold nothing of the inside
// of the service, and nothing that tells whether an account exists. Text that
// came from a request is safe in any member, it is encoded as JSON with '<',
// '>' and '&' escaped and never reaches a header.
//
// A Details is plain data. Concurrent calls to its methods are safe as long as
// nobody changes it.
//
// [RFC 9457 §3.1]: https://www.rfc-editor.org/rfc/rfc9457#section-3.1
type Details struct {
	Type   string // URI reference of the kind of problem; empty stands for "about:blank"
	Title  string // the same for every occurrence of the type
	Status int    // HTTP status, 200 to 599; anything else, also zero, is served as 500
	Detail string // what happened this time, for a person
	// Instance is a URI reference of this occurrence, such as "/requests/7f3a".
	Instance string
	Code     Code // extension member "code": what a client decides by
	// Extensions are further members of the object. A name that equals one of
	// the members above, in any case, is left out: an extension cannot shadow.
	Extensions map[string]any

	fixed *fixed // the registered problem that this began as, or nil
}

// New returns the registered problem of code. A code that is not registered
// yields the bare 500 of Internal: a typing error must not open anything.
func New(code Code) Details {
	f, ok := registry[code]
	if !ok {
		f = registry[Internal]
	}
	return f.details
}

// WithDetail returns a copy of d with the given detail.
func (d Details) WithDetail(detail string) Details {
	d.Detail = detail
	return d
}

// With returns a copy of d with one more extension member.
func (d Details) With(name string, value any) Details {
	m := make(map[string]any, len(d.Extensions)+1)
	for k, v := range d.Extensions {
		m[k] = v
	}
	m[name] = value
	d.Extensions = m
	return d
}

// rendered returns the ready body of d if it is still what was registered.
func (d *Details) rendered() []byte {
	f := d.fixed
	if f == nil || d.Detail != "" || d.Instance != "" || len(d.Extensions) != 0 || !d.keepsMembersOf(f) {
		return nil
	}
	return f.body
}

// keepsMembersOf reports whether the members that f has rendered are unchanged.
func (d *Details) keepsMembersOf(f *fixed) bool {
	return d.Status == f.details.Status && d.Code == f.details.Code && d.Title == f.details.Title && d.Type == f.details.Type
}

// status is the HTTP status that d is served with. 1xx are not final responses
// and net/http panics on numbers that are not three digits.
func (d *Details) status() int {
	if d.Status < 200 || d.Status > 599 {
		return http.StatusInternalServerError
	}
	return d.Status
}

// MarshalJSON renders d. It fails only if an extension value does.
func (d Details) MarshalJSON() ([]byte, error) {
	for name, v := range d.Extensions {
		if reserved(name) {
			continue
		}
		if _, err := json.Marshal(v); err != nil {
			return nil, err
		}
	}
	return d.append(nil), nil
}

// UnmarshalJSON reads a problem that some server sent. As RFC 9457 §3.1 asks of
// consumers, a member whose value has the wrong type is ignored.
func (d *Details) UnmarshalJSON(b []byte) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil {
		return err
	}
	*d = Details{}
	for name, raw := range members {
		switch name {
		case "type":
			readMember(raw, &d.Type)
		case "title":
			readMember(raw, &d.Title)
		case "status":
			readMember(raw, &d.Status)
		case "detail":
			readMember(raw, &d.Detail)
		case "instance":
			readMember(raw, &d.Instance)
		case "code":
			readMember(raw, &d.Code)
		default:
			var v any
			readMember(raw, &v)
			if d.Extensions == nil {
				d.Extensions = make(map[string]any)
			}
			d.Extensions[name] = v
		}
	}
	return nil
}

// readMember sets *dst, or leaves its zero value if raw is of another type.
func readMember[T any](raw json.RawMessage, dst *T) {
	var v T
	if json.Unmarshal(raw, &v) == nil {
		*dst = v
	}
}

// reserved reports whether an extension of that name would shadow a member of
// Details. Case is folded because many decoders, encoding/json among them,
// match names without it.
func reserved(name string) bool {
	return slices.ContainsFunc(members[:], func(m string) bool { return strings.EqualFold(m, name) })
}

var members = [...]string{"type", "title", "status", "detail", "instance", "code"}
