/*
 * chain.c: dcep.verify_chain(), which walks hash chains and finds what was altered; and dcep.verify_chains_from().
 *
 * Chains are walked in the order of (payer, seq) beside dcep.wallet_chain in
 * the order of wallets, so that a chain whose rows are all gone is missed as
 * surely as one that lacks a row.  A chain that was cut short, with its head
 * set back to match, betrays itself by the coins of the missing transfers:
 * a coin that is alive, or was spent since, without a transfer that minted it.
 *
 * A chain can be walked from a row in its middle on.  Then the row before is
 * trusted; of those before that only what they consumed is looked at, as far
 * back as the coins go that the later ones consumed.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "access.h"
#include "errcodes.h"
#include "holding.h"
#include "idset.h"
#include "journal.h"
#include "types.h"

PG_FUNCTION_INFO_V1(dcep_verify_chain);
PG_FUNCTION_INFO_V1(dcep_verify_chains_from);

/* Columns of the result. */
enum
{
	DEFECT_NAME,
	DEFECT_WALLET,
	DEFECT_SEQ,
	DEFECT_TRANSFER,
	DEFECT_DETAIL,
	DEFECT_COLUMNS
};

/* A run of dcep.verify_chain(). */
typedef struct Walk
{
	const DcepConfig *config;
	ReturnSetInfo *result;
	Snapshot snapshot;
	bool signatures;
	int64 only;	  /* this wallet alone; 0: all */
	int64 before; /* its chain is walked from the row after this one on; 0: from the first */
	uint8 before_hash[DCEP_HASH_LEN];
	HTAB *consumed; /* what has been consumed in that walk; else NULL */
	int64 oldest;	/* transfer that minted one of these coins */
	DcepJournal journal;
	MemoryContext context; /* in which scans live */
	MemoryContext scratch; /* for one row */
	DcepIdSet *present;	   /* of all chains: ids of the transfers seen */
	DcepIdSet *minting;	   /* and of those whose coins were consumed */
	int64 wallet;		   /* the chain that is being walked; 0 before the first */
	int64 seq;			   /* of its row before this one */
	uint8 hash[DCEP_HASH_LEN];
} Walk;

/* --- defects ----------------------------------------------------------------- */

/* Reports a defect. Who may not see a wallet is told the transfer alone. */
static void
report(Walk *walk, const char *name, int64 wallet, int64 seq, int64 transfer, const char *detail)
{
	Datum values[DEFECT_COLUMNS];
	bool nulls[DEFECT_COLUMNS] = {false};

	values[DEFECT_NAME] = CStringGetTextDatum(name);
	values[DEFECT_WALLET] = WalletIdGetDatum(wallet);
	nulls[DEFECT_WALLET] = wallet <= 0 || !dcep_access_sees(dcep_wallet_institution(wallet));
	values[DEFECT_SEQ] = Int64GetDatum(seq);
	nulls[DEFECT_SEQ] = seq == 0;
	values[DEFECT_TRANSFER] = Int64GetDatum(transfer);
	nulls[DEFECT_TRANSFER] = transfer == 0;
	values[DEFECT_DETAIL] = CStringGetTextDatum(detail);
	tuplestore_putvalues(walk->result->setResult, walk->result->setDesc, values, nulls);
}

/* Reports a defect of a transfer. */
static void
report_transfer(Walk *walk, const DcepTransfer *transfer, const char *name, const char *detail)
{
	report(walk, name, transfer->context.payer, transfer->context.seq, transfer->context.id, detail);
}

/* --- one transfer ------------------------------------------------------------ */

/* Is the row what was hashed, and the hash what was signed? */
static void
check_content(Walk *walk, const DcepTransfer *transfer)
{
	DcepOpening opening;
	DcepRefusal refusal = {0};

	dcep_transfer_open(walk->config, transfer, &opening);
	if (memcmp(opening.transfer_hash, transfer->hash, DCEP_HASH_LEN) != 0)
		report_transfer(walk, transfer, "hash", "the row is not what was hashed: a column was changed");
	else if (walk->signatures && !dcep_transfer_verify(walk->config, &walk->journal, walk->snapshot, transfer,
													   DCEP_ANEW, &opening, &refusal))
		report_transfer(walk, transfer, "signature",
						psprintf("%s: %s", refusal.message, refusal.detail ? refusal.detail : ""));
}

/* Does the row follow the one before it? */
static void
check_link(Walk *walk, const DcepTransfer *transfer)
{
	const DcepContext *context = &transfer->context;

	if (context->seq != walk->seq + 1)
		report_transfer(walk, transfer, "gap",
						psprintf("the chain goes from " INT64_FORMAT " to " INT64_FORMAT, walk->seq, context->seq));
	if (memcmp(context->prev_hash, walk->hash, DCEP_HASH_LEN) != 0)
		report_transfer(walk, transfer, "link", "prev_hash is not the hash of the transfer before it");
	walk->seq = context->seq;
	memcpy(walk->hash, transfer->hash, DCEP_HASH_LEN);
}

/* Is there a transfer of this id? */
static bool
transfer_exists(Walk *walk, int64 id)
{
	DcepTable *table = dcep_table_open(DCEP_TRANSFER, NULL);
	bool found = dcep_table_find_number(table, DCEP_TRANSFER_PKEY, walk->snapshot, id);

	dcep_table_close(table);
	return found;
}

/* Were the consumed coins minted? Of all chains together this is asked when all transfers have been seen. */
static void
check_inputs(Walk *walk, const DcepTransfer *transfer)
{
	const DcepContext *context = &transfer->context;

	for (uint32 i = 0; i < context->input_count; i++)
		if (walk->only ? !transfer_exists(walk, context->inputs[i] >> 1)
					   : !dcep_idset_has(walk->present, context->inputs[i] >> 1))
			report_transfer(walk, transfer, "orphan",
							psprintf("consumed coin " INT64_FORMAT " was minted by no transfer", context->inputs[i]));
}

/* Which transfer consumed a coin. */
typedef struct Consumption
{
	int64 coin;
	int64 transfer;
} Consumption;

/* Notes what was consumed, where a walk that begins in the middle of a chain must know it. */
static void
note_consumed(Walk *walk, const DcepTransfer *transfer)
{
	const DcepContext *context = &transfer->context;

	for (uint32 i = 0; i < context->input_count; i++)
	{
		Consumption *consumption = hash_search(walk->consumed, &context->inputs[i], HASH_ENTER, NULL);

		consumption->transfer = context->id;
		walk->oldest = Min(walk->oldest, context->inputs[i] >> 1);
	}
}

/* Notes which transfers minted the consumed coins. */
static void
note_inputs(Walk *walk, const DcepTransfer *transfer)
{
	for (uint32 i = 0; i < transfer->context.input_count; i++)
		dcep_idset_add(walk->minting, transfer->context.inputs[i] >> 1);
}

/* --- chains ------------------------------------------------------------------ */

/* Ends the chain that is being walked: its last row must be the head on record. */
static void
check_head(Walk *walk, DcepTable *chain)
{
	bytea *head = DatumGetByteaPP(dcep_column(chain, 7));
	int64 wallet = DatumGetInt64(dcep_column(chain, 1));
	int64 seq = DatumGetInt64(dcep_column(chain, 2));

	if (seq != walk->seq)
		report(
			walk, "head", wallet, walk->seq, 0,
			psprintf("the chain on record has " INT64_FORMAT " transfers, the journal " INT64_FORMAT, seq, walk->seq));
	else if (VARSIZE_ANY_EXHDR(head) != DCEP_HASH_LEN || memcmp(VARDATA_ANY(head), walk->hash, DCEP_HASH_LEN) != 0)
		report(walk, "head", wallet, walk->seq, 0, "the head on record is not the hash of the last transfer");
}

/* Begins a chain. */
static void
begin_chain(Walk *walk, int64 wallet)
{
	walk->wallet = wallet;
	walk->seq = walk->before;
	memcpy(walk->hash, walk->before_hash, DCEP_HASH_LEN);
}

/* Moves a scan on to its next row. Scans remember things for later rows, so they never run in the scratch context. */
static bool
next_row(Walk *walk, DcepScan *scan)
{
	MemoryContext caller = MemoryContextSwitchTo(walk->context);
	bool found = dcep_scan_next(scan, ForwardScanDirection);

	MemoryContextSwitchTo(caller);
	CHECK_FOR_INTERRUPTS();
	return found;
}

/* Wallet of the next row of wallet_chain, or PG_INT64_MAX after the last. */
static int64
next_chain(Walk *walk, DcepScan *chains)
{
	return next_row(walk, chains) ? DatumGetInt64(dcep_column(chains->table, 1)) : PG_INT64_MAX;
}

/* Next row of the journal; its payer, or PG_INT64_MAX after the last. Unreadable rows are reported and passed over. */
static int64
next_transfer(Walk *walk, DcepScan *transfers, DcepTransfer *transfer)
{
	while (next_row(walk, transfers))
	{
		TupleTableSlot *slot = transfers->table->slot;
		const char *wrong;

		MemoryContextReset(walk->scratch);
		slot_getallattrs(slot);
		wrong = dcep_transfer_parse(walk->config, slot->tts_values, slot->tts_isnull, transfer);
		if (walk->present)
			dcep_idset_add(walk->present, DatumGetInt64(slot->tts_values[DCEP_TRANSFER_ID - 1]));
		if (wrong == NULL)
			return transfer->context.payer;
		report(walk, "damaged", DatumGetInt64(slot->tts_values[DCEP_TRANSFER_PAYER - 1]),
			   DatumGetInt64(slot->tts_values[DCEP_TRANSFER_SEQ - 1]),
			   DatumGetInt64(slot->tts_values[DCEP_TRANSFER_ID - 1]), wrong);
	}
	return PG_INT64_MAX;
}

/* Walks the journal and wallet_chain side by side, both in order of wallets. */
static void
merge_chains(Walk *walk, DcepScan *transfers, DcepScan *chains)
{
	DcepTransfer transfer = {0};
	int64 payer = next_transfer(walk, transfers, &transfer);
	int64 wallet = next_chain(walk, chains);

	while (payer != PG_INT64_MAX || wallet != PG_INT64_MAX)
	{
		int64 lowest = Min(payer, wallet);

		begin_chain(walk, lowest);
		while (payer == lowest)
		{
			check_content(walk, &transfer);
			check_link(walk, &transfer);
			if (walk->only)
				check_inputs(walk, &transfer);
			else
				note_inputs(walk, &transfer);
			if (walk->consumed)
				note_consumed(walk, &transfer);
			payer = next_transfer(walk, transfers, &transfer);
		}
		if (wallet == lowest)
		{
			check_head(walk, chains->table);
			wallet = next_chain(walk, chains);
		}
		else
			report(walk, "head", lowest, walk->seq, 0, "the payer has no row in dcep.wallet_chain");
	}
}

/* Opens both scans, of one wallet or of all, and walks. */
static void
walk_chains(Walk *walk)
{
	DcepTable *chain = dcep_table_open(DCEP_WALLET_CHAIN, NULL);
	ScanKeyData keys[2];
	int count = walk->only ? 1 : 0;
	DcepScan transfers;
	DcepScan chains;

	dcep_key_number(&keys[0], 1, walk->only);
	dcep_key_bound(&keys[1], 2, BTGreaterStrategyNumber, walk->before);
	transfers = dcep_scan_begin(walk->journal.transfers, DCEP_TRANSFER_PAYER_SEQ, walk->snapshot, keys,
								walk->before ? 2 : count);
	chains = dcep_scan_begin(chain, DCEP_WALLET_CHAIN_PKEY, walk->snapshot, keys, count);
	MemoryContextSwitchTo(walk->scratch);
	merge_chains(walk, &transfers, &chains);
	MemoryContextSwitchTo(walk->context);
	dcep_scan_end(&chains);
	dcep_scan_end(&transfers);
	dcep_table_close(chain);
}

/* --- chains from a row in their middle on ----------------------------------------- */

/* Had the row consumed what was consumed after it? */
static void
check_consumed_before(Walk *walk, const DcepTransfer *transfer)
{
	const DcepContext *context = &transfer->context;

	for (uint32 i = 0; i < context->input_count; i++)
	{
		const Consumption *again = hash_search(walk->consumed, &context->inputs[i], HASH_FIND, NULL);

		if (again)
			report(walk, "spent", context->payer, 0, again->transfer,
				   psprintf("consumed coin " INT64_FORMAT " was consumed by transfer " INT64_FORMAT " before",
							context->inputs[i], context->id));
	}
}

/* Goes back from the row before, as far as what was consumed since can have been consumed before. */
static void
look_back(Walk *walk)
{
	MemoryContext caller = MemoryContextSwitchTo(walk->context);
	TupleTableSlot *slot = walk->journal.transfers->slot;
	ScanKeyData keys[2];
	DcepScan scan;

	dcep_key_number(&keys[0], 1, walk->only);
	dcep_key_bound(&keys[1], 2, BTLessStrategyNumber, walk->before + 1);
	scan = dcep_scan_begin(walk->journal.transfers, DCEP_TRANSFER_PAYER_SEQ, walk->snapshot, keys, lengthof(keys));
	while (dcep_scan_next(&scan, BackwardScanDirection))
	{
		DcepTransfer transfer;

		CHECK_FOR_INTERRUPTS();
		slot_getallattrs(slot);
		if (DatumGetInt64(slot->tts_values[DCEP_TRANSFER_ID - 1]) <= walk->oldest)
			break;
		MemoryContextSwitchTo(walk->scratch);
		if (dcep_transfer_parse(walk->config, slot->tts_values, slot->tts_isnull, &transfer) == NULL)
			check_consumed_before(walk, &transfer);
		MemoryContextSwitchTo(walk->context);
		MemoryContextReset(walk->scratch);
	}
	dcep_scan_end(&scan);
	MemoryContextSwitchTo(caller);
}

/* Reads the hash of the row before. Where it is not there the walk begins with a gap. */
static void
read_before(Walk *walk, int64 wallet, int64 seq)
{
	DcepTable *table = dcep_table_open(DCEP_TRANSFER, NULL);
	ScanKeyData keys[2];

	walk->only = wallet;
	walk->before = 0;
	memset(walk->before_hash, 0, DCEP_HASH_LEN);
	dcep_key_number(&keys[0], 1, wallet);
	dcep_key_number(&keys[1], 2, seq);
	if (dcep_table_find(table, DCEP_TRANSFER_PAYER_SEQ, walk->snapshot, keys, lengthof(keys)) &&
		dcep_bytes_read(dcep_column(table, DCEP_TRANSFER_HASH), walk->before_hash, DCEP_HASH_LEN))
		walk->before = seq;
	dcep_table_close(table);
}

/* Walks one chain from a row on. */
static void
walk_from(Walk *walk, int64 wallet, int64 seq)
{
	read_before(walk, wallet, seq - 1);
	walk->consumed = dcep_idtable_create("dcep consumed coins", sizeof(Consumption));
	walk->oldest = PG_INT64_MAX;
	walk_chains(walk);
	if (walk->before > 0)
		look_back(walk);
	hash_destroy(walk->consumed);
}

/* --- coins without a transfer -------------------------------------------------- */

/* Of all chains: which consumed coins were minted by none of the transfers seen? */
static void
check_all_inputs(Walk *walk)
{
	DcepScan scan = dcep_scan_begin(walk->journal.transfers, DCEP_TRANSFER_PKEY, walk->snapshot, NULL, 0);
	TupleTableSlot *slot = walk->journal.transfers->slot;
	MemoryContext caller = MemoryContextSwitchTo(walk->scratch);

	while (next_row(walk, &scan))
	{
		DcepTransfer transfer;

		MemoryContextReset(walk->scratch);
		slot_getallattrs(slot);
		if (dcep_transfer_parse(walk->config, slot->tts_values, slot->tts_isnull, &transfer) == NULL)
			check_inputs(walk, &transfer);
	}
	MemoryContextSwitchTo(caller);
	dcep_scan_end(&scan);
}

/* Was every live coin minted? */
static void
check_coins(Walk *walk)
{
	DcepTable *table = dcep_table_open(DCEP_COIN, NULL);
	ScanKeyData key;
	DcepScan scan;

	dcep_key_number(&key, 1, walk->only);
	scan = dcep_scan_begin(table, DCEP_COIN_PKEY, walk->snapshot, &key, walk->only ? 1 : 0);
	while (next_row(walk, &scan))
	{
		int64 id = DatumGetInt64(dcep_column(table, DCEP_COIN_ID));

		if (walk->only ? !transfer_exists(walk, id >> 1) : !dcep_idset_has(walk->present, id >> 1))
			report(walk, "orphan", DatumGetInt64(dcep_column(table, DCEP_COIN_OWNER)), 0, id >> 1,
				   psprintf("live coin " INT64_FORMAT " was minted by no transfer", id));
	}
	dcep_scan_end(&scan);
	dcep_table_close(table);
}

/* Refuses callers who may not examine this. */
static void
require_examiner(int64 only)
{
	if (dcep_access_audits())
		return;
	if (only == 0)
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied to verify all chains"),
						errhint("Name a wallet of your own institution, or ask an auditor.")));
	dcep_access_require_wallet(only);
}

/* Opens what a walk needs. */
static void
open_walk(Walk *walk)
{
	walk->config = dcep_config_required();
	walk->snapshot = RegisterSnapshot(GetActiveSnapshot());
	dcep_journal_open(&walk->journal, true);
	walk->context = CurrentMemoryContext;
	walk->scratch = AllocSetContextCreate(CurrentMemoryContext, "dcep walk", ALLOCSET_DEFAULT_SIZES);
}

/* Closes it. */
static void
close_walk(Walk *walk)
{
	dcep_journal_close(&walk->journal);
	UnregisterSnapshot(walk->snapshot);
}

/* dcep.verify_chain(wallet, signatures) → one row a defect */
Datum
dcep_verify_chain(PG_FUNCTION_ARGS)
{
	Walk walk = {.only = PG_ARGISNULL(0) ? 0 : PG_GETARG_WALLET_ID(0),
				 .signatures = PG_ARGISNULL(1) || PG_GETARG_BOOL(1),
				 .result = (ReturnSetInfo *) fcinfo->resultinfo};

	require_examiner(walk.only);
	InitMaterializedSRF(fcinfo, 0);
	open_walk(&walk);
	walk.present = walk.only ? NULL : dcep_idset_create();
	walk.minting = walk.only ? NULL : dcep_idset_create();
	walk_chains(&walk);
	if (!walk.only && !dcep_idset_covers(walk.present, walk.minting))
		check_all_inputs(&walk);
	check_coins(&walk);
	close_walk(&walk);
	return (Datum) 0;
}

/* dcep.verify_chains_from(wallets, seqs) → one row a defect */
Datum
dcep_verify_chains_from(PG_FUNCTION_ARGS)
{
	Walk walk = {.signatures = true, .result = (ReturnSetInfo *) fcinfo->resultinfo};
	Datum *wallets;
	Datum *seqs;
	int count;
	int seq_count;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &wallets,
					  NULL, &count);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &seqs, NULL,
					  &seq_count);
	if (count != seq_count)
		elog(ERROR, "dcep.verify_chains_from() was called wrongly");
	InitMaterializedSRF(fcinfo, 0);
	open_walk(&walk);
	for (int i = 0; i < count; i++)
		walk_from(&walk, DatumGetInt64(wallets[i]), DatumGetInt64(seqs[i]));
	close_walk(&walk);
	return (Datum) 0;
}
