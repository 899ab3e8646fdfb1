/*
 * table.c: direct access to dcep's own tables.
 */
#include "table.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_sequence.h"
#include "commands/sequence.h"
#include "executor/executor.h"
#include "pgstat.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/procarray.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "compat.h"
#include "seek.h"

static const char *const names[DCEP_RELATION_COUNT] = {
	[DCEP_LEDGER] = "ledger",
	[DCEP_INSTITUTION] = "institution",
	[DCEP_SIGNING_KEY] = "signing_key",
	[DCEP_SIGNING_KEY_PKEY] = "signing_key_pkey",
	[DCEP_WALLET_CLASS] = "wallet_class",
	[DCEP_INSTITUTION_ROLE] = "institution_role",
	[DCEP_TILL] = "till",
	[DCEP_CONTROLLED_CLASS] = "controlled_class",
	[DCEP_AGREEMENT] = "agreement",
	[DCEP_LEDGER_SECRET] = "ledger_secret",
	[DCEP_CONTROL_EFFECT] = "control_effect",
	[DCEP_CONTROL_EFFECT_PKEY] = "control_effect_pkey",
	[DCEP_WALLET_LIMIT] = "wallet_limit",
	[DCEP_WALLET_LIMIT_PKEY] = "wallet_limit_pkey",
	[DCEP_WALLET] = "wallet",
	[DCEP_WALLET_PKEY] = "wallet_pkey",
	[DCEP_WALLET_PARENT] = "wallet_parent",
	[DCEP_WALLET_CHAIN] = "wallet_chain",
	[DCEP_WALLET_CHAIN_PKEY] = "wallet_chain_pkey",
	[DCEP_COIN] = "coin",
	[DCEP_COIN_PKEY] = "coin_pkey",
	[DCEP_TRANSFER] = "transfer",
	[DCEP_TRANSFER_PKEY] = "transfer_pkey",
	[DCEP_TRANSFER_PAYER_SEQ] = "transfer_payer_seq",
	[DCEP_TRANSFER_PAYER_KEY] = "transfer_payer_key",
	[DCEP_TRANSFER_ID_SEQ] = "transfer_id_seq",
	[DCEP_SIGNED_BATCH] = "signed_batch",
	[DCEP_SIGNED_BATCH_PKEY] = "signed_batch_pkey",
	[DCEP_RESERVE_ACCOUNT] = "reserve_account",
	[DCEP_RESERVE_ACCOUNT_PKEY] = "reserve_account_pkey",
	[DCEP_RESERVE_ENTRY] = "reserve_entry",
	[DCEP_RESERVE_ENTRY_PKEY] = "reserve_entry_pkey",
	[DCEP_DEVICE_KEY] = "device_key",
	[DCEP_DEVICE_KEY_PKEY] = "device_key_pkey",
	[DCEP_TOKEN] = "token",
	[DCEP_TOKEN_PKEY] = "token_pkey",
	[DCEP_TOKEN_WALLET] = "token_wallet",
	[DCEP_TOKEN_ENROLMENT] = "token_enrolment",
	[DCEP_TOKEN_ENROLMENT_PKEY] = "token_enrolment_pkey",
	[DCEP_TOKEN_GUESS] = "token_guess",
	[DCEP_TOKEN_GUESS_PKEY] = "token_guess_pkey",
	[DCEP_LOG_STATE] = "log_state",
	[DCEP_LOG_STATE_PKEY] = "log_state_pkey",
	[DCEP_LOG_TILE] = "log_tile",
	[DCEP_LOG_TILE_PKEY] = "log_tile_pkey",
	[DCEP_LOG_TILE_TOP] = "log_tile_top",
	[DCEP_LOG_TOTAL] = "log_total",
	[DCEP_LOG_TOTAL_PKEY] = "log_total_pkey",
	[DCEP_CHECKPOINT] = "checkpoint",
	[DCEP_CHECKPOINT_PKEY] = "checkpoint_pkey",
};

/* Their oids, looked up at the first use and again after anything happened to the relation. */
static Oid oids[DCEP_RELATION_COUNT];

/* Something happened to a relation, or to all. */
static void
forget_oid(Datum arg pg_attribute_unused(), Oid relid)
{
	for (int i = 0; i < DCEP_RELATION_COUNT; i++)
		if (relid == InvalidOid || oids[i] == relid)
			oids[i] = InvalidOid;
}

/* Looks an oid up, and watches over it. */
static Oid
look_up(DcepRelation relation)
{
	static bool watching = false;
	Oid schema = get_namespace_oid("dcep", true);
	Oid oid = OidIsValid(schema) ? get_relname_relid(names[relation], schema) : InvalidOid;

	if (!OidIsValid(oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation \"dcep.%s\" does not exist", names[relation]),
				 errhint("Create the extension with CREATE EXTENSION dcep CASCADE.")));
	if (!watching)
	{
		CacheRegisterRelcacheCallback(forget_oid, (Datum) 0);
		watching = true;
	}
	return oids[relation] = oid;
}

/* Oid of a relation. */
Oid
dcep_relation_oid(DcepRelation relation)
{
	return OidIsValid(oids[relation]) ? oids[relation] : look_up(relation);
}

/* The last number that a sequence has given out: off its only page, whatever the caller's rights are. */
int64
dcep_sequence_last(DcepRelation sequence)
{
	Relation rel = relation_open(dcep_relation_oid(sequence), AccessShareLock);
	Buffer buffer = ReadBuffer(rel, 0);
	Page page = BufferGetPage(buffer);
	HeapTupleData tuple = {.t_len = 0};
	Form_pg_sequence_data data;
	int64 last;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	tuple.t_data = (HeapTupleHeader) PageGetItem(page, PageGetItemId(page, FirstOffsetNumber));
	data = (Form_pg_sequence_data) GETSTRUCT(&tuple);
	last = data->is_called ? data->last_value : 0;
	UnlockReleaseBuffer(buffer);
	relation_close(rel, NoLock);
	return last;
}

/* How many numbers each session takes out of a sequence at once. */
int64
dcep_sequence_cache(DcepRelation sequence)
{
	Oid oid = dcep_relation_oid(sequence);
	HeapTuple tuple = SearchSysCache1(SEQRELID, ObjectIdGetDatum(oid));
	int64 cache;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for sequence %u", oid);
	cache = ((Form_pg_sequence) GETSTRUCT(tuple))->seqcache;
	ReleaseSysCache(tuple);
	return cache;
}

/* Opens a table. */
DcepTable *
dcep_table_open(DcepRelation relation, EState *estate)
{
	DcepTable *table = palloc0(sizeof(DcepTable));

	table->rel = table_open(dcep_relation_oid(relation), estate ? RowExclusiveLock : AccessShareLock);
	table->context = CurrentMemoryContext;
	table->slot = table_slot_create(table->rel, NULL);
	table->is_heap = table->rel->rd_tableam == GetHeapamTableAmRoutine() && TTS_IS_BUFFERTUPLE(table->slot);
	table->is_updated = RelationGetFillFactor(table->rel, HEAP_DEFAULT_FILLFACTOR) < HEAP_DEFAULT_FILLFACTOR;
	table->estate = estate;
	if (estate)
		table->changed = table_slot_create(table->rel, NULL);
	return table;
}

/* Opens the indexes that new entries go into; most updates need none. */
static void
open_indexes(DcepTable *table)
{
	MemoryContext caller = MemoryContextSwitchTo(table->estate->es_query_cxt);

	table->result = makeNode(ResultRelInfo);
	InitResultRelInfo(table->result, table->rel, 0, NULL, 0);
	ExecOpenIndices(table->result, false);
	MemoryContextSwitchTo(caller);
}

/* Closes a table; the lock stays until the end of the transaction. */
void
dcep_table_close(DcepTable *table)
{
	if (table->finder.desc)
		dcep_scan_end(&table->finder);
	if (table->sought)
		RelationClose(table->sought);
	if (table->estate)
		ExecDropSingleTupleTableSlot(table->changed);
	for (int i = 0; table->many && i < DCEP_MANY && table->many[i]; i++)
		ExecDropSingleTupleTableSlot(table->many[i]);
	if (table->result)
		ExecCloseIndices(table->result);
	ExecDropSingleTupleTableSlot(table->slot);
	table_close(table->rel, NoLock);
	pfree(table);
}

/* Scan key on the n-th column of an index. */
static void
init_key(ScanKey key, AttrNumber column, StrategyNumber strategy, RegProcedure compare, Oid collation, Datum value)
{
	FmgrInfo function;

	fmgr_info(compare, &function);
	ScanKeyEntryInitializeWithInfo(key, 0, column, strategy, InvalidOid, collation, &function, value);
}

/* Equality scan key on the n-th column of an index. */
void
dcep_key_init(ScanKey key, AttrNumber column, RegProcedure equal, Oid collation, Datum value)
{
	init_key(key, column, BTEqualStrategyNumber, equal, collation, value);
}

/* A bound on a column of bigint, or of wallet numbers. */
void
dcep_key_bound(ScanKey key, AttrNumber column, StrategyNumber strategy, int64 number)
{
	static const RegProcedure compare[] = {[BTLessStrategyNumber] = F_INT8LT,
										   [BTEqualStrategyNumber] = F_INT8EQ,
										   [BTGreaterEqualStrategyNumber] = F_INT8GE,
										   [BTGreaterStrategyNumber] = F_INT8GT};

	init_key(key, column, strategy, compare[strategy], InvalidOid, Int64GetDatum(number));
}

/* Equality on such a column. */
void
dcep_key_number(ScanKey key, AttrNumber column, int64 number)
{
	dcep_key_bound(key, column, BTEqualStrategyNumber, number);
}

/* An index, opened; one that the table already has open is taken from there. */
static Relation
open_index(DcepTable *table, DcepRelation index)
{
	Oid oid = dcep_relation_oid(index);

	if (table->result)
		for (int i = 0; i < table->result->ri_NumIndices; i++)
			if (RelationGetRelid(table->result->ri_IndexRelationDescs[i]) == oid)
			{
				RelationIncrementReferenceCount(table->result->ri_IndexRelationDescs[i]);
				return table->result->ri_IndexRelationDescs[i];
			}
	return index_open(oid, AccessShareLock);
}

/* Begins a scan along an index. */
DcepScan
dcep_scan_begin(DcepTable *table, DcepRelation index, Snapshot snapshot, ScanKey keys, int key_count)
{
	DcepScan scan = {.table = table, .index = open_index(table, index)};

	scan.desc = dcep_index_beginscan(table->rel, scan.index, snapshot, key_count);
	index_rescan(scan.desc, keys, key_count, NULL, 0);
	return scan;
}

/* A page with less room than for a few rows of the payment path is worth tidying by whoever reads it. */
#define ROOM_TO_KEEP 512

/*
 * Fetches the row that an index entry points to.  The server's own fetch tidies
 * a page whenever an update has left anything on it, which on a page of
 * wallet_chain is always and costs more than the fetch; here that is done when
 * the page is about to be full.  Vacuum does it for the others.
 */
static bool
fetch_row(DcepTable *table, Snapshot snapshot, ItemPointer tid, Buffer *buffer, bool *all_dead)
{
	BufferHeapTupleTableSlot *slot = (BufferHeapTupleTableSlot *) table->slot;
	HeapTuple tuple = &slot->base.tupdata;
	bool found;

	*buffer = ReleaseAndReadBuffer(*buffer, table->rel, ItemPointerGetBlockNumber(tid));
	if (table->is_updated && PageGetHeapFreeSpace(BufferGetPage(*buffer)) < ROOM_TO_KEEP)
		heap_page_prune_opt(table->rel, *buffer);
	LockBuffer(*buffer, BUFFER_LOCK_SHARE);
	found = heap_hot_search_buffer(tid, table->rel, *buffer, snapshot, tuple, all_dead, true);
	LockBuffer(*buffer, BUFFER_LOCK_UNLOCK);
	if (!found)
		return false;
	tuple->t_self = *tid;
	tuple->t_tableOid = RelationGetRelid(table->rel);
	ExecStoreBufferHeapTuple(tuple, table->slot, *buffer);
	return true;
}

/* Moves a scan on to the next row that its snapshot sees. */
static bool
fetch_next(DcepScan *scan, ScanDirection direction)
{
	ItemPointer tid;

	while ((tid = index_getnext_tid(scan->desc, direction)) != NULL)
	{
		bool all_dead = false;
		bool found = fetch_row(scan->table, scan->desc->xs_snapshot, tid, &scan->buffer, &all_dead);

		/* A dead row's entry is marked, as the server does it, so that nobody follows it again. */
		if (!scan->desc->xactStartedInRecovery)
			scan->desc->kill_prior_tuple = all_dead;
		if (!found)
			continue;
		pgstat_count_heap_fetch(scan->index);
		return true;
	}
	return false;
}

/* Moves on to the next row. */
bool
dcep_scan_next(DcepScan *scan, ScanDirection direction)
{
	if (!scan->table->is_heap || !IsMVCCSnapshot(scan->desc->xs_snapshot))
		return index_getnext_slot(scan->desc, direction, scan->table->slot);
	ExecClearTuple(scan->table->slot);
	return fetch_next(scan, direction);
}

/* Ends a scan; the row that was read last stays in the table's slot. */
void
dcep_scan_end(DcepScan *scan)
{
	if (BufferIsValid(scan->buffer))
		ReleaseBuffer(scan->buffer);
	index_endscan(scan->desc);
	RelationClose(scan->index);
}

/* Aims the table's finder: the one at hand, where it is of this index and as many keys, else a new one. */
static void
aim_finder(DcepTable *table, DcepRelation index, Snapshot snapshot, ScanKey keys, int key_count)
{
	DcepScan *finder = &table->finder;

	if (finder->desc && RelationGetRelid(finder->index) == dcep_relation_oid(index) &&
		finder->desc->numberOfKeys == key_count)
	{
		finder->desc->xs_snapshot = snapshot;
		index_rescan(finder->desc, keys, key_count, NULL, 0);
		return;
	}
	if (finder->desc)
		dcep_scan_end(finder);
	*finder = dcep_scan_begin(table, index, snapshot, keys, key_count);
}

/* Finds one row. Beginning a scan costs as much as a look-up, so that the last one is aimed anew. */
bool
dcep_table_find(DcepTable *table, DcepRelation index, Snapshot snapshot, ScanKey keys, int key_count)
{
	MemoryContext caller = MemoryContextSwitchTo(table->context);
	DcepScan *finder = &table->finder;
	bool found;

	aim_finder(table, index, snapshot, keys, key_count);
	found = dcep_scan_next(finder, ForwardScanDirection);
	if (BufferIsValid(finder->buffer))
		ReleaseBuffer(finder->buffer); /* the slot has its own hold on the page */
	finder->buffer = InvalidBuffer;
	MemoryContextSwitchTo(caller);
	return found;
}

/* The index of a table in which numbers are sought, kept open. */
static Relation
open_sought(DcepTable *table, DcepRelation index)
{
	if (table->sought && RelationGetRelid(table->sought) == dcep_relation_oid(index))
		return table->sought;
	if (table->sought)
		RelationClose(table->sought);
	return table->sought = open_index(table, index);
}

/* Finds the row of a number without a scan; false where that cannot be decided so. */
static bool
seek_row(DcepTable *table, DcepRelation index, Snapshot snapshot, int64 number, bool *found)
{
	DcepPlaces places;
	Buffer buffer = InvalidBuffer;

	if (!table->is_heap || !IsMVCCSnapshot(snapshot) || IsolationIsSerializable() || dcep_snapshots_expire() ||
		!dcep_seek(open_sought(table, index), number, &places))
		return false;
	ExecClearTuple(table->slot);
	*found = false;
	for (int i = 0; i < places.count && !*found; i++)
		*found = fetch_row(table, snapshot, &places.tid[i], &buffer, NULL);
	if (BufferIsValid(buffer))
		ReleaseBuffer(buffer); /* the slot has its own hold on the page */
	return true;
}

/* Finds one row by a number. */
bool
dcep_table_find_number(DcepTable *table, DcepRelation index, Snapshot snapshot, int64 number)
{
	ScanKeyData key;
	bool found;

	if (seek_row(table, index, snapshot, number, &found))
		return found;
	dcep_key_number(&key, 1, number);
	return dcep_table_find(table, index, snapshot, &key, 1);
}

/* Begins a scan of the rows of a number. */
DcepScan
dcep_scan_number(DcepTable *table, DcepRelation index, Snapshot snapshot, int64 number)
{
	ScanKeyData key;

	dcep_key_number(&key, 1, number);
	return dcep_scan_begin(table, index, snapshot, &key, 1);
}

/* --- rows that this transaction has inserted ---------------------------------- */

/* Is this a row of the transaction's own, with this number in its first column? */
static bool
is_own_row(HeapTupleHeader row, int64 number)
{
	int64 first;

	if (HeapTupleHeaderXminFrozen(row) || !(row->t_infomask & HEAP_XMAX_INVALID) ||
		!TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetRawXmin(row)))
		return false;
	memcpy(&first, (char *) row + row->t_hoff, sizeof(first));
	return first == number;
}

/* Looks for the row on the trail's page, from its place on. */
static bool
find_on_page(DcepTable *table, DcepTrail *trail, int64 number)
{
	Page page = BufferGetPage(trail->buffer);
	BufferHeapTupleTableSlot *slot = (BufferHeapTupleTableSlot *) table->slot;
	HeapTuple tuple = &slot->base.tupdata;
	bool found = false;

	LockBuffer(trail->buffer, BUFFER_LOCK_SHARE);
	for (; !found && trail->next <= PageGetMaxOffsetNumber(page); trail->next++)
	{
		ItemId item = PageGetItemId(page, trail->next);

		if (!ItemIdIsNormal(item) || !is_own_row((HeapTupleHeader) PageGetItem(page, item), number))
			continue;
		tuple->t_data = (HeapTupleHeader) PageGetItem(page, item);
		tuple->t_len = ItemIdGetLength(item);
		tuple->t_tableOid = RelationGetRelid(table->rel);
		ItemPointerSet(&tuple->t_self, BufferGetBlockNumber(trail->buffer), trail->next);
		found = true;
	}
	LockBuffer(trail->buffer, BUFFER_LOCK_UNLOCK);
	if (found)
		ExecStoreBufferHeapTuple(tuple, table->slot, trail->buffer);
	return found;
}

/* Moves the trail to a place. */
static void
move_trail(DcepTable *table, DcepTrail *trail, BlockNumber block, OffsetNumber next)
{
	trail->buffer = ReleaseAndReadBuffer(trail->buffer, table->rel, block);
	trail->next = next;
}

/* Finds a row that this transaction has inserted. */
bool
dcep_trail_find(DcepTable *table, DcepRelation index, DcepTrail *trail, int64 number)
{
	ExecClearTuple(table->slot);
	if (!table->is_heap)
		return dcep_table_find_number(table, index, SnapshotSelf, number);
	if (!BufferIsValid(trail->buffer) && RelationGetTargetBlock(table->rel) != InvalidBlockNumber)
		move_trail(table, trail, RelationGetTargetBlock(table->rel), FirstOffsetNumber);
	if (BufferIsValid(trail->buffer) && find_on_page(table, trail, number))
		return true;
	if (!dcep_table_find_number(table, index, SnapshotSelf, number))
		return false;
	move_trail(table, trail, ItemPointerGetBlockNumber(&table->slot->tts_tid),
			   OffsetNumberNext(ItemPointerGetOffsetNumber(&table->slot->tts_tid)));
	return true;
}

/* Lets go of the trail's page. */
void
dcep_trail_end(DcepTrail *trail)
{
	if (BufferIsValid(trail->buffer))
		ReleaseBuffer(trail->buffer);
	trail->buffer = InvalidBuffer;
}

/* --- columns ------------------------------------------------------------------- */

/* Column of the current row that cannot be null. */
Datum
dcep_column(DcepTable *table, AttrNumber column)
{
	bool is_null;
	Datum value = slot_getattr(table->slot, column, &is_null);

	if (is_null)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("unexpected null in column \"%s\" of \"dcep.%s\"",
							   NameStr(TupleDescAttr(RelationGetDescr(table->rel), column - 1)->attname),
							   RelationGetRelationName(table->rel))));
	return value;
}

/* Copies a bytea of a certain length. */
bool
dcep_bytes_read(Datum value, uint8 *to, int len)
{
	bytea *packed = DatumGetByteaPP(value);

	if ((int) VARSIZE_ANY_EXHDR(packed) != len)
		return false;
	memcpy(to, VARDATA_ANY(packed), len);
	return true;
}

/* A bytea datum of these bytes. */
Datum
dcep_bytes_datum(const uint8 *from, int len)
{
	bytea *bytes = palloc(VARHDRSZ + len);

	SET_VARSIZE(bytes, VARHDRSZ + len);
	memcpy(VARDATA(bytes), from, len);
	return PointerGetDatum(bytes);
}

/*
 * Is the current row still the last word?  A reader that must not act on a
 * row which a concurrent transaction is replacing asks this instead of locking
 * the row.  Whoever replaces such a row waits, before it commits, for readers
 * that came before (dcep_await_payments), so nobody is missed.
 */
DcepRowState
dcep_row_state(DcepTable *table)
{
	HeapTuple tuple = ExecFetchSlotHeapTuple(table->slot, false, NULL);
	HeapTupleHeader header = tuple->t_data;
	TransactionId changer;

	if ((header->t_infomask & HEAP_XMAX_INVALID) || HEAP_XMAX_IS_LOCKED_ONLY(header->t_infomask))
		return DCEP_ROW_STABLE;
	changer = HeapTupleHeaderGetUpdateXid(header);
	if (!TransactionIdIsValid(changer) || TransactionIdIsCurrentTransactionId(changer))
		return DCEP_ROW_STABLE;
	if (TransactionIdIsInProgress(changer))
		return DCEP_ROW_CHANGING;
	return TransactionIdDidCommit(changer) ? DCEP_ROW_CHANGED : DCEP_ROW_STABLE;
}

/* Raises what the server's own executor would for a row that moved on. */
void
dcep_raise_concurrent(void)
{
	ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					errmsg("could not serialize access due to concurrent update")));
	pg_unreachable();
}

/* Locks the current row and fetches its newest version, as far as `policy` lets it. */
static TM_Result
lock_row(DcepTable *table, LockWaitPolicy policy)
{
	TM_FailureData failure;
	ItemPointerData tid = table->slot->tts_tid;
	uint8 flags = IsolationUsesXactSnapshot() ? 0 : TUPLE_LOCK_FLAG_FIND_LAST_VERSION;

	/* With an older snapshot the transaction's own serves: it decides between "changed" and "mine". */
	return table_tuple_lock(table->rel, &tid, GetActiveSnapshot(), table->slot, GetCurrentCommandId(false),
							LockTupleNoKeyExclusive, policy, flags, &failure);
}

/* What became of a row that was to be changed: an error for anything but success and what the caller expects. */
static void
check_result(DcepTable *table, TM_Result result, const char *what)
{
	if (result == TM_Updated || result == TM_Deleted)
		dcep_raise_concurrent();
	if (result != TM_Ok)
		elog(ERROR, "could not %s a row of \"dcep.%s\": %d", what, RelationGetRelationName(table->rel), (int) result);
}

/* Locks the current row, waiting for whoever holds it. */
void
dcep_row_lock(DcepTable *table)
{
	check_result(table, lock_row(table, LockWaitBlock), "lock");
}

/* Locks the current row unless it is gone once its turn has come. */
bool
dcep_row_lock_if_there(DcepTable *table)
{
	TM_Result result = lock_row(table, LockWaitBlock);

	if (result == TM_Deleted && !IsolationUsesXactSnapshot())
		return false;
	check_result(table, result, "lock");
	return true;
}

/* Locks the current row if nobody else holds it. */
bool
dcep_row_try_lock(DcepTable *table)
{
	TM_Result result = lock_row(table, LockWaitSkip);

	if (result == TM_WouldBlock || result == TM_Updated || result == TM_Deleted)
		return false;
	check_result(table, result, "lock");
	return true;
}

/* Fills a slot with a row to be written; `nulls` may be NULL where there are none. */
static void
fill_slot(TupleTableSlot *slot, const Datum *values, const bool *nulls)
{
	int columns = slot->tts_tupleDescriptor->natts;

	ExecClearTuple(slot);
	memcpy(slot->tts_values, values, columns * sizeof(Datum));
	if (nulls)
		memcpy(slot->tts_isnull, nulls, columns * sizeof(bool));
	else
		memset(slot->tts_isnull, false, columns * sizeof(bool));
	ExecStoreVirtualTuple(slot);
}

/* Enters a row just written into its indexes. */
static void
insert_index_entries(DcepTable *table, TupleTableSlot *slot, bool is_update, DcepIndexes which)
{
	if (which == DCEP_INDEXES_NONE)
		return;
	if (table->result == NULL)
		open_indexes(table);
	if (table->result->ri_NumIndices == 0)
		return;
	list_free(dcep_insert_index_tuples(table->result, slot, table->estate, is_update, which));
	ResetPerTupleExprContext(table->estate);
}

/* Inserts a row. */
void
dcep_table_insert(DcepTable *table, const Datum *values, const bool *nulls)
{
	fill_slot(table->changed, values, nulls);
	table_tuple_insert(table->rel, table->changed, GetCurrentCommandId(true), 0, NULL);
	insert_index_entries(table, table->changed, false, DCEP_INDEXES_ALL);
}

/* The n-th slot for rows that are inserted at once. */
static TupleTableSlot *
slot_of_many(DcepTable *table, int n)
{
	MemoryContext caller = MemoryContextSwitchTo(table->context);

	if (table->many == NULL)
		table->many = palloc0(DCEP_MANY * sizeof(TupleTableSlot *));
	if (table->many[n] == NULL)
		table->many[n] = table_slot_create(table->rel, NULL);
	MemoryContextSwitchTo(caller);
	return table->many[n];
}

/* Inserts rows without nulls. */
void
dcep_table_insert_many(DcepTable *table, const Datum *values, int count)
{
	int columns = RelationGetDescr(table->rel)->natts;

	Assert(count <= DCEP_MANY);
	for (int i = 0; i < count; i++)
		fill_slot(slot_of_many(table, i), values + (Size) i * columns, NULL);
	table_multi_insert(table->rel, table->many, count, GetCurrentCommandId(true), 0, NULL);
	for (int i = 0; i < count; i++)
	{
		insert_index_entries(table, table->many[i], false, DCEP_INDEXES_ALL);
		ExecClearTuple(table->many[i]);
	}
}

/* Replaces a row and says what became of it; its new place is that of table->changed. */
static TM_Result
replace_row(DcepTable *table, ItemPointer tid, const Datum *values, const bool *nulls)
{
	TM_FailureData failure;
	LockTupleMode mode;
	DcepIndexes which;
	TM_Result result;

	fill_slot(table->changed, values, nulls);
	result = dcep_tuple_update(table->rel, tid, table->changed, GetCurrentCommandId(true), &failure, &mode, &which);
	if (result == TM_Ok)
		insert_index_entries(table, table->changed, true, which);
	return result;
}

/* Replaces a row that the caller has locked. */
void
dcep_table_update(DcepTable *table, ItemPointer tid, const Datum *values, const bool *nulls)
{
	TM_Result result = replace_row(table, tid, values, nulls);

	if (result != TM_Ok)
		elog(ERROR, "a locked row of \"dcep.%s\" was changed: %d", RelationGetRelationName(table->rel), (int) result);
	*tid = table->changed->tts_tid;
}

/* Replaces the row in the slot unless somebody else does. */
bool
dcep_table_try_update(DcepTable *table, const Datum *values, const bool *nulls)
{
	TM_Result result = replace_row(table, &table->slot->tts_tid, values, nulls);

	if ((result == TM_Updated || result == TM_Deleted) && !IsolationUsesXactSnapshot())
		return false;
	check_result(table, result, "replace");
	return true;
}

/* Replaces the row in the slot, or inserts one. */
void
dcep_table_put(DcepTable *table, bool found, const Datum *values, const bool *nulls)
{
	ItemPointerData tid = table->slot->tts_tid;

	if (found)
		dcep_table_update(table, &tid, values, nulls);
	else
		dcep_table_insert(table, values, nulls);
}

/* Deletes a row. */
void
dcep_table_delete(DcepTable *table, ItemPointer tid)
{
	TM_FailureData failure;
	TM_Result result = table_tuple_delete(table->rel, tid, GetCurrentCommandId(true), InvalidSnapshot, InvalidSnapshot,
										  true, &failure, false);

	check_result(table, result, "delete");
}
