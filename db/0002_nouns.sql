-- Subjects, limits, and what budgets say beside their amount.

-- Keys are no rows here: they have a table of their own.  A name that a lost
-- store took with it is "#" and the id.
CREATE TABLE subjects (
	id INTEGER PRIMARY KEY,
	kind INTEGER NOT NULL, -- shm/shm.h: 1 org 2 team 3 project 4 user 5 service 7 tag
	name TEXT NOT NULL,
	parent INTEGER NOT NULL, -- 0: none
	salt BLOB NOT NULL,
	closed INTEGER NOT NULL,
	created_ns INTEGER NOT NULL
) STRICT;

-- Of a subject, or of the own subject of a key (the first of those that were
-- made in its place), or, in accounts, of neither: then it is no budget.
CREATE TABLE limits (
	id INTEGER PRIMARY KEY,
	subject INTEGER NOT NULL,
	of_key INTEGER NOT NULL,
	kind INTEGER NOT NULL,
	amount INTEGER NOT NULL,
	period_ns INTEGER NOT NULL,
	burst INTEGER NOT NULL, -- 0: the default
	closed INTEGER NOT NULL,
	version INTEGER NOT NULL,
	created_ns INTEGER NOT NULL
) STRICT;

ALTER TABLE accounts ADD COLUMN subject INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN of_key INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN mode INTEGER NOT NULL DEFAULT 0; -- journal/frame.h
ALTER TABLE accounts ADD COLUMN downgrade INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN clamp INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN admit_wait_ns INTEGER NOT NULL DEFAULT -1;
ALTER TABLE accounts ADD COLUMN version INTEGER NOT NULL DEFAULT 1;
-- Until now every account was the budget of the key of its number.
UPDATE accounts SET of_key = id;

ALTER TABLE keys ADD COLUMN org TEXT NOT NULL DEFAULT '';
ALTER TABLE keys ADD COLUMN project TEXT NOT NULL DEFAULT '';
ALTER TABLE keys ADD COLUMN principal_name TEXT NOT NULL DEFAULT '';
ALTER TABLE keys ADD COLUMN principal_kind TEXT NOT NULL DEFAULT ''; -- user, service
ALTER TABLE keys ADD COLUMN tags TEXT NOT NULL DEFAULT '[]'; -- JSON: ["k=v"]
ALTER TABLE keys ADD COLUMN subjects BLOB NOT NULL DEFAULT x''; -- ids, 8 bytes each
CREATE INDEX keys_by_principal ON keys (principal);
CREATE INDEX accounts_by_key ON accounts (of_key);

-- A budget passed 50, 80 or 100 % of its limit: once in a window.
CREATE TABLE alerts (
	account INTEGER NOT NULL,
	window INTEGER NOT NULL,
	threshold INTEGER NOT NULL, -- percent
	at_ns INTEGER NOT NULL,
	spent INTEGER NOT NULL,
	granted INTEGER NOT NULL,
	PRIMARY KEY (account, window, threshold)
) STRICT, WITHOUT ROWID;
CREATE INDEX alerts_by_time ON alerts (at_ns);
