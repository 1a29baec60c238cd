-- A row keeps its primary key for life, so that a server that locks rows one by
-- one finds it where it was: no rotation gets out of the way of a revocation.
CREATE TABLE {families} (
	bucket     {BYTES 16} NOT NULL,
	slot       {BYTES 16} NOT NULL,
	counter    {INT} NOT NULL,
	ended      {INT} NOT NULL,
	created_at {TIME} NOT NULL,
	used_at    {TIME} NOT NULL,
	expires_at {TIME} NOT NULL,
	deadline   {TIME} NOT NULL,
	calls      {BYTES 32} NOT NULL,
	data       {BYTES} NOT NULL,
	PRIMARY KEY (bucket, slot)
) {OPTIONS};

CREATE INDEX {INDEX families_expiry} ON {families} (expires_at);
