-- The id is the SHA-256 of issuer and subject: of one length, and the same for no two
-- keys, whatever a collation makes of the text.
CREATE TABLE {oauth_links} (
	id         {BYTES 32} NOT NULL PRIMARY KEY,
	issuer     {TEXT 255} NOT NULL,
	subject    {TEXT 255} NOT NULL,
	account    {TEXT 255} NOT NULL,
	provider   {TEXT 32} NOT NULL,
	label      {TEXT 255} NOT NULL,
	created_at {TIME} NOT NULL
) {OPTIONS};

CREATE INDEX {INDEX oauth_links_account} ON {oauth_links} (account);

-- A row for each user with links. It is locked while their number changes, for rows
-- that are not there yet cannot be.
CREATE TABLE {oauth_users} (
	account    {TEXT 255} NOT NULL PRIMARY KEY,
	changed_at {TIME} NOT NULL
) {OPTIONS};

CREATE TABLE {oauth_tokens} (
	id     {BYTES 32} NOT NULL PRIMARY KEY,
	sealed {BYTES} NOT NULL
) {OPTIONS};

CREATE TABLE {oauth_attempts} (
	id         {BYTES 32} NOT NULL PRIMARY KEY,
	used_by    {BYTES 16} NOT NULL,
	expires_at {TIME} NOT NULL
) {OPTIONS};

CREATE INDEX {INDEX oauth_attempts_expiry} ON {oauth_attempts} (expires_at);
