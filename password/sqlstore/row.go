package sqlstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/go-sallyport/auth/internal/sqldb"
	"github.com/go-sallyport/auth/password/account"
)

// columns are those that scanUser reads.
const columns = "id, email, canonical, verified, disabled, hash, roles, created_at, valid_after"

// scanUser copies a row.
func scanUser(scan func(dest ...any) error, u *account.User) error {
	var roles string
	err := scan(&u.ID, &u.Email, &u.Canonical, &u.Verified, &u.Disabled, &u.Hash, &roles, sqldb.Timestamp(&u.CreatedAt), sqldb.Timestamp(&u.ValidAfter))
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(roles), &u.Roles); err != nil {
		return errRoles
	}
	return nil
}

// Bounds of what is kept.
const (
	maxText  = 255
	maxRoles = 1000
)

var (
	errValue = fmt.Errorf("sqlstore: an id and a canonical address have 1 to %d bytes, an address and a hash up to %d, in UTF-8 without NUL", maxText, maxText)
	errNames = fmt.Errorf("sqlstore: a user has up to %d roles of up to %d bytes, in UTF-8 without NUL", maxRoles, maxText)
	errRoles = errors.New("sqlstore: the roles of a user cannot be read")
)

// keeps reports whether every server keeps these as they are: PostgreSQL takes no
// NUL and only UTF-8, and the columns of MySQL have a length.
func keeps(values ...string) bool {
	for _, s := range values {
		if len(s) > maxText || !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
			return false
		}
	}
	return true
}

func encodeRoles(roles []string) (string, error) {
	if len(roles) > maxRoles || !keeps(roles...) {
		return "", errNames
	}
	if len(roles) == 0 {
		return "[]", nil
	}
	b, err := json.Marshal(roles)
	return string(b), err
}
