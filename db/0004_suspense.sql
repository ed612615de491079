-- Corrections of attempts whose request is over, in the log's order; number
-- is 1, 2, ... for each attempt.  Money as differences.
CREATE TABLE corrections (
	req BLOB NOT NULL,
	attempt INTEGER NOT NULL,
	number INTEGER NOT NULL,
	at_ns INTEGER NOT NULL,
	reason INTEGER NOT NULL,
	resolution INTEGER NOT NULL,
	list INTEGER NOT NULL,
	contracted INTEGER NOT NULL,
	effective INTEGER NOT NULL,
	PRIMARY KEY (req, attempt, number)
) STRICT, WITHOUT ROWID;

-- Why an attempt stands at its bound: the fault and status it ended with.
ALTER TABLE suspense ADD COLUMN fault TEXT NOT NULL DEFAULT '';
ALTER TABLE suspense ADD COLUMN status INTEGER NOT NULL DEFAULT 0;

-- What was asked with an idempotency key: method, path, caller; a digest of
-- the body.
ALTER TABLE idempotency ADD COLUMN asked BLOB NOT NULL DEFAULT x'';
