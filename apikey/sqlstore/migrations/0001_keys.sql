CREATE TABLE {api_keys} (
	id         {TEXT 255} NOT NULL PRIMARY KEY,
	subject    {TEXT 255} NOT NULL,
	hash       {BYTES 32} NOT NULL,
	created_at {TIME} NOT NULL,
	expires_at {TIME} NOT NULL,
	revoked_at {TIME} NOT NULL,
	forget_at  {TIME} NOT NULL,
	successor  {TEXT 255} NOT NULL,
	used_at    {TIME} NOT NULL,
	used_from  {TEXT 64} NOT NULL,
	data       {TEXT} NOT NULL
) {OPTIONS};

CREATE INDEX {INDEX api_keys_subject} ON {api_keys} (subject);

CREATE INDEX {INDEX api_keys_forget} ON {api_keys} (forget_at);

-- Rows to be locked by whoever issues keys, so that what is counted does not change.
-- There are never more than 3,844.
CREATE TABLE {api_key_locks} (
	slot {TEXT 8} NOT NULL PRIMARY KEY
) {OPTIONS};
