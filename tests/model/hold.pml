/*
 * hold.pml - holds, repair and replay as a model for spin
 *
 * The protocol of money-protocol.md 3, 5 and 7 without its code: WORKERS make
 * one attempt each on one account, each may die before any step; a recorder
 * drains the rings of the dead into the segment, resolves what was open, sets
 * its own column and frees the slot; it may die too, and a second one takes
 * over; the store applies the segment by cursor.  Memory is sequentially
 * consistent here: the explorer covers store buffers, decision 0001 the rest.
 *
 *	spin -a hold.pml && cc -O2 -DSAFETY -DCOLLAPSE -o pan pan.c && ./pan
 *
 * -DBUG_n plants an error that must be found: 1 no second look after the
 * mark, 2 the column goes down before the outcome, 3 repair adds, 4 repair
 * zeroes first, 5 repair does not look for what was repaired before,
 * 6 replay without a cursor, 7 marks are taken for settled money.
 */
#ifndef WORKERS
#define WORKERS 2
#endif
#define SLOTS (WORKERS + 2) /* two recorders, one after the other */
#ifndef DEATHS
#define DEATHS 2
#endif
#define LIMIT 10
#define NEED(i) ((i) == 2 -> 4 : 6)
#define COST(i) ((i) == 1 -> 2 : NEED(i))

mtype = { FREE, MARKING, OPEN, SENT, SETTLED };
mtype = { LIVE, DEAD, GONE };

/* Shared memory. */
short col[SLOTS];
bit tent[SLOTS];
byte held[SLOTS];
mtype step[WORKERS];
mtype state[SLOTS];
bit announced[WORKERS]; /* the record names a repair outcome */
byte ring[WORKERS];     /* frames published: intent, outcome */
byte tail[WORKERS];

/* Disk. */
byte seg[WORKERS];      /* frames of that ring in the segment */
byte repaired[WORKERS]; /* repair outcomes in the segment */
byte resolved[WORKERS]; /* outcomes in the segment, of whomever */
byte rcost[WORKERS];    /* cost by repair */
byte cursor[WORKERS];
byte applied;           /* the store's sum */

/* What nobody knows. */
bit admitted[WORKERS];
bit sent[WORKERS];
bit killed[SLOTS];
byte deaths; /* to come */
bit phantom;
bit twice;

#define OUTCOME(i) (ring[i] == 2 || resolved[i] > 0)
#define PAID(i) \
	(ring[i] == 2 -> COST(i) : (resolved[i] > 0 -> rcost[i] : 0))
#define OWED(i) \
	(OUTCOME(i) -> PAID(i) : \
	    (admitted[i] && !(killed[i] && !sent[i]) -> NEED(i) : 0))
#if WORKERS == 2
#define SUM(f) (f(0) + f(1))
#define COLUMNS (col[0] + col[1] + col[2] + col[3])
#define HELD (held[0] + held[1])
#define ALL_FREE (step[0] == FREE && step[1] == FREE)
#else
#define SUM(f) (f(0) + f(1) + f(2))
#define COLUMNS (col[0] + col[1] + col[2] + col[3] + col[4])
#define HELD (held[0] + held[1] + held[2])
#define ALL_FREE (step[0] == FREE && step[1] == FREE && step[2] == FREE)
#endif

/* Every other slot in turn, a step each. */
#define EACH_OTHER(what) \
	s = 0; \
	do \
	:: atomic { s < SLOTS -> if :: s != i -> what :: else -> skip fi; \
		s++; if :: s == i -> s++ :: else -> skip fi } \
	:: atomic { s >= SLOTS -> s = 0 } break \
	od

#define ADD sum = sum + col[s]
#define NOTE was[s] = col[s]; tentative = tentative || tent[s]
#define ASK_DEAD open = open || (was[s] != 0 && state[s] == DEAD)
#define COMPARE open = open || was[s] != col[s]

inline forget()
{
	sum = 0; h = 0; open = 0; tentative = 0; s = 0;
	was[0] = 0; was[1] = 0; was[2] = 0; was[3] = 0
#if WORKERS > 2
	; was[4] = 0
#endif
}

#if WORKERS == 2
#define WAS (was[0] + was[1] + was[2] + was[3])
#else
#define WAS (was[0] + was[1] + was[2] + was[3] + was[4])
#endif

proctype worker(byte i)
{
	byte s, was[SLOTS];
	short sum, h;
	bit open, tentative;

	{
		/* Who has to try again is as one who comes later: one try. */
		sum = col[i];
		EACH_OTHER(ADD);
		if
		:: sum + NEED(i) > LIMIT ->
			sum = 0;
			h = HELD;
			was[i] = col[i];
			EACH_OTHER(NOTE);
#ifdef BUG_7
			tentative = 0;
#endif
			EACH_OTHER(ASK_DEAD);
#ifdef BUG_7
			h = 0;
#else
			h = (HELD > h -> HELD : h);
#endif
			EACH_OTHER(COMPARE);
			atomic {
				phantom = phantom || (!open && !tentative &&
				    WAS - h + NEED(i) > LIMIT &&
				    SUM(PAID) + NEED(i) <= LIMIT);
				forget()
			}
			goto out
		:: else -> sum = 0
		fi;
		step[i] = MARKING;
		held[i] = NEED(i);
		d_step { col[i] = col[i] + NEED(i); tent[i] = 1 }
#ifndef BUG_1
		sum = col[i];
		EACH_OTHER(ADD);
#endif
		if
		:: atomic { sum <= LIMIT -> sum = 0 }
		:: else ->
			d_step {
				col[i] = col[i] - NEED(i);
				tent[i] = 0; sum = 0
			}
			held[i] = 0;
			step[i] = FREE;
			goto out
		fi;
		tent[i] = 0;
		step[i] = OPEN;
		admitted[i] = 1;
		ring[i] = 1;
		step[i] = SENT;
		sent[i] = 1;
#ifdef BUG_2
		col[i] = col[i] - NEED(i) + COST(i);
		ring[i] = 2;
		step[i] = SETTLED;
#else
		ring[i] = 2;
		step[i] = SETTLED;
		col[i] = col[i] - NEED(i) + COST(i);
#endif
		held[i] = 0;
		step[i] = FREE;
out:		skip
	} unless { atomic { killed[i] -> forget() } }
}

/* What the segment holds of all who do not live: no living worker's. */
#define BOOKED(i) \
	(state[i] == LIVE -> 0 : \
	    (seg[i] == 2 -> COST(i) : (resolved[i] > 0 -> rcost[i] : 0)))

inline drain(d)
{
	f = tail[d];
	do
	:: f < ring[d] ->
		f++;
		if
		:: f > seg[d] ->
			d_step {
				seg[d] = f;
				if
				:: f == 2 ->
					twice = twice || resolved[d] > 0;
					resolved[d]++
				:: else -> skip
				fi
			}
		:: else -> skip /* the segment has it */
		fi
	:: else -> break
	od;
	tail[d] = f
}

inline resolve(d)
{
	if
	:: (step[d] == OPEN || step[d] == SENT) && seg[d] == 1 ->
		if
#ifdef BUG_5
		:: false -> skip
#else
		:: announced[d] && repaired[d] > 0 -> skip
#endif
		:: else ->
			announced[d] = 1;
			d_step {
				twice = twice || resolved[d] > 0;
				rcost[d] = (step[d] == OPEN -> 0 : NEED(d));
				repaired[d]++;
				resolved[d]++
			}
		fi
	:: else -> skip
	fi
}

/* The store: a transaction moves the sum and the cursor. */
inline apply(d)
{
#ifdef BUG_6
	applied = applied + BOOKED(d);
	cursor[d] = 1
#else
	d_step {
		if
		:: cursor[d] == 0 ->
			applied = applied + BOOKED(d);
			cursor[d] = 1
		:: else -> skip
		fi
	}
#endif
}

inline repair(d)
{
	drain(d);
	resolve(d);
	apply(d);
#ifdef BUG_4
	col[d] = 0;
#endif
#ifdef BUG_3
	col[own] = col[own] + BOOKED(d);
#else
	col[own] = SUM(BOOKED);
#endif
	d_step { col[d] = 0; tent[d] = 0 }
	held[d] = 0;
	step[d] = FREE;
	d_step { state[d] = GONE; d = 0; f = 0 }
}

proctype recorder(byte own)
{
	byte d, f;

	{
end:		do
		:: atomic { state[0] == DEAD -> d = 0 } repair(d)
		:: atomic { state[1] == DEAD -> d = 1 } repair(d)
#if WORKERS > 2
		:: atomic { state[2] == DEAD -> d = 2 } repair(d)
#endif
		/* A dead recorder has a column only. */
		:: atomic { own > WORKERS && state[WORKERS] == DEAD }
			col[own] = SUM(BOOKED);
			col[WORKERS] = 0;
			state[WORKERS] = GONE
		od
	} unless { atomic { killed[own] -> d = 0; f = 0 } }
}

/* The supervisor: whom it finds dead it marks; it starts the successor. */
proctype fate(byte i)
{
end:	d_step { deaths > 0 -> deaths--; killed[i] = 1 }
	atomic {
		state[i] = DEAD;
		if
		:: i == WORKERS -> run recorder(WORKERS + 1)
		:: else -> skip
		fi
	}
}

#define SAFE \
	(SUM(OWED) <= LIMIT && COLUMNS >= SUM(OWED) && !phantom && !twice)

active proctype monitor()
{
end:	do
	:: atomic { !SAFE -> assert(SUM(OWED) <= LIMIT);
		assert(COLUMNS >= SUM(OWED));
		assert(!phantom);
		assert(!twice) }
	:: timeout ->
		assert(COLUMNS == SUM(OWED));
		assert(HELD == 0 && ALL_FREE);
		assert(applied == SUM(BOOKED));
		break
	od
}

init
{
	byte i;

	atomic {
		select(i : 0 .. DEATHS);
		deaths = i;
		for (i : 0 .. WORKERS - 1) {
			step[i] = FREE;
			run worker(i);
			run fate(i)
		}
		for (i : 0 .. SLOTS - 1) {
			state[i] = LIVE
		}
		run recorder(WORKERS);
		run fate(WORKERS)
	}
}
