/*
 * seal.c: dcep.seal(), which brings committed transfers into the Merkle log.
 *
 * Sealing reads what others have committed, after the fact; no payment knows of
 * it, and nothing in a payment waits.  The order of the log is the order of
 * sealing, and within one call that of the ids.
 *
 * Invariant: every committed transfer with an id up to the watermark is in the
 * log, and no transaction under way can bring another one.  Then what has to be
 * sealed is what a snapshot shows above the watermark, less what is in tiles
 * whose top is above it.
 *
 * The watermark goes to L, the last id given out, when all transactions have
 * ended that were paying when L was read.  A payment locks the journal and gets
 * its transaction id before it draws an id.  So whoever has drawn an id up to
 * L has a transaction id below X, the next one, read after L; and it holds its
 * lock on the journal until it has ended.  When among the holders none is below
 * X, all of these have ended, and a snapshot that is taken afterwards shows what
 * they have committed (a transaction leaves the list of those that are running
 * before it lets go of its locks).  Where some have not ended, L and X are kept
 * for the next call.
 *
 *   subtransactions  have no say: it is the transaction that ends, and its id
 *                    is the lowest of its family. One that is rolled back lets
 *                    go of the lock, but its rows are gone.
 *   prepared         transactions are holders, after a restart too
 *   the caller's own payments: the caller counts as a holder if it had an id
 *                    before; what it has paid is sealed and commits with the log
 *   crash, failover  all others have ended. L was read from a page whose WAL
 *                    comes before that of our commit, so that the sequence never
 *                    falls behind the watermark.
 *   dump, restore    state, tiles and journal are of one snapshot; transaction
 *                    ids of another cluster are not compared
 *   cached sequences give an id to a transaction that begins later: with a
 *                    cache the watermark stays
 *   replicas         get ids that no sequence here has given: refused
 *
 * Lock order: the row of dcep.log_state, then nothing that waits.
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_control.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "argument.h"
#include "compat.h"
#include "journal.h"
#include "log.h"
#include "tally.h"

PG_FUNCTION_INFO_V1(dcep_seal);

/* The tile of a level that grows. */
typedef struct Growing
{
	DcepTile tile;
	ItemPointerData tid; /* of its row; invalid where it has none yet */
	bool has_changed;
} Growing;

/* One call. */
typedef struct Sealing
{
	const DcepConfig *config;
	EState *estate;
	DcepTable *states;
	DcepTable *tiles;
	DcepLog log; /* as the snapshot has it */
	DcepLogState state;
	ItemPointerData state_tid;
	Snapshot snapshot;
	DcepTally tally;
	Growing level[DCEP_TILE_LEVELS];
	int64 top;	   /* highest id in the log */
	int64 *sealed; /* ids above the watermark that are in the log, in order */
	int64 sealed_count;
	Datum *queue; /* rows of tiles to be inserted */
	int queued;
	MemoryContext scratch; /* of the queue */
	int64 count;		   /* of transfers that this call has sealed */
	int64 last;			   /* the last of them */
	bool is_complete;	   /* it has left none */
} Sealing;

/* --- whose payments are under way ------------------------------------------------ */

/* A running transaction's id with its epoch. */
static FullTransactionId
full_xid(TransactionId xid)
{
	FullTransactionId next = ReadNextFullTransactionId();
	uint32 epoch = EpochFromFullTransactionId(next);

	return FullTransactionIdFromEpochAndXid(xid > XidFromFullTransactionId(next) ? epoch - 1 : epoch, xid);
}

/* The lowest transaction id among those that are paying, the caller's own included where it had one; PG_INT64_MAX for none. */
static int64
oldest_payer(TransactionId own)
{
	LOCKTAG journal;
	VirtualTransactionId *holder;
	int64 oldest = PG_INT64_MAX;

	if (TransactionIdIsValid(own))
		oldest = (int64) U64FromFullTransactionId(full_xid(own));
	SET_LOCKTAG_RELATION(journal, MyDatabaseId, dcep_relation_oid(DCEP_TRANSFER));
	holder = GetLockConflicts(&journal, ShareLock, NULL);
	for (; VirtualTransactionIdIsValid(*holder); holder++)
	{
		TransactionId xid = dcep_holder_xid(*holder);

		if (TransactionIdIsValid(xid))
			oldest = Min(oldest, (int64) U64FromFullTransactionId(full_xid(xid)));
	}
	return oldest;
}

/* The highest id in the journal. */
static int64
highest_id(Snapshot snapshot)
{
	DcepTable *table = dcep_table_open(DCEP_TRANSFER, NULL);
	DcepScan scan = dcep_scan_begin(table, DCEP_TRANSFER_PKEY, snapshot, NULL, 0);
	int64 highest =
		dcep_scan_next(&scan, BackwardScanDirection) ? DatumGetInt64(dcep_column(table, DCEP_TRANSFER_ID)) : 0;

	dcep_scan_end(&scan);
	dcep_table_close(table);
	return highest;
}

/* Refuses to seal what did not come to be here; the last id is read after the snapshot was taken. */
static int64
check_origin(Snapshot snapshot, int64 watermark)
{
	int64 highest = highest_id(snapshot);
	int64 last = dcep_sequence_last(DCEP_TRANSFER_ID_SEQ);

	if (Max(highest, watermark) > last)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("the journal has transfers that were not made here"),
						errdetail("The last id given out is " INT64_FORMAT "; the journal goes to " INT64_FORMAT
								  ", the log's watermark is " INT64_FORMAT ".",
								  last, highest, watermark),
						errhint("On a logical replica the log is the origin's. After a failover or a restore, set "
								"dcep.transfer_id_seq to the highest id.")));
	return last;
}

/* --- tiles ------------------------------------------------------------------------ */

/* Inserts the tiles in the queue. */
static void
flush_queue(Sealing *sealing)
{
	if (sealing->queued > 0)
		dcep_table_insert_many(sealing->tiles, sealing->queue, sealing->queued);
	sealing->queued = 0;
	MemoryContextReset(sealing->scratch);
}

/* Writes a tile: over its row, or by way of the queue. */
static void
store_tile(Sealing *sealing, Growing *growing)
{
	MemoryContext caller = MemoryContextSwitchTo(sealing->scratch);
	Datum values[DCEP_TILE_COLUMNS];
	static const bool nulls[DCEP_TILE_COLUMNS] = {false};

	growing->has_changed = false;
	dcep_tile_write(&growing->tile, values);
	MemoryContextSwitchTo(caller);
	if (ItemPointerIsValid(&growing->tid))
	{
		dcep_table_update(sealing->tiles, &growing->tid, values, nulls);
		return;
	}
	memcpy(sealing->queue + sealing->queued++ * DCEP_TILE_COLUMNS, values, sizeof(values));
	if (sealing->queued == DCEP_MANY)
		flush_queue(sealing);
}

static void add_hash(Sealing *sealing, int level, int64 id, const uint8 hash[DCEP_HASH_LEN]);

/* Writes a tile that is full, hands its root to the level above, and begins the next one. */
static void
complete_tile(Sealing *sealing, int level)
{
	Growing *growing = &sealing->level[level];
	uint8 root[DCEP_HASH_LEN];

	store_tile(sealing, growing);
	if (!dcep_tree_fold(growing->tile.hash, DCEP_TILE_HASHES, root))
		dcep_crypto_raise("hash a tile");
	growing->tile.index++;
	growing->tile.count = 0;
	ItemPointerSetInvalid(&growing->tid);
	add_hash(sealing, level + 1, 0, root);
}

/* Adds a hash to a level. */
static void
add_hash(Sealing *sealing, int level, int64 id, const uint8 hash[DCEP_HASH_LEN])
{
	Growing *growing = &sealing->level[level];
	DcepTile *tile = &growing->tile;

	Assert(level < DCEP_TILE_LEVELS && tile->count < DCEP_TILE_HASHES);
	if (level == 0)
	{
		if (tile->count == 0)
			tile->floor = sealing->state.watermark;
		sealing->top = Max(sealing->top, id);
		tile->top = sealing->top;
	}
	tile->id[tile->count] = id;
	memcpy(tile->hash[tile->count++], hash, DCEP_HASH_LEN);
	growing->has_changed = true;
	if (tile->count == DCEP_TILE_HASHES)
		complete_tile(sealing, level);
}

/* Reads the last tile of a level, which grows, or begins one. */
static void
load_level(Sealing *sealing, int level)
{
	Growing *growing = &sealing->level[level];
	uint64 hashes = level * DCEP_TILE_BITS >= 63 ? 0 : (uint64) sealing->state.size >> (level * DCEP_TILE_BITS);
	int64 index = (int64) (hashes / DCEP_TILE_HASHES);

	growing->tile = (DcepTile){.level = level, .index = index};
	ItemPointerSetInvalid(&growing->tid);
	if (hashes % DCEP_TILE_HASHES != 0)
	{
		growing->tile = *dcep_log_tile(&sealing->log, level, index);
		growing->tid = sealing->log.tid;
		if (growing->tile.count != (int) (hashes % DCEP_TILE_HASHES))
			ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("the log is damaged"),
							errdetail("The last tile of level %d has %d hashes instead of %d.", level,
									  growing->tile.count, (int) (hashes % DCEP_TILE_HASHES)),
							errhint("SELECT * FROM dcep.verify_log() shows what is wrong.")));
	}
}

/* Reads where the log ends. */
static void
load_end(Sealing *sealing)
{
	for (int level = 0; level < DCEP_TILE_LEVELS; level++)
		load_level(sealing, level);
	if (sealing->state.size > 0)
		sealing->top = dcep_log_tile(&sealing->log, 0, (sealing->state.size - 1) / DCEP_TILE_HASHES)->top;
}

/* --- transfers --------------------------------------------------------------------- */

static int
compare_ids(const void *a, const void *b)
{
	int64 left = *(const int64 *) a;
	int64 right = *(const int64 *) b;

	return left < right ? -1 : left > right;
}

/* Reads which transfers above the watermark are in the log already. */
static void
load_sealed(Sealing *sealing)
{
	int64 room = 1024;
	DcepScan scan = dcep_log_scan_from(&sealing->log, sealing->state.watermark + 1);

	sealing->sealed = palloc(room * sizeof(int64));
	while (dcep_scan_next(&scan, ForwardScanDirection))
	{
		const char *wrong = dcep_tile_parse(sealing->log.tiles, &sealing->log.tile);

		if (wrong)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED), errmsg("the log is damaged"), errdetail_internal("%s", wrong)));
		if (sealing->sealed_count + DCEP_TILE_HASHES > room)
			sealing->sealed = repalloc_huge(sealing->sealed, (room *= 2) * sizeof(int64));
		for (int i = 0; i < sealing->log.tile.count; i++)
			if (sealing->log.tile.id[i] > sealing->state.watermark)
				sealing->sealed[sealing->sealed_count++] = sealing->log.tile.id[i];
	}
	dcep_scan_end(&scan);
	sealing->log.tile.count = 0;
	qsort(sealing->sealed, sealing->sealed_count, sizeof(int64), compare_ids);
}

/* Seals the transfer whose row is in the slot. */
static void
seal_row(Sealing *sealing, DcepTable *journal, int64 id)
{
	bytea *hash = DatumGetByteaPP(dcep_column(journal, DCEP_TRANSFER_HASH));
	uint8 leaf[DCEP_HASH_LEN];

	if (!dcep_tree_leaf(VARDATA_ANY(hash), VARSIZE_ANY_EXHDR(hash), leaf))
		dcep_crypto_raise("hash a transfer");
	add_hash(sealing, 0, id, leaf);
	dcep_tally_add(&sealing->tally, sealing->config, journal);
	sealing->count++;
	sealing->last = id;
}

/* Seals what the snapshot shows above the watermark and is not in the log, in the order of ids, up to a number. */
static void
seal_rows(Sealing *sealing, int64 most)
{
	DcepTable *journal = dcep_table_open(DCEP_TRANSFER, NULL);
	ScanKeyData key;
	DcepScan scan;
	int64 known = 0;

	sealing->is_complete = true;
	dcep_key_bound(&key, 1, BTGreaterStrategyNumber, sealing->state.watermark);
	scan = dcep_scan_begin(journal, DCEP_TRANSFER_PKEY, sealing->snapshot, &key, 1);
	while (sealing->is_complete && dcep_scan_next(&scan, ForwardScanDirection))
	{
		int64 id = DatumGetInt64(dcep_column(journal, DCEP_TRANSFER_ID));

		CHECK_FOR_INTERRUPTS();
		while (known < sealing->sealed_count && sealing->sealed[known] < id)
			known++;
		if (known < sealing->sealed_count && sealing->sealed[known] == id)
			continue;
		if (sealing->count < most)
			seal_row(sealing, journal, id);
		else
			sealing->is_complete = false;
	}
	dcep_scan_end(&scan);
	dcep_table_close(journal);
}

/* --- the state ---------------------------------------------------------------------- */

/* How far the watermark may go: what has been found out before the snapshot was taken. */
typedef struct Horizon
{
	int64 last;	 /* id given out */
	int64 xid;	 /* the next transaction id after that */
	int64 reach; /* all payments with ids up to this one have ended */
} Horizon;

/* Looks who is paying. */
static Horizon
look_out(const DcepLogState *state, int64 last, TransactionId own)
{
	Horizon horizon = {.last = last, .reach = state->watermark};
	int64 oldest;

	if (dcep_sequence_cache(DCEP_TRANSFER_ID_SEQ) > 1)
		return horizon;
	horizon.xid = (int64) U64FromFullTransactionId(ReadNextFullTransactionId());
	oldest = oldest_payer(own);
	if (oldest >= horizon.xid)
		horizon.reach = last;
	else if (oldest >= state->horizon_xid || state->horizon_system != (int64) GetSystemIdentifier())
		horizon.reach = Max(state->watermark, state->horizon);
	return horizon;
}

/* Moves the watermark, and remembers where it goes next. */
static void
advance(Sealing *sealing, const Horizon *horizon)
{
	DcepLogState *state = &sealing->state;
	int64 reach = sealing->is_complete ? horizon->reach : Min(horizon->reach, sealing->last);

	state->size += sealing->count;
	state->watermark = Max(state->watermark, reach);
	if (state->watermark < state->horizon || horizon->xid == 0)
		return; /* who pays since then is still paying, or ids say nothing */
	state->horizon = Max(state->watermark, horizon->last);
	state->horizon_xid = horizon->xid;
	state->horizon_system = (int64) GetSystemIdentifier();
}

/* Writes the state, if it has changed. */
static void
store_state(Sealing *sealing, const DcepLogState *before)
{
	const DcepLogState *state = &sealing->state;
	static const bool nulls[7] = {false};
	Datum values[] = {
		BoolGetDatum(true),
		Int64GetDatum(state->size),
		Int64GetDatum(state->watermark),
		Int64GetDatum(state->horizon),
		Int64GetDatum(state->horizon_xid),
		Int64GetDatum(state->horizon_system),
		TimestampTzGetDatum(GetCurrentTimestamp()),
	};

	if (state->size != before->size || state->watermark != before->watermark || state->horizon != before->horizon)
		dcep_table_update(sealing->states, &sealing->state_tid, values, nulls);
}

/* --- the call ------------------------------------------------------------------------ */

/* Seals with the state's row locked. */
static void
seal_locked(Sealing *sealing, int64 most, TransactionId own)
{
	const DcepLogState before = sealing->state;
	Horizon horizon = look_out(&before, dcep_sequence_last(DCEP_TRANSFER_ID_SEQ), own);

	sealing->snapshot = RegisterSnapshot(GetLatestSnapshot());
	check_origin(sealing->snapshot, before.watermark);
	sealing->tiles = dcep_table_open(DCEP_LOG_TILE, sealing->estate);
	dcep_log_open(&sealing->log, sealing->snapshot);
	load_end(sealing);
	load_sealed(sealing);
	seal_rows(sealing, most);
	for (int level = 0; level < DCEP_TILE_LEVELS; level++)
		if (sealing->level[level].has_changed)
			store_tile(sealing, &sealing->level[level]);
	flush_queue(sealing);
	dcep_tally_store(&sealing->tally, sealing->estate, sealing->snapshot);
	advance(sealing, &horizon);
	store_state(sealing, &before);
	dcep_log_close(&sealing->log);
	dcep_table_close(sealing->tiles);
	UnregisterSnapshot(sealing->snapshot);
}

/* Is there anything that could be sealed? Looked at without a lock, so that an idle ledger writes nothing. */
static bool
is_needed(Sealing *sealing)
{
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	bool needed;

	dcep_log_read_state(sealing->states, snapshot, &sealing->state);
	needed = check_origin(snapshot, sealing->state.watermark) > sealing->state.watermark;
	UnregisterSnapshot(snapshot);
	return needed;
}

/* dcep.seal(most) → number of transfers sealed */
Datum
dcep_seal(PG_FUNCTION_ARGS)
{
	TransactionId own = GetTopTransactionIdIfAny();
	Sealing *sealing = palloc0(sizeof(Sealing));
	int64 most;

	dcep_require_arguments(fcinfo, 0, 1, "most");
	most = dcep_require_at_least("most", PG_GETARG_INT32(0), 1);
	PreventCommandIfReadOnly("dcep.seal()");
	sealing->config = dcep_config_required();
	sealing->estate = CreateExecutorState();
	sealing->states = dcep_table_open(DCEP_LOG_STATE, sealing->estate);
	sealing->scratch = AllocSetContextCreate(CurrentMemoryContext, "dcep tiles", ALLOCSET_DEFAULT_SIZES);
	sealing->queue = palloc(DCEP_MANY * DCEP_TILE_COLUMNS * sizeof(Datum));
	if (is_needed(sealing))
	{
		dcep_row_lock(sealing->states);
		dcep_log_parse_state(sealing->states, &sealing->state);
		sealing->state_tid = sealing->states->slot->tts_tid;
		seal_locked(sealing, most, own);
		CommandCounterIncrement(); /* a second call in the same statement must see this one */
	}
	dcep_table_close(sealing->states);
	FreeExecutorState(sealing->estate);
	PG_RETURN_INT64(sealing->count);
}
