package oidc

// GitLabIssuer is the issuer of gitlab.com.
const GitLabIssuer = "https://gitlab.com"

// NewGitLab returns GitLab as a Provider. Name is "gitlab" and Issuer GitLabIssuer if
// they are empty; the issuer of a GitLab of one's own is its address. GitLab reports
// an address as verified when the user has confirmed it there.
func NewGitLab(cfg Config) (*Provider, error) {
	return New(cfg.orElse("gitlab", GitLabIssuer))
}
