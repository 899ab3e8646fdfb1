/*
 * tally.h: what was issued to each operator, and what it redeemed, over the transfers in the log.
 */
#ifndef DCEP_TALLY_H
#define DCEP_TALLY_H

#include "postgres.h"

#include "config.h"
#include "note.h"
#include "table.h"

typedef struct DcepSum
{
	int institution;
	int64 issued;
	int64 redeemed;
} DcepSum;

/* Begins as zeros. */
typedef struct DcepTally
{
	int count;
	DcepSum *sum; /* palloc'd */
} DcepTally;

/* Adds the transfer whose row is in the journal's slot. */
extern void dcep_tally_add(DcepTally *tally, const DcepConfig *config, DcepTable *journal);
/* The sum of an operator, zero where there was none. */
extern DcepSum *dcep_tally_of(DcepTally *tally, int institution);
/* Adds the sums to dcep.log_total; by whoever has the lock of the log. */
extern void dcep_tally_store(const DcepTally *tally, EState *estate, Snapshot snapshot);
/* Reads dcep.log_total. */
extern void dcep_tally_load(DcepTally *tally, Snapshot snapshot);
/* Reads what the lines of a checkpoint state of supply. Returns NULL, or what is wrong with them. */
extern const char *dcep_tally_parse(DcepTally *tally, DcepSpan lines);

#endif
