package sqlstore

import (
	"bytes"
	"context"

	"github.com/go-sallyport/auth/internal/sqldb"
	"github.com/go-sallyport/auth/oauth"
)

// A TokenStore keeps sealed tokens beside the links, one row for each account at a
// provider. It is safe for concurrent use.
type TokenStore struct{ db *sqldb.DB }

var _ oauth.TokenStore = (*TokenStore)(nil)

// Get implements oauth.TokenStore.
func (t *TokenStore) Get(ctx context.Context, issuer, subject string) ([]byte, error) {
	var sealed []byte
	err := t.db.Query(ctx, "SELECT sealed FROM {oauth_tokens} WHERE id = ?", keyOf(issuer, subject)).
		Each(func(scan func(...any) error) error { return scan(&sealed) })
	if err != nil {
		return nil, failed("get a token", err)
	}
	if sealed == nil {
		return nil, oauth.ErrNoToken
	}
	return sealed, nil
}

// Put implements oauth.TokenStore.
func (t *TokenStore) Put(ctx context.Context, issuer, subject string, sealed []byte) error {
	if len(sealed) == 0 || len(sealed) > oauth.MaxKeptToken {
		return errValue
	}
	_, err := t.db.ExecRepeatable(ctx, "INSERT INTO {oauth_tokens} (id, sealed) VALUES (?, ?) {UPSERT (id) sealed}", keyOf(issuer, subject), sealed)
	return failed("put a token", err)
}

// Swap implements oauth.TokenStore.
func (t *TokenStore) Swap(ctx context.Context, issuer, subject string, old, sealed []byte) error {
	if len(sealed) == 0 || len(sealed) > oauth.MaxKeptToken {
		return errValue
	}
	n, err := t.db.ExecRepeatable(ctx, "UPDATE {oauth_tokens} SET sealed = ? WHERE id = ? AND sealed = ?", sealed, keyOf(issuer, subject), old)
	if err != nil {
		return failed("swap a token", err)
	}
	if n > 0 {
		return nil
	}
	there, err := t.Get(ctx, issuer, subject)
	switch {
	case err != nil:
		return err
	case bytes.Equal(there, sealed):
		return nil // this call, come again
	}
	return oauth.ErrTokenChanged
}

// Delete implements oauth.TokenStore.
func (t *TokenStore) Delete(ctx context.Context, issuer, subject string) error {
	_, err := t.db.ExecRepeatable(ctx, "DELETE FROM {oauth_tokens} WHERE id = ?", keyOf(issuer, subject))
	return failed("delete a token", err)
}
