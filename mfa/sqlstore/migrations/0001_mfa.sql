-- All that a subject has for good is one row, so that each change of it is one
-- statement: the factor, unless its id is empty, and the recovery codes. Of those
-- each is 48 bytes: its hash, and the call that has used it or zeros.
--
-- Subjects, names and sealed text are kept as bytes, for a subject may be any.
CREATE TABLE {mfa_factors} (
	subject      {BYTES 255} NOT NULL PRIMARY KEY,
	id           {TEXT 22} NOT NULL,
	sealed       {BYTES 255} NOT NULL,
	step         {INT} NOT NULL,
	call_id      {BYTES 16} NOT NULL,
	confirmed_at {TIME} NOT NULL,
	codes        {BYTES} NOT NULL
) {OPTIONS};

CREATE TABLE {mfa_enrolments} (
	subject    {BYTES 255} NOT NULL PRIMARY KEY,
	id         {TEXT 22} NOT NULL,
	sealed     {BYTES 255} NOT NULL,
	login      {BYTES 32} NOT NULL,
	expires_at {TIME} NOT NULL
) {OPTIONS};

CREATE INDEX {INDEX mfa_enrolments_expiry} ON {mfa_enrolments} (expires_at);

-- A challenge that was claimed keeps its row until it expires, with the call.
-- No two of a bucket that wait have the same opened_at.
CREATE TABLE {mfa_challenges} (
	bucket     {BYTES 16} NOT NULL,
	slot       {BYTES 32} NOT NULL,
	sealed     {BYTES} NOT NULL,
	attempts   {INT} NOT NULL,
	claim      {BYTES 16} NOT NULL,
	opened_at  {TIME} NOT NULL,
	expires_at {TIME} NOT NULL,
	PRIMARY KEY (bucket, slot)
) {OPTIONS};

CREATE INDEX {INDEX mfa_challenges_expiry} ON {mfa_challenges} (expires_at);

-- No two of a subject have the same added_at. It may be later than created_at: it
-- does not go back with the clock.
CREATE TABLE {mfa_devices} (
	subject    {BYTES 255} NOT NULL,
	hash       {BYTES 32} NOT NULL,
	id         {TEXT 22} NOT NULL,
	name       {BYTES 255} NOT NULL,
	created_at {TIME} NOT NULL,
	added_at   {TIME} NOT NULL,
	expires_at {TIME} NOT NULL,
	PRIMARY KEY (subject, hash)
) {OPTIONS};

CREATE INDEX {INDEX mfa_devices_expiry} ON {mfa_devices} (expires_at);

-- What those who add a challenge or a device of one subject wait for each other at.
-- Rows come when they are needed, and there are no more than 1024.
CREATE TABLE {mfa_locks} (
	stripe {INT} NOT NULL PRIMARY KEY
) {OPTIONS};
