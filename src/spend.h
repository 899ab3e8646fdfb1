/*
 * spend.h: which coins a payment consumes.
 *
 * First the coins that the same statement minted for the payer, newest first:
 * they cost no reading, no verification and no writing.  Then, of the coins in
 * dcep.coin, the smallest that covers the rest alone; where none does, the
 * largest ones in turn.  So a payment consumes few coins, and a payroll of any
 * length spends one change coin after the other.
 *
 * What a statement has deleted its later payments still meet in the index.  A
 * wallet of many coins that pays many times would pass over more and more of
 * them; so a purse remembers two edges: beyond `low` and beyond `high` nothing
 * is left of what was there.  What others have credited since may lie there, and
 * is looked for before a payment is refused.
 */
#ifndef DCEP_SPEND_H
#define DCEP_SPEND_H

#include "statement.h"

/* Most coins that one payment may consume. */
#define DCEP_INPUTS_MAX 10000

/* A coin out of dcep.coin. */
typedef struct DcepStoredCoin
{
	int64 id;
	int64 amount;
	ItemPointerData tid;
} DcepStoredCoin;

/* Which coins out of dcep.coin were chosen. */
typedef enum DcepChoice
{
	DCEP_CHOICE_NONE,
	DCEP_CHOICE_FITTING, /* the smallest that covers what was missing */
	DCEP_CHOICE_LARGEST,
	DCEP_CHOICE_SMALLEST
} DcepChoice;

typedef struct DcepSpend
{
	int minted_count; /* so many from the end of purse->minted */
	int stored_count;
	int stored_room;
	DcepStoredCoin *stored;
	DcepChoice choice;
	int64 fitted; /* the amount that the one stored coin fits */
	int64 total;
} DcepSpend;

/*
 * Chooses coins of a locked purse that cover an amount, and verifies those that
 * come from disk; coins that orders freeze at this time are passed over. Refuses
 * with LG207, LG301, LG101-103 or 54000. Changes nothing.
 */
extern bool dcep_spend_select(DcepStatement *statement, const DcepConfig *config, DcepPurse *purse, int64 amount,
							  TimestampTz now, Snapshot snapshot, DcepSpend *spend, DcepRefusal *refusal);

/*
 * Does a purse keep what orders hold of its money, if it pays this (LG207)? Coins
 * that orders freeze are no part of what it is held of. Locked, or looked at.
 */
extern bool dcep_spend_keeps_hold(DcepStatement *statement, const DcepOrder *order, DcepPurse *payer, TimestampTz now,
								  Snapshot snapshot, DcepRefusal *refusal);

/* Do a purse's coins cover an amount, as far as the snapshot and the statement show? The purse need not be locked. */
extern bool dcep_spend_covers(DcepStatement *statement, const DcepPurse *purse, int64 amount, Snapshot snapshot);

/*
 * Chooses the smallest coins of a locked purse for a consolidation, as many as
 * there are but at most `max`, and verifies them. Coins that the statement has
 * minted and not written yet are left alone.
 */
extern bool dcep_spend_smallest(DcepStatement *statement, const DcepConfig *config, DcepPurse *purse, int max,
								TimestampTz now, Snapshot snapshot, DcepSpend *spend, DcepRefusal *refusal);

/* Ids of the chosen coins, in the order of consumption; palloc'd. */
extern int64 *dcep_spend_inputs(const DcepPurse *purse, const DcepSpend *spend, uint32 *count);

/* Consumes them. */
extern void dcep_spend_consume(DcepStatement *statement, DcepPurse *purse, DcepSpend *spend);

#endif
