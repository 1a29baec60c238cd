package oidc

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Tenants of Microsoft that stand for many. Any other is the id of one.
const (
	// MicrosoftOrganizations: work and school accounts of every organization.
	MicrosoftOrganizations = "organizations"
	// MicrosoftConsumers: personal accounts.
	MicrosoftConsumers = "consumers"
	// MicrosoftCommon: both.
	MicrosoftCommon = "common"
)

const (
	microsoftAuthority = "https://login.microsoftonline.com"
	// microsoftPersonal is the tenant of all personal accounts.
	microsoftPersonal = "9188040d-6c67-4c5b-b112-36a304b66dad"
	tenantVariable    = "{tenantid}"
)

// MicrosoftConfig configures NewMicrosoft.
type MicrosoftConfig struct {
	// Config is that of a Provider. Name is "microsoft" if it is empty. Issuer must be
	// empty: it follows from Authority and Tenant.
	Config
	// Tenant is whose accounts may sign in: the id of a tenant, 36 characters in lower
	// case, or MicrosoftOrganizations, MicrosoftConsumers or MicrosoftCommon. It has no
	// default.
	Tenant string
	// Tenants narrows MicrosoftOrganizations and MicrosoftCommon down to these ids.
	// Empty: every organization of the world may sign in.
	Tenants []string
	// Authority is that of a national cloud. Empty: https://login.microsoftonline.com.
	Authority string
}

// NewMicrosoft returns Microsoft Entra ID (v2.0) as a Provider.
//
// An Identity never has a verified address: an administrator of any tenant can give
// an account any address, also one of yours (known as nOAuth).
//
// Where many tenants may sign in, each has an issuer of its own, which is
// Identity.Issuer, and the metadata has only a template for it. The issuer of a token
// must be the template with the tid of the token in it, and the key of the signature
// must be for that issuer.
func NewMicrosoft(cfg MicrosoftConfig) (*Provider, error) {
	authority := strings.TrimSuffix(cfg.Authority, "/")
	if authority == "" {
		authority = microsoftAuthority
	}
	if cfg.Issuer != "" {
		return nil, errors.New("oidc: MicrosoftConfig.Issuer must be empty: set Tenant")
	}
	tenants := slices.Clone(cfg.Tenants)
	for _, t := range tenants {
		if !isTenant(t) {
			return nil, fmt.Errorf("oidc: Tenants: %q is not the id of a tenant", t)
		}
	}
	s := special{mail: func(claims) bool { return false }}
	tenant := cfg.Tenant
	switch {
	case tenant == MicrosoftCommon || tenant == MicrosoftOrganizations:
		s.template = authority + "/" + tenantVariable + "/v2.0"
		s.check = func(c claims) error {
			tid, err := c.text("tid")
			switch {
			case err != nil:
				return err
			case tenant == MicrosoftOrganizations && tid == microsoftPersonal:
				return errors.New("the account is a personal one")
			case len(tenants) > 0 && !slices.Contains(tenants, tid):
				return errors.New("the account is of a tenant that may not sign in")
			}
			return nil
		}
	case len(tenants) > 0:
		return nil, errors.New("oidc: Tenants is for MicrosoftOrganizations and MicrosoftCommon")
	case tenant == MicrosoftConsumers:
		tenant = microsoftPersonal
	case !isTenant(tenant):
		return nil, fmt.Errorf("oidc: Tenant %q: use the id of a tenant, 36 characters in lower case, or one of organizations, consumers and common", tenant)
	}
	return newProvider(cfg.orElse("microsoft", authority+"/"+tenant+"/v2.0"), s)
}

// isTenant reports whether s is a GUID as Microsoft writes it.
func isTenant(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case (c < '0' || c > '9') && (c < 'a' || c > 'f'):
			return false
		}
	}
	return true
}

func ofTenant(template, tenant string) string {
	return strings.ReplaceAll(template, tenantVariable, tenant)
}
