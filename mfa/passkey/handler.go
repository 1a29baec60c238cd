package passkey

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/internal/body"
	"github.com/go-sallyport/auth/problem"
)

// maxBody bounds the body of a request, in bytes: what comes in it in base64url has
// tighter limits of its own.
const maxBody = 32 << 10

// A keyEntry is a Credential as JSON.
type keyEntry struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
	BackedUp   bool       `json:"backed_up"`
	Transports []string   `json:"transports,omitempty"`
	AAGUID     string     `json:"aaguid,omitempty"`
}

func entryOf(c Credential) keyEntry {
	e := keyEntry{ID: c.ID().String(), Name: c.Name, CreatedAt: c.CreatedAt, BackedUp: c.BackedUp, Transports: c.Transports}
	if !c.LastUsedAt.IsZero() {
		e.LastUsedAt = &c.LastUsedAt
	}
	if c.AAGUID != [16]byte{} {
		a := c.AAGUID
		e.AAGUID = fmt.Sprintf("%x-%x-%x-%x-%x", a[:4], a[4:6], a[6:8], a[8:10], a[10:])
	}
	return e
}

// ListHandler answers GET with the passkeys of the user, the oldest first:
//
//	{"data": [{"id": "…", "name": "My phone", "created_at": "…", "last_used_at": "…",
//	  "backed_up": true, "transports": ["internal"], "aaguid": "…"}]}
//
// Members without a value are left out, but for name and backed_up. Mount it behind a
// Gate; an API key is refused, with 403.
func (m *Manager) ListHandler() http.Handler {
	return m.handler(http.MethodGet, func(w http.ResponseWriter, r *http.Request) error {
		p, _ := auth.FromContext(r.Context())
		if err := interactive(p); err != nil {
			return err
		}
		list, err := m.List(r.Context(), p.Subject)
		if err != nil {
			return err
		}
		out := struct {
			Data []keyEntry `json:"data"`
		}{make([]keyEntry, 0, len(list))}
		for _, c := range list {
			out.Data = append(out.Data, entryOf(c))
		}
		return answer(w, http.StatusOK, out)
	})
}

// RenameHandler answers PATCH {name} with 204 when the passkey with the path value id
// has that name; mount it behind a Gate at a pattern with {id}. One that is not there,
// or is somebody else's, is a 404.
func (m *Manager) RenameHandler() http.Handler {
	type input struct {
		Name string `json:"name"`
	}
	return m.handler(http.MethodPatch, func(w http.ResponseWriter, r *http.Request) error {
		var in input
		if err := body.Decode(w, r, &in, maxBody); err != nil {
			return err
		}
		id, err := pathID(r)
		if err != nil {
			return err
		}
		p, _ := auth.FromContext(r.Context())
		if err := m.Rename(r.Context(), p, id, in.Name); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
}

// RemoveHandler answers DELETE with 204 when the user has no passkey with the path
// value id any more; mount it behind a Gate at a pattern with {id}. It wants a fresh
// proof, see Remove.
func (m *Manager) RemoveHandler() http.Handler {
	return m.handler(http.MethodDelete, func(w http.ResponseWriter, r *http.Request) error {
		id, err := pathID(r)
		if err != nil {
			return err
		}
		p, _ := auth.FromContext(r.Context())
		if err := m.Remove(r.Context(), p, id); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
}

var errNoPathID = errors.New("passkey: the pattern of this handler has no {id}")

// pathID reads the id of a passkey. What is none is one that nobody has.
func pathID(r *http.Request) (ID, error) {
	text := r.PathValue("id")
	if text == "" {
		return ID{}, errNoPathID
	}
	id, ok := ParseID(text)
	if !ok {
		return ID{}, ErrNotFound
	}
	return id, nil
}

// handler serves requests of one method. Serve writes the response, or returns an
// error and has written nothing but headers.
func (m *Manager) handler(method string, serve func(w http.ResponseWriter, r *http.Request) error) http.Handler {
	allow := method
	if method == http.MethodGet {
		allow = "GET, HEAD"
	}
	wrongMethod := &problem.Error{Details: problem.New(problem.MethodNotAllowed), Header: http.Header{"Allow": {allow}}}
	return problem.Recover(m.cfg.ErrorHandler)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := error(wrongMethod)
		if r.Method == method || r.Method == http.MethodHead && method == http.MethodGet {
			var admitted *http.Request
			if admitted, err = m.admit(r); err == nil {
				w.Header().Set("Cache-Control", "no-store")
				err = serve(w, admitted)
			}
		}
		if err != nil {
			m.cfg.ErrorHandler(w, r, auth.Challenged(r.Context(), err))
		}
	}))
}

func answer(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))
	return nil
}
