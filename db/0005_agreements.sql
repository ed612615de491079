-- What agreements with providers promise: accounts that are no budgets.  What
-- was burned down or has accrued stands in balances, window 1.
CREATE TABLE pledges (
	account INTEGER PRIMARY KEY,
	kind INTEGER NOT NULL,     -- 1 commitment, 2 revenue share
	agreement INTEGER NOT NULL,
	name TEXT NOT NULL,        -- of the agreement
	partner TEXT NOT NULL,     -- of a share
	amount INTEGER NOT NULL,   -- committed, or the cap
	from_ns INTEGER NOT NULL,
	to_ns INTEGER NOT NULL,    -- 0: without an end
	created_ns INTEGER NOT NULL
) STRICT;
