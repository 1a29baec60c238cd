-- What authenticators know a user by. Those who change the passkeys of one user wait
-- for each other at this row.
CREATE TABLE {passkey_users} (
	subject {BYTES 255} NOT NULL PRIMARY KEY,
	handle  {BYTES 64} NOT NULL
) {OPTIONS};

-- The id is the SHA-256 of credential_id, which may be too long for a key. Subjects
-- and names are kept as bytes, for a subject may be any. A last_used_at of 0: never.
CREATE TABLE {passkey_credentials} (
	id              {BYTES 32} NOT NULL PRIMARY KEY,
	subject         {BYTES 255} NOT NULL,
	handle          {BYTES 64} NOT NULL,
	credential_id   {BYTES 1023} NOT NULL,
	public_key      {BYTES 1024} NOT NULL,
	sign_count      {INT} NOT NULL,
	user_verified   {BOOL} NOT NULL,
	backup_eligible {BOOL} NOT NULL,
	backed_up       {BOOL} NOT NULL,
	aaguid          {BYTES 16} NOT NULL,
	transports      {BYTES 64} NOT NULL,
	name            {BYTES 100} NOT NULL,
	created_at      {TIME} NOT NULL,
	last_used_at    {TIME} NOT NULL
) {OPTIONS};

CREATE INDEX {INDEX passkey_credentials_subject} ON {passkey_credentials} (subject);

-- Challenges that were answered, and by which call.
CREATE TABLE {passkey_answers} (
	challenge  {BYTES 32} NOT NULL PRIMARY KEY,
	call_id    {BYTES 16} NOT NULL,
	expires_at {TIME} NOT NULL
) {OPTIONS};

CREATE INDEX {INDEX passkey_answers_expiry} ON {passkey_answers} (expires_at);
