package account

import (
	"context"
	"net/http"
	"net/url"

	"github.com/go-sallyport/auth"
)

// Register answers POST {email, password} with 202, the same whether the address
// has an account or not. See SignUp.
func (s *Service) Register() http.Handler {
	type input struct {
		Email    string `json:"email"`
		Password string `json:"password"`
	}
	return s.flow(FlowRegister, func(w http.ResponseWriter, r *request) error {
		in, err := decode[input](w, r)
		if err != nil {
			return err
		}
		r.state.Email = in.Email
		if err := s.SignUp(r.Context(), r.client, in.Email, in.Password); err != nil {
			return err
		}
		return s.done(w, r, http.StatusAccepted, s.cfg.Pages.Login)
	})
}

// VerifyEmail answers POST {token} with 204. See ConfirmEmail.
func (s *Service) VerifyEmail() http.Handler {
	type input struct {
		Token string `json:"token"`
	}
	return s.flow(FlowVerifyEmail, func(w http.ResponseWriter, r *request) error {
		in, err := decode[input](w, r)
		if err != nil {
			return err
		}
		r.state.Token = in.Token
		if err := s.ConfirmEmail(r.Context(), r.client, in.Token); err != nil {
			return err
		}
		return s.done(w, r, http.StatusNoContent, s.cfg.Pages.Login)
	})
}

// Login answers POST {email, password} with what next writes, a session for
// example, or the question for a second factor. A form may have return_to, the path
// that auth.ReturnPath finds then, and remember. See Authenticate.
//
// A login from a device makes it a known one.
func (s *Service) Login(next auth.SignIn) http.Handler {
	type input struct {
		Email    string `json:"email"`
		Password string `json:"password"`
		Remember bool   `json:"remember"`
		ReturnTo string `json:"return_to"`
	}
	return s.flow(FlowLogin, func(w http.ResponseWriter, r *request) error {
		in, err := decode[input](w, r)
		if err != nil {
			return err
		}
		r.state.Email = in.Email
		r.state.ReturnTo, _ = auth.LocalPath(in.ReturnTo) // a page may put it into a link
		p, u, err := s.authenticate(r.Context(), r.client, in.Email, in.Password)
		if err != nil {
			return err
		}
		ctx := r.Context()
		if in.Remember && s.cfg.Remember != nil {
			ctx = s.cfg.Remember(ctx)
		}
		signed := r.WithContext(ctx)
		if in.ReturnTo != "" {
			signed.PostForm = url.Values{auth.ReturnParam: {in.ReturnTo}}
		}
		s.setPass(w, r.client, u)
		return next.SignIn(w, signed, p)
	})
}

// Logout answers POST with 204 after each of ends has ended what it can of the
// request, such as SignOut of a session.Manager. All are asked; if one fails the
// answer is its error. A browser that shows pages is led to Pages.Login. The body is
// not read.
func (s *Service) Logout(ends ...func(ctx context.Context) error) http.Handler {
	return s.flow(FlowLogout, func(w http.ResponseWriter, r *request) error {
		var failed error
		for _, end := range ends {
			if err := end(r.Context()); err != nil && failed == nil {
				failed = err
			}
		}
		if failed != nil {
			return failed
		}
		r.form = r.form || auth.WantsHTML(r.Request)
		return s.done(w, r, http.StatusNoContent, s.cfg.Pages.Login)
	})
}

// Forgot answers POST {email} with 202, always. See RequestReset.
func (s *Service) Forgot() http.Handler {
	type input struct {
		Email string `json:"email"`
	}
	return s.flow(FlowForgot, func(w http.ResponseWriter, r *request) error {
		in, err := decode[input](w, r)
		if err != nil {
			return err
		}
		r.state.Email = in.Email
		if err := s.RequestReset(r.Context(), r.client, in.Email); err != nil {
			return err
		}
		return s.done(w, r, http.StatusAccepted, s.cfg.Pages.Login)
	})
}

// Reset answers POST {token, password} with 204 and signs nobody in. See
// ResetPassword.
func (s *Service) Reset() http.Handler {
	type input struct {
		Token    string `json:"token"`
		Password string `json:"password"`
	}
	return s.flow(FlowReset, func(w http.ResponseWriter, r *request) error {
		in, err := decode[input](w, r)
		if err != nil {
			return err
		}
		r.state.Token = in.Token
		if err := s.ResetPassword(r.Context(), r.client, in.Token, in.Password); err != nil {
			return err
		}
		return s.done(w, r, http.StatusNoContent, s.cfg.Pages.Login)
	})
}

// ChangePassword answers POST {current_password, password} of somebody who has
// signed in with 204. Mount it behind a Gate. See UpdatePassword.
func (s *Service) ChangePassword() http.Handler {
	type input struct {
		Current  string `json:"current_password"`
		Password string `json:"password"`
	}
	return s.flow(FlowChangePassword, func(w http.ResponseWriter, r *request) error {
		in, err := decode[input](w, r)
		if err != nil {
			return err
		}
		p, _ := auth.FromContext(r.Context())
		if err := s.UpdatePassword(r.Context(), r.client, p, in.Current, in.Password); err != nil {
			return auth.Challenged(r.Context(), err)
		}
		s.setPass(w, r.client, User{ID: p.Subject})
		return s.done(w, r, http.StatusNoContent, s.cfg.Pages.Account)
	})
}

// ChangeEmail answers POST {password, email} of somebody who has signed in with 202,
// the same whether the new address is free or not. Mount it behind a Gate. See
// RequestEmail.
func (s *Service) ChangeEmail() http.Handler {
	type input struct {
		Password string `json:"password"`
		Email    string `json:"email"`
	}
	return s.flow(FlowChangeEmail, func(w http.ResponseWriter, r *request) error {
		in, err := decode[input](w, r)
		if err != nil {
			return err
		}
		r.state.Email = in.Email
		p, _ := auth.FromContext(r.Context())
		if err := s.RequestEmail(r.Context(), r.client, p, in.Password, in.Email); err != nil {
			return auth.Challenged(r.Context(), err)
		}
		return s.done(w, r, http.StatusAccepted, s.cfg.Pages.Account)
	})
}

// Delete answers POST {password} of somebody who has signed in, not long ago, with
// 204. Mount it behind a Gate. See DeleteAccount.
func (s *Service) Delete() http.Handler {
	type input struct {
		Password string `json:"password"`
	}
	return s.flow(FlowDelete, func(w http.ResponseWriter, r *request) error {
		in, err := decode[input](w, r)
		if err != nil {
			return err
		}
		p, _ := auth.FromContext(r.Context())
		if err := s.DeleteAccount(r.Context(), r.client, p, in.Password); err != nil {
			return auth.Challenged(r.Context(), err)
		}
		return s.done(w, r, http.StatusNoContent, s.cfg.Pages.Login)
	})
}
