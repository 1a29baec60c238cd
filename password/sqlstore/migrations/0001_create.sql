CREATE TABLE {users} (
	id          {TEXT 255} NOT NULL PRIMARY KEY,
	email       {TEXT 255} NOT NULL,
	canonical   {TEXT 255} NOT NULL,
	verified    {BOOL} NOT NULL,
	disabled    {BOOL} NOT NULL,
	hash        {TEXT 255} NOT NULL,
	roles       {TEXT} NOT NULL,
	created_at  {TIME} NOT NULL,
	valid_after {TIME} NOT NULL,
	writes      {INT} NOT NULL
) {OPTIONS};

-- What decides that two accounts never share an address.
CREATE UNIQUE INDEX {INDEX users_canonical} ON {users} (canonical);

-- One row for each user and purpose: a new token takes the place of the one
-- before. The hash is not unique by an index, but by what it is; MySQL would take
-- any unique key for the reason to replace a row.
CREATE TABLE {user_tokens} (
	subject    {TEXT 255} NOT NULL,
	purpose    {TEXT 64} NOT NULL,
	hash       {BYTES 32} NOT NULL,
	binding    {TEXT} NOT NULL,
	created_at {TIME} NOT NULL,
	expires_at {TIME} NOT NULL,
	PRIMARY KEY (subject, purpose)
) {OPTIONS};

CREATE INDEX {INDEX user_tokens_hash} ON {user_tokens} (hash);

CREATE INDEX {INDEX user_tokens_expiry} ON {user_tokens} (expires_at);
