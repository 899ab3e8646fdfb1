/*
 * fate.c: what became of a coin.
 *
 * Invariant: of a wallet's chain the rows from `first` to `next` - 1 have been
 * read, and all that they consumed is in the table.
 */
#include "fate.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "holding.h"

/* How much of a wallet's chain has been read. */
typedef struct ReadChain
{
	int64 wallet;
	int64 first;
	int64 next;
} ReadChain;

/* Which transfer consumed a coin. */
typedef struct Consumption
{
	int64 coin;
	int64 transfer;
} Consumption;

struct DcepFates
{
	const DcepConfig *config;
	Snapshot snapshot;
	MemoryContext context; /* in which scans live */
	MemoryContext scratch; /* for one row */
	DcepJournal journal;
	DcepTable *coins;
	HTAB *chains;
	HTAB *consumptions;
};

/* Opens the fates. */
DcepFates *
dcep_fates_open(const DcepConfig *config, Snapshot snapshot)
{
	DcepFates *fates = palloc0(sizeof(DcepFates));

	fates->config = config;
	fates->snapshot = snapshot;
	fates->context = CurrentMemoryContext;
	fates->scratch = AllocSetContextCreate(CurrentMemoryContext, "dcep fates", ALLOCSET_DEFAULT_SIZES);
	dcep_journal_open(&fates->journal, false);
	fates->coins = dcep_table_open(DCEP_COIN, NULL);
	fates->chains = dcep_idtable_create("dcep chains", sizeof(ReadChain));
	fates->consumptions = dcep_idtable_create("dcep consumptions", sizeof(Consumption));
	return fates;
}

/* Closes them. */
void
dcep_fates_close(DcepFates *fates)
{
	hash_destroy(fates->consumptions);
	hash_destroy(fates->chains);
	dcep_table_close(fates->coins);
	dcep_journal_close(&fates->journal);
	MemoryContextDelete(fates->scratch);
	pfree(fates);
}

/* Notes what the row in the slot consumed; is the wanted coin among it? */
static bool
note_row(DcepFates *fates, int64 wanted, int64 *seq)
{
	MemoryContext caller = MemoryContextSwitchTo(fates->scratch);
	DcepTransfer transfer;
	bool found = false;

	dcep_journal_read(fates->config, &fates->journal, &transfer);
	for (uint32 i = 0; i < transfer.context.input_count; i++)
	{
		int64 coin = transfer.context.inputs[i];
		Consumption *consumption = hash_search(fates->consumptions, &coin, HASH_ENTER, NULL);

		consumption->transfer = transfer.context.id;
		found |= coin == wanted;
	}
	*seq = transfer.context.seq;
	MemoryContextSwitchTo(caller);
	MemoryContextReset(fates->scratch);
	return found;
}

/* Reads a chain up to a row, or up to the one that consumed the wanted coin. Returns which row is to be read next. */
static int64
read_chain(DcepFates *fates, int64 wallet, int64 from, int64 before, int64 wanted)
{
	MemoryContext caller = MemoryContextSwitchTo(fates->context);
	ScanKeyData keys[3];
	DcepScan scan;
	int64 next = from;

	dcep_key_number(&keys[0], 1, wallet);
	dcep_key_bound(&keys[1], 2, BTGreaterEqualStrategyNumber, from);
	dcep_key_bound(&keys[2], 2, BTLessStrategyNumber, before);
	scan = dcep_scan_begin(fates->journal.transfers, DCEP_TRANSFER_PAYER_SEQ, fates->snapshot, keys, lengthof(keys));
	while (dcep_scan_next(&scan, ForwardScanDirection))
	{
		int64 seq;
		bool found = note_row(fates, wanted, &seq);

		CHECK_FOR_INTERRUPTS();
		next = seq + 1;
		if (found)
			break;
	}
	dcep_scan_end(&scan);
	MemoryContextSwitchTo(caller);
	return next;
}

/* The transfer that consumed a coin, by what has been read; 0 where it is not known. */
static int64
look_up(DcepFates *fates, int64 coin)
{
	const Consumption *consumption = hash_search(fates->consumptions, &coin, HASH_FIND, NULL);

	return consumption ? consumption->transfer : 0;
}

/* Reads on in the owner's chain until the coin turns up. */
static void
search_chain(DcepFates *fates, int64 coin, int64 owner, int64 first_seq)
{
	bool known;
	ReadChain *chain = hash_search(fates->chains, &owner, HASH_ENTER, &known);

	if (!known)
		chain->first = chain->next = first_seq;
	if (first_seq < chain->first)
	{
		read_chain(fates, owner, first_seq, chain->first, 0);
		chain->first = first_seq;
		if (look_up(fates, coin))
			return;
	}
	chain->next = read_chain(fates, owner, chain->next, PG_INT64_MAX, coin);
}

/* What became of a coin. */
DcepFate
dcep_fates_find(DcepFates *fates, int64 coin, int64 owner, int64 amount, int64 first_seq, int64 *consumer)
{
	*consumer = look_up(fates, coin);
	if (*consumer)
		return DCEP_FATE_CONSUMED;
	if (!dcep_config_is_here(fates->config, owner))
		return DCEP_FATE_ELSEWHERE;
	if (dcep_holding_has(fates->coins, fates->snapshot, owner, amount, coin))
		return DCEP_FATE_LIVE;
	search_chain(fates, coin, owner, first_seq);
	*consumer = look_up(fates, coin);
	return *consumer ? DCEP_FATE_CONSUMED : DCEP_FATE_LOST;
}
