-- The store of a node: an index of its log, and the names of people's things.
-- All of it but names comes back from the log when it is lost.  64-bit ids
-- and positions are stored bit for bit as signed integers; money is in nano.

-- One row each: 'applied' (place in the log that everything here stands for),
-- 'replay' (where open requests begin), 'node', 'boot'.
CREATE TABLE meta (
	name TEXT PRIMARY KEY,
	value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE journal_cursor (
	node INTEGER NOT NULL,
	boot INTEGER NOT NULL,
	slot INTEGER NOT NULL,
	incarnation INTEGER NOT NULL,
	seq INTEGER NOT NULL,
	PRIMARY KEY (node, boot, slot, incarnation)
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
	id INTEGER PRIMARY KEY,
	granted INTEGER NOT NULL,
	unit INTEGER NOT NULL,
	zone TEXT NOT NULL,
	hard INTEGER NOT NULL,
	closed INTEGER NOT NULL,
	created_ns INTEGER NOT NULL
) STRICT;

-- live: what journals of living processes have settled in it.
CREATE TABLE balances (
	account INTEGER NOT NULL,
	window INTEGER NOT NULL,
	settled INTEGER NOT NULL,
	live BLOB NOT NULL,
	PRIMARY KEY (account, window)
) STRICT, WITHOUT ROWID;

CREATE TABLE keys (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL,
	team TEXT NOT NULL,
	team_id INTEGER NOT NULL,
	principal INTEGER NOT NULL,
	sha256 BLOB NOT NULL,
	models TEXT NOT NULL,
	model_ids BLOB NOT NULL,
	account INTEGER NOT NULL,
	expires_ns INTEGER NOT NULL,
	is_admin INTEGER NOT NULL,
	revoked INTEGER NOT NULL,
	salt BLOB NOT NULL,
	created_ns INTEGER NOT NULL
) STRICT;

CREATE TABLE idempotency (
	key TEXT PRIMARY KEY,
	answer TEXT NOT NULL,
	at_ns INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Generations of the configuration: where the log describes them.
CREATE TABLE configs (
	generation INTEGER PRIMARY KEY,
	at_ns INTEGER NOT NULL,
	payload BLOB NOT NULL
) STRICT;

-- What an attempt may be grouped by beside its key and time.
CREATE TABLE dims (
	id INTEGER PRIMARY KEY,
	model TEXT NOT NULL,
	provider TEXT NOT NULL,
	publisher TEXT NOT NULL,
	deployment TEXT NOT NULL,
	region TEXT NOT NULL,
	tier TEXT NOT NULL,
	UNIQUE (model, provider, publisher, deployment, region, tier)
) STRICT;

-- Attempts that were sent and are not void, by the time of their request.
CREATE TABLE usage_minute (
	minute INTEGER NOT NULL,
	key INTEGER NOT NULL,
	dim INTEGER NOT NULL,
	attempts INTEGER NOT NULL,
	input INTEGER NOT NULL,
	cached INTEGER NOT NULL,
	cache_write INTEGER NOT NULL,
	output INTEGER NOT NULL,
	reasoning INTEGER NOT NULL,
	list INTEGER NOT NULL,
	contracted INTEGER NOT NULL,
	effective INTEGER NOT NULL,
	PRIMARY KEY (minute, key, dim)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_hour (
	hour INTEGER NOT NULL,
	key INTEGER NOT NULL,
	dim INTEGER NOT NULL,
	attempts INTEGER NOT NULL,
	input INTEGER NOT NULL,
	cached INTEGER NOT NULL,
	cache_write INTEGER NOT NULL,
	output INTEGER NOT NULL,
	reasoning INTEGER NOT NULL,
	list INTEGER NOT NULL,
	contracted INTEGER NOT NULL,
	effective INTEGER NOT NULL,
	PRIMARY KEY (hour, key, dim)
) STRICT, WITHOUT ROWID;

-- Which attempts a call was made of: "dim:flag,dim:flag" in order of dim;
-- flag b (booked), e (estimated) or u (unknown).  Calls are counted by path,
-- so that one with two providers counts once for each and once in all.
CREATE TABLE paths (
	id INTEGER PRIMARY KEY,
	text TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE calls_minute (
	minute INTEGER NOT NULL,
	key INTEGER NOT NULL,
	path INTEGER NOT NULL,
	calls INTEGER NOT NULL,
	PRIMARY KEY (minute, key, path)
) STRICT, WITHOUT ROWID;

CREATE TABLE calls_hour (
	hour INTEGER NOT NULL,
	key INTEGER NOT NULL,
	path INTEGER NOT NULL,
	calls INTEGER NOT NULL,
	PRIMARY KEY (hour, key, path)
) STRICT, WITHOUT ROWID;

-- Refusals that were counted, not recorded singly.
CREATE TABLE refusals (
	minute INTEGER NOT NULL,
	who INTEGER NOT NULL,
	is_network INTEGER NOT NULL,
	fault TEXT NOT NULL,
	times INTEGER NOT NULL,
	PRIMARY KEY (minute, who, is_network, fault)
) STRICT, WITHOUT ROWID;

-- Where to look for a request: places in the log, times of requests (ms),
-- a filter over their ids.
CREATE TABLE blocks (
	start INTEGER PRIMARY KEY,
	stop INTEGER NOT NULL,
	first_ms INTEGER NOT NULL,
	last_ms INTEGER NOT NULL,
	filter BLOB NOT NULL
) STRICT;
CREATE INDEX blocks_by_time ON blocks (last_ms);

-- Attempts booked at their bound until somebody knows better.
CREATE TABLE suspense (
	req BLOB NOT NULL,
	attempt INTEGER NOT NULL,
	at_ns INTEGER NOT NULL,
	key INTEGER NOT NULL,
	dim INTEGER NOT NULL,
	amount INTEGER NOT NULL,
	by_recorder INTEGER NOT NULL,
	PRIMARY KEY (req, attempt)
) STRICT, WITHOUT ROWID;

CREATE TABLE incidents (
	place INTEGER PRIMARY KEY,
	at_ns INTEGER NOT NULL,
	code INTEGER NOT NULL,
	numbers TEXT NOT NULL
) STRICT;
