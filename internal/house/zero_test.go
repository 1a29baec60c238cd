package house

import (
	"go/ast"
	"strings"
	"testing"
)

// reviewed are the exported bool fields of configuration whose false is the safe
// side although their names do not begin with a word of warning, with the reason.
var reviewed = map[string]string{
	"apikey.Config.Bearer":                           "one more header, which is explicit too; a key in both is refused",
	"auth.Gate.Optional":                             "false requires a credential; a bad one is refused either way",
	"mfa/passkey.Config.AlwaysVerify":                "false asks a passkey beside a password for the user's presence; alone it always verifies",
	"oauth.Config.SwitchUser":                        "false refuses; true replaces the credential, and accounts are never merged",
	"oauth.GenericConfig.FormPost":                   "the answer comes by GET or by POST and is checked the same",
	"oauth.GenericConfig.FormTokens":                 "false takes JSON only",
	"oauth.GenericConfig.PromisesIssuer":             "the server has to send iss for it to be required; one that is sent is compared either way",
	"password.Argon2idConfig.NFKC":                   "false takes a password as it was received",
	"password.BcryptConfig.NFKC":                     "as for Argon2idConfig",
	"password.ScryptConfig.NFKC":                     "as for Argon2idConfig",
	"password/account.Config.TokenInFragment":        "the token is in the mail either way; false works without JavaScript",
	"password/account/smtpmailer.Config.ImplicitTLS": "TLS either way, from the first byte or by STARTTLS",
	"oauth/oidc.Config.FormPost":                     "the answer is bound to the browser either way",
	"oauth/oidc.GoogleConfig.Offline":                "more is asked of the user, and nothing is kept without oauth.Config.Tokens",
	"rbac.Guard.AuditGrants":                         "more events and no other decision",
	"rbac.Guard.Hide":                                "a refusal either way, as 404 or as 403",
}

// TestZeroIsSecure reads every exported struct that configures something and
// holds its bool fields to the rule that false is safe: a weakening says so in
// its name, so that a search for Insecure, Skip and FailOpen is an audit.
func TestZeroIsSecure(t *testing.T) {
	used := make(map[string]bool)
	for _, p := range packages(t) {
		if !p.public() {
			continue
		}
		_, files := parse(t, p)
		for _, f := range files {
			ast.Inspect(f, func(n ast.Node) bool {
				spec, ok := n.(*ast.TypeSpec)
				if !ok {
					return true
				}
				st, ok := spec.Type.(*ast.StructType)
				if !ok || !spec.Name.IsExported() || !configures(spec.Name.Name, st) {
					return true
				}
				for _, name := range boolFields(st) {
					full := p.short() + "." + spec.Name.Name + "." + name
					if _, ok := reviewed[full]; ok {
						used[full] = true
					} else if !warns(name) {
						t.Errorf("XCT-05 %s: what is unsafe about it? Name a weakening Insecure…, Skip… or FailOpen, or review it here", full)
					}
				}
				return true
			})
		}
	}
	for name := range reviewed {
		if !used[name] {
			t.Errorf("%s is reviewed but does not exist", name)
		}
	}
}

// configures reports whether a struct is configuration: by its name, or because
// it has an ErrorHandler or a clock to be set.
func configures(name string, st *ast.StructType) bool {
	if strings.HasSuffix(name, "Config") || strings.HasSuffix(name, "Policy") || strings.HasSuffix(name, "Params") {
		return true
	}
	for _, field := range st.Fields.List {
		for _, n := range field.Names {
			if n.Name == "ErrorHandler" || n.Name == "Now" || n.Name == "OnEvent" {
				return true
			}
		}
	}
	return false
}

func boolFields(st *ast.StructType) []string {
	var names []string
	for _, field := range st.Fields.List {
		if id, ok := field.Type.(*ast.Ident); !ok || id.Name != "bool" {
			continue
		}
		for _, n := range field.Names {
			if n.IsExported() {
				names = append(names, n.Name)
			}
		}
	}
	return names
}

func warns(name string) bool {
	return strings.HasPrefix(name, "Insecure") || strings.HasPrefix(name, "Skip") || strings.HasPrefix(name, "FailOpen")
}
