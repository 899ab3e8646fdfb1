/*
 * settlement.h: the proof that every payment of a statement has its row.
 *
 * A BEFORE ROW trigger moves coins before the executor inserts the row, which a
 * rule, another trigger or ON CONFLICT can still drop or change.  So a statement
 * notes what it has executed, and before it ends finds each of these rows in
 * the journal and compares every byte's digest.  16 bytes a payment are kept.
 */
#ifndef DCEP_SETTLEMENT_H
#define DCEP_SETTLEMENT_H

#include "postgres.h"

#include "access/htup.h"

#include "journal.h"

/* A payment that has been executed, and what its row must be. */
typedef struct DcepExecuted
{
	int64 id;
	uint64 digest;
} DcepExecuted;

typedef struct DcepSettlement
{
	int64 count;
	int64 room;
	DcepExecuted *executed;
} DcepSettlement;

/* Notes a payment whose row is about to be inserted; `context` lives as long as the settlement. */
extern void dcep_settlement_note(DcepSettlement *settlement, MemoryContext context, const DcepTransfer *transfer,
								 HeapTuple row);

/* Finds all of them in the journal, or raises LG402. */
extern void dcep_settlement_prove(const DcepSettlement *settlement, const DcepConfig *config, DcepJournal *journal);

#endif
