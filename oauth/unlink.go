package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/problem"
)

// Unlink removes the link with that ID from a user and ends credentials made through
// it. A credential does not tell the Revokers what it was made through, so all of the
// user's end, except the one that is named, or none if that is empty. Name the credential
// of the request only if its principal has another AttributeLink than id.
//
// ErrLastMethod: the user could not sign in any more; ErrNoLink: the user has no such
// link, in which case credentials end all the same, as they may have outlived an
// Unlink that failed half-way. Other errors: some credential may still be good; repeat
// it.
func (l *Links) Unlink(ctx context.Context, user, id, exceptCredentialID string) error {
	links, err := l.List(ctx, user)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(links, func(link Link) bool { return link.ID() == id })
	if i < 0 {
		return errors.Join(l.revoke(ctx, user, exceptCredentialID), ErrNoLink)
	}
	link, keep := links[i], 1
	if l.cfg.OtherMethods != nil {
		other, err := l.cfg.OtherMethods(ctx, user)
		if err != nil {
			return unavailable("OtherMethods", err)
		}
		if other {
			keep = 0
		}
	}
	// Who closes the page now must not keep what was made through the link.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), detachedFor)
	defer cancel()
	err = l.store.Delete(ctx, user, link.Issuer, link.Subject, keep)
	if errors.Is(err, ErrLastMethod) {
		return ErrLastMethod
	}
	if err != nil {
		return unavailable("deleting a link", err)
	}
	// Whatever comes next, the link is gone, and a repeat does not find it.
	l.emit(ctx, auth.Event{Kind: EventUnlinked, Subject: user, CredentialID: link.ID(), Resource: link.Provider})
	if l.cfg.Tokens != nil {
		err = l.cfg.Tokens.Forget(ctx, link)
	}
	return errors.Join(l.revoke(ctx, user, exceptCredentialID), err)
}

// ListHandler answers with the links of the user behind a gate (GET):
//
//	{"data":[{"id":"…","provider":"github","label":"alice","created_at":"…"}]}
func (l *Links) ListHandler() http.Handler {
	return l.handler("GET", func(w http.ResponseWriter, r *http.Request, p *auth.Principal) error {
		links, err := l.List(r.Context(), p.Subject)
		if err != nil {
			return err
		}
		type row struct {
			ID        string    `json:"id"`
			Provider  string    `json:"provider"`
			Label     string    `json:"label,omitempty"`
			CreatedAt time.Time `json:"created_at"`
		}
		rows := make([]row, 0, len(links))
		for _, link := range links {
			rows = append(rows, row{link.ID(), link.Provider, link.Label, link.CreatedAt.UTC()})
		}
		body, err := json.Marshal(map[string]any{"data": rows})
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
		return nil
	})
}

// UnlinkHandler removes the link whose ID is the path value "id" from the user behind a
// gate (DELETE, or POST for forms) and answers 204. It wants a proof of identity that
// is at most LinksConfig.FreshFor old, and refuses what another site has sent. The
// credential of the request stays, unless it was made through that very link.
func (l *Links) UnlinkHandler() http.Handler {
	return l.handler("DELETE, POST", func(w http.ResponseWriter, r *http.Request, p *auth.Principal) error {
		if err := checkOrigin(r, l.cfg.CrossOrigin, r.TLS != nil); err != nil {
			return err
		}
		if err := checkFresh(p, l.cfg.FreshFor, l.cfg.Now); err != nil {
			return err
		}
		id, except := r.PathValue("id"), p.CredentialID
		if p.Attributes[AttributeLink] == id {
			except = ""
		}
		if err := l.Unlink(r.Context(), p.Subject, id, except); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
}

func (l *Links) handler(allow string, do func(w http.ResponseWriter, r *http.Request, p *auth.Principal) error) http.Handler {
	return problem.Recover(l.cfg.ErrorHandler)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		err := notAllowedBut(r.Method, allow)
		if err == nil {
			p, ok := auth.FromContext(r.Context())
			if err = auth.ErrNoCredentials; ok {
				err = do(w, r, p)
			}
		}
		if err != nil {
			l.refuse(r, err)
			l.cfg.ErrorHandler(w, r, err)
		}
	}))
}

func (l *Links) refuse(r *http.Request, err error) {
	e := auth.Event{Kind: auth.EventDenied, Err: err}
	if p, ok := auth.FromContext(r.Context()); ok {
		e.Subject = p.Subject
	}
	if addr, err := l.cfg.ClientIP(r); err == nil {
		e.Address = addr
	}
	l.emit(r.Context(), e)
}
