package password

import (
	_ "embed"
	"strings"
)

// common.txt is a list of passwords that attackers try first, at least 8 code
// points long, in the form of fold, one a line, sorted by bytes. Its sources and
// their licences are in common.LICENSE.
//
//go:embed common.txt
var commonPasswords string

// isCommon reports whether a folded password is on the list. It searches the
// embedded text as it lies in the program: nothing is built, nothing allocated.
func isCommon(folded string) bool {
	list := commonPasswords
	for lo, hi := 0, len(list); lo < hi; {
		mid := int(uint(lo+hi) >> 1)
		start := lo + strings.LastIndexByte(list[lo:mid], '\n') + 1
		end := start + strings.IndexByte(list[start:hi], '\n')
		switch line := list[start:end]; {
		case folded == line:
			return true
		case folded < line:
			hi = start
		default:
			lo = end + 1
		}
	}
	return false
}
