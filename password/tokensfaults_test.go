package password_test

import (
	"context"
	"crypto/sha256"
	b64 "encoding/base64"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sallyport/auth"
	"github.com/go-sallyport/auth/password"
	"github.com/go-sallyport/auth/problem"
)

func TestTokensFaults(t *testing.T) {
	t.Run("F01 a store that fails is 503, and no token is good", func(t *testing.T) {
		s := newSpyTokens(t)
		tokens := newTokens(t, s, password.TokensConfig{})
		token := issue(t, tokens, "17", password.PurposeReset)
		s.err = errors.New("connection refused")
		checked, check := tokens.Check(t.Context(), password.PurposeReset, token)
		consumed, consume := tokens.Consume(t.Context(), password.PurposeReset, token)
		issued, issue := tokens.Issue(t.Context(), "17", password.PurposeReset, "")
		for doing, err := range map[string]error{"Check": check, "Consume": consume, "Issue": issue, "Void": tokens.Void(t.Context(), "17")} {
			if !errors.Is(err, s.err) || errors.Is(err, password.ErrToken) || problem.From(err).Status != 503 {
				t.Errorf("%s: %v", doing, err)
			}
		}
		if issued != "" || checked != (password.Token{}) || consumed != (password.Token{}) {
			t.Errorf("with the errors came %q, %+v, %+v", issued, checked, consumed)
		}
	})
	t.Run("what is refused is 400 with one code", func(t *testing.T) {
		w := httptest.NewRecorder()
		_, err := newTokens(t, nil, password.TokensConfig{}).Consume(t.Context(), password.PurposeReset, "x")
		problem.WriteError(w, httptest.NewRequest("POST", "/reset", nil), err)
		if w.Code != 400 || !strings.Contains(w.Body.String(), string(problem.OneTimeTokenInvalid)) {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
	t.Run("F31 consume and void go on when the client has gone, and end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := newSpyTokens(t)
			tokens := newTokens(t, s, password.TokensConfig{})
			token := issue(t, tokens, "17", password.PurposeReset)
			ctx, cancel := context.WithCancel(t.Context())
			s.answer = func(got password.Token) password.Token {
				cancel()
				if err := s.ctx.Err(); err != nil {
					t.Errorf("the store was told to stop: %v", err)
				}
				return got
			}
			if _, err := tokens.Consume(ctx, password.PurposeReset, token); err != nil {
				t.Error(err)
			}
			ends := func(doing string) {
				if end, ok := s.ctx.Deadline(); !ok || time.Until(end) > 5*time.Second {
					t.Errorf("%s has until %s", doing, end)
				}
			}
			ends("Consume")
			if err := tokens.Void(ctx, "17"); err != nil {
				t.Error(err)
			}
			ends("Void")
		})
	})
	t.Run("a request that is over before it began spends nothing", func(t *testing.T) {
		tokens := newTokens(t, nil, password.TokensConfig{})
		token := issue(t, tokens, "17", password.PurposeReset)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := tokens.Consume(ctx, password.PurposeReset, token); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if _, err := tokens.Consume(t.Context(), password.PurposeReset, token); err != nil {
			t.Error(err)
		}
	})
}

func TestTokensEvents(t *testing.T) {
	t.Run("PWD-15 every decision is an event, and none has the token", func(t *testing.T) {
		var got []string
		var all strings.Builder
		tokens := newTokens(t, nil, password.TokensConfig{OnEvent: func(_ context.Context, e auth.Event) {
			got = append(got, fmt.Sprint(e.Kind, " ", e.Subject, " ", e.Resource, " ", e.Err != nil))
			fmt.Fprintf(&all, "%+v %v", e, e.LogValue())
		}})
		token := issue(t, tokens, "17", password.PurposeReset)
		_, _ = tokens.Consume(t.Context(), password.PurposeVerifyEmail, token)
		_, _ = tokens.Check(t.Context(), password.PurposeReset, token)
		_, _ = tokens.Consume(t.Context(), password.PurposeReset, token)
		_ = tokens.Void(t.Context(), "17")
		_ = tokens.Void(t.Context(), "17", password.PurposeReset)
		want := []string{
			"password.token_issued 17 reset false",
			"password.token_refused  verify-email true",
			"password.token_used 17 reset false",
			"password.tokens_voided 17  false",
			"password.tokens_voided 17 reset false",
		}
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		hash := sha256.Sum256([]byte(token))
		for _, secret := range []string{token, fmt.Sprintf("%x", hash), b64.StdEncoding.EncodeToString(hash[:8])[:10], "alice@example.com"} {
			if strings.Contains(all.String(), secret) {
				t.Errorf("an event has %q", secret)
			}
		}
	})
}
