-- Rollups by more dimensions, with more kinds of tokens.  What was there had
-- too little to tell them by: it is made again from the log, as after a loss.
DROP TABLE dims;
DROP TABLE usage_minute;
DROP TABLE usage_hour;
DELETE FROM paths;
DELETE FROM calls_minute;
DELETE FROM calls_hour;
DELETE FROM balances;
DELETE FROM refusals;
DELETE FROM blocks;
DELETE FROM suspense;
DELETE FROM incidents;
DELETE FROM configs;
DELETE FROM journal_cursor;
DELETE FROM meta WHERE name IN ('applied', 'replay', 'block');

-- price: of the row it was sold by; 0: none.  step: of its steps, from 1; 0:
-- below them.  agreement: hash of its id; 0: none; percent (10^-6) and
-- per_token (pico) are its discount then.  flag: b booked, e estimated,
-- u unknown.  late: the hour (since 1970) of the request that a
-- correction in a later month is about; 0: no such.  tags: ids of subjects,
-- rising, "3,17".
CREATE TABLE dims (
	id INTEGER PRIMARY KEY,
	price INTEGER NOT NULL,
	step INTEGER NOT NULL,
	agreement INTEGER NOT NULL,
	percent INTEGER NOT NULL,
	per_token INTEGER NOT NULL,
	flag TEXT NOT NULL,
	late INTEGER NOT NULL,
	model TEXT NOT NULL,
	provider TEXT NOT NULL,
	publisher TEXT NOT NULL,
	deployment TEXT NOT NULL,
	region TEXT NOT NULL,
	tier TEXT NOT NULL,
	type TEXT NOT NULL,
	zone TEXT NOT NULL,
	name TEXT NOT NULL,
	tags TEXT NOT NULL,
	UNIQUE (deployment, price, step, agreement, percent, per_token, flag, late, tags, model,
	    provider, publisher, region, tier, type, zone, name)
) STRICT;

-- Attempts that were sent and are not void, by the time of their request;
-- corrections in a later month by their own.  audio_sold and image_sold: the
-- input that was priced as that, which a cache may have taken a part of.
CREATE TABLE usage_minute (
	minute INTEGER NOT NULL,
	key INTEGER NOT NULL,
	dim INTEGER NOT NULL,
	attempts INTEGER NOT NULL,
	input INTEGER NOT NULL,
	cached INTEGER NOT NULL,
	cache_write INTEGER NOT NULL,
	cache_write_1h INTEGER NOT NULL,
	audio_input INTEGER NOT NULL,
	image_input INTEGER NOT NULL,
	output INTEGER NOT NULL,
	reasoning INTEGER NOT NULL,
	audio_output INTEGER NOT NULL,
	image_output INTEGER NOT NULL,
	audio_sold INTEGER NOT NULL,
	image_sold INTEGER NOT NULL,
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
	cache_write_1h INTEGER NOT NULL,
	audio_input INTEGER NOT NULL,
	image_input INTEGER NOT NULL,
	output INTEGER NOT NULL,
	reasoning INTEGER NOT NULL,
	audio_output INTEGER NOT NULL,
	image_output INTEGER NOT NULL,
	audio_sold INTEGER NOT NULL,
	image_sold INTEGER NOT NULL,
	list INTEGER NOT NULL,
	contracted INTEGER NOT NULL,
	effective INTEGER NOT NULL,
	PRIMARY KEY (hour, key, dim)
) STRICT, WITHOUT ROWID;
