package sqldb

import (
	"errors"
	"strings"
)

func postgresqlVerdict(err error) (code string, class error) {
	var state interface {
		error
		SQLState() string
	}
	if !errors.As(err, &state) {
		return "", nil
	}
	code = state.SQLState()
	switch code {
	case "23505":
		return code, ErrDuplicate
	case "40001", "40P01", "55P03":
		return code, ErrConflict
	case "25006":
		return code, ErrReadOnly
	case "42P01":
		return code, ErrNoTable
	case "53300", "57P01", "57P02", "57P03", "57P05", "25P03":
		return code, ErrUnavailable
	}
	if strings.HasPrefix(code, "08") {
		return code, ErrUnavailable
	}
	return code, nil
}
