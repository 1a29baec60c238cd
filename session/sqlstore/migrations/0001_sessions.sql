-- A row keeps its primary key for life, whatever the id of its session becomes:
-- a server that locks rows one by one finds it where it was, so that no renewal
-- gets out of the way of a revocation. In InnoDB, where a table is sorted by its
-- primary key, an update of the key would be a row that goes and another that
-- comes, perhaps where the revocation has been already.
CREATE TABLE {sessions} (
	bucket      {BYTES 12} NOT NULL,
	slot        {BYTES 8} NOT NULL,
	id          {BYTES 32} NOT NULL,
	public_hash {BYTES 16} NOT NULL,
	created_at  {TIME} NOT NULL,
	seen_at     {TIME} NOT NULL,
	expires_at  {TIME} NOT NULL,
	writes      {INT} NOT NULL,
	data        {BYTES} NOT NULL,
	PRIMARY KEY (bucket, slot)
) {OPTIONS};

CREATE UNIQUE INDEX {INDEX sessions_id} ON {sessions} (id);

CREATE INDEX {INDEX sessions_expiry} ON {sessions} (expires_at);

-- What sign-ins of one user wait for each other at. Rows come when they are
-- needed, and there are no more than 1024.
CREATE TABLE {session_locks} (
	stripe {INT} NOT NULL PRIMARY KEY
) {OPTIONS};
