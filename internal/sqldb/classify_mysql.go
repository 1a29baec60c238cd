package sqldb

import (
	"fmt"
	"strings"
)

// mysqlVerdict reads the number in the text of an error whose type is named
// MySQLError: the type has it in a field, and no method for it.
func mysqlVerdict(err error) (code string, class error) {
	var text string
	invalid := false
	search(err, func(e error) bool {
		text = e.Error()
		if text == "invalid connection" {
			invalid = true
			return true
		}
		code = ""
		if strings.HasSuffix(fmt.Sprintf("%T", e), ".MySQLError") {
			code = mysqlNumber(text)
		}
		return code != ""
	})
	if invalid {
		return "", ErrUnavailable
	}
	switch code {
	case "1062", "1169", "1586":
		return code, ErrDuplicate
	case "1020", "1205", "1213", "3572":
		return code, ErrConflict
	case "1792", "1836":
		return code, ErrReadOnly
	case "1290":
		if strings.Contains(text, "read-only") || strings.Contains(text, "read_only") {
			return code, ErrReadOnly
		}
	case "1146":
		return code, ErrNoTable
	case "1040", "1047", "1053", "1077", "1079", "1152", "1158", "1159", "1160", "1161", "1184", "1203", "1927", "3032", "4031":
		return code, ErrUnavailable
	}
	return code, nil
}

// mysqlNumber takes 1213 from "Error 1213 (40001): …" and from "Error 1213: …".
func mysqlNumber(text string) string {
	rest, found := strings.CutPrefix(text, "Error ")
	if !found {
		return ""
	}
	n := 0
	for n < len(rest) && rest[n] >= '0' && rest[n] <= '9' {
		n++
	}
	if n == 0 || !strings.HasPrefix(rest[n:], ": ") && !strings.HasPrefix(rest[n:], " (") {
		return ""
	}
	return rest[:n]
}

// mysqlQuotesNothing lists the errors whose text holds names at most. The others
// may quote a value, as 1062 does, or a piece of a statement, with its values if
// the driver has put them in.
func mysqlQuotesNothing(code string) bool {
	switch code {
	case "1020", "1040", "1044", "1045", "1046", "1049", "1050", "1053", "1054", "1060", "1061", "1091", "1142", "1146", "1180",
		"1205", "1213", "1290", "1317", "1665", "1792", "1836", "1927":
		return true
	}
	return false
}

// mysqlAlreadyDone reports whether err says that the effect of a DDL statement is
// there already: a table, a column or an index that exists, or is gone.
func mysqlAlreadyDone(err error) bool {
	switch code, _ := mysqlVerdict(err); code {
	case "1050", "1060", "1061", "1091", "1051":
		return true
	}
	return false
}
