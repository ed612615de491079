-- What somebody compared and wants to see again: notes, not books.  body is
-- the console's own JSON and means nothing to anybody else.
CREATE TABLE comparisons (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	saved_ns INTEGER NOT NULL,
	body TEXT NOT NULL
) STRICT;
