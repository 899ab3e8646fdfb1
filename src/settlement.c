/*
 * settlement.c: the proof that every payment of a statement has its row.
 *
 * The digests are not cryptographic: whoever can put a trigger on the journal
 * can do worse.  They show accidents, and what a trigger does to rows.
 */
#include "settlement.h"

#include "access/heaptoast.h"
#include "access/htup_details.h"
#include "common/hashfn.h"
#include "utils/memutils.h"

#include "errcodes.h"

/* The lowest bit of a digest tells what it was taken of. */
#define OF_COLUMNS UINT64CONST(1)

/* Digest of a row as it lies on its page, but for the fields that insertion and later readers fill in. */
static uint64
digest_bytes(HeapTuple row)
{
	const uint32 skip = offsetof(HeapTupleHeaderData, t_bits);

	return hash_bytes_extended((const unsigned char *) row->t_data + skip, (int) (row->t_len - skip), 0) & ~OF_COLUMNS;
}

/* Digest of a payment by its columns, for rows whose long values may be compressed or moved out of line. */
static uint64
digest_columns(const DcepTransfer *transfer)
{
	return dcep_transfer_digest(transfer) | OF_COLUMNS;
}

/* Notes a payment whose row is about to be inserted. */
void
dcep_settlement_note(DcepSettlement *settlement, MemoryContext context, const DcepTransfer *transfer, HeapTuple row)
{
	bool may_be_toasted = row->t_len > TOAST_TUPLE_THRESHOLD;

	if (settlement->count == settlement->room)
	{
		settlement->room = Max(8, settlement->room * 2);
		settlement->executed = settlement->executed
								   ? repalloc_huge(settlement->executed, settlement->room * sizeof(DcepExecuted))
								   : MemoryContextAlloc(context, settlement->room * sizeof(DcepExecuted));
	}
	settlement->executed[settlement->count++] =
		(DcepExecuted){transfer->context.id, may_be_toasted ? digest_columns(transfer) : digest_bytes(row)};
}

/* Is the row in the journal's slot what was signed? */
static bool
is_unchanged(const DcepExecuted *executed, const DcepConfig *config, DcepJournal *journal)
{
	DcepTransfer transfer;

	if ((executed->digest & OF_COLUMNS) == 0)
		return digest_bytes(ExecFetchSlotHeapTuple(journal->transfers->slot, false, NULL)) == executed->digest;
	dcep_journal_read(config, journal, &transfer);
	return digest_columns(&transfer) == executed->digest;
}

/* Finds the row of one payment. It is our own row: no snapshot decides. */
static void
prove_one(const DcepExecuted *executed, const DcepConfig *config, DcepJournal *journal, DcepTrail *trail)
{
	if (!dcep_trail_find(journal->transfers, DCEP_TRANSFER_PKEY, trail, executed->id))
		ereport(ERROR, (errcode(ERRCODE_DCEP_CHAIN_BROKEN),
						errmsg("a payment was executed but its row did not enter the journal"),
						errdetail("Transfer " INT64_FORMAT ".", executed->id),
						errhint("A trigger or a rule on dcep.transfer dropped the row. Nothing has been paid.")));
	if (!is_unchanged(executed, config, journal))
		ereport(ERROR, (errcode(ERRCODE_DCEP_CHAIN_BROKEN), errmsg("a payment's row was changed after it was signed"),
						errdetail("Transfer " INT64_FORMAT ".", executed->id),
						errhint("A trigger on dcep.transfer changed the row. Nothing has been paid.")));
}

/* Finds all of them in the journal. */
void
dcep_settlement_prove(const DcepSettlement *settlement, const DcepConfig *config, DcepJournal *journal)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "dcep settlement", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(scratch);
	DcepTrail trail = {InvalidBuffer, FirstOffsetNumber};

	for (int64 i = 0; i < settlement->count; i++)
	{
		prove_one(&settlement->executed[i], config, journal, &trail);
		MemoryContextReset(scratch);
	}
	dcep_trail_end(&trail);
	dcep_journal_release(journal);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
}
