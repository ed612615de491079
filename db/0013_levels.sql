-- Service levels, by the hour of the request: what came of attempts at each
-- deployment, and (deployment '') of requests as their callers saw them.
-- first and total: counts in buckets of time, 4 bytes each, little endian;
-- src/books/level.h says which.
CREATE TABLE levels (
	hour INTEGER NOT NULL,
	key INTEGER NOT NULL,
	deployment TEXT NOT NULL,
	tries INTEGER NOT NULL,
	failures INTEGER NOT NULL,
	first BLOB NOT NULL,
	total BLOB NOT NULL,
	PRIMARY KEY (hour, key, deployment)
) STRICT, WITHOUT ROWID;
