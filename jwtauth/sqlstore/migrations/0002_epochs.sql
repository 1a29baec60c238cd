-- The subject as its SHA-256: of one length, whatever the service calls its users.
CREATE TABLE {epochs} (
	subject    {BYTES 32} NOT NULL PRIMARY KEY,
	epoch      {TIME} NOT NULL,
	expires_at {TIME} NOT NULL
) {OPTIONS};

CREATE INDEX {INDEX epochs_expiry} ON {epochs} (expires_at);
