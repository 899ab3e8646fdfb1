/*
 * log.c: the Merkle log as it lies in the database.
 *
 * Where a transfer is: a tile's `top` is the highest id up to there and its
 * `floor` the watermark when its first transfer was sealed, so that both never
 * fall from tile to tile.  A tile that has the id lies behind those whose top is
 * lower and before those whose floor is not lower.  In between are the tiles
 * that were sealed while the transfer could be under way, mostly one or two.
 */
#include "log.h"

#include "utils/fmgroids.h"
#include "utils/timestamp.h"

#include "config.h"

/* Columns of dcep.log_tile. */
enum
{
	TILE_INDEX = 1,
	TILE_FLOOR,
	TILE_TOP,
	TILE_LEVEL,
	TILE_IDS,
	TILE_HASHES
};

/* Columns of dcep.log_state. */
enum
{
	STATE_SIZE = 2,
	STATE_WATERMARK,
	STATE_HORIZON,
	STATE_HORIZON_XID,
	STATE_HORIZON_SYSTEM,
	STATE_SEALED_AT
};

/* Opens the log for reading. */
void
dcep_log_open(DcepLog *log, Snapshot snapshot)
{
	log->tiles = dcep_table_open(DCEP_LOG_TILE, NULL);
	log->snapshot = snapshot;
	log->tile.count = 0;
}

/* Closes it. */
void
dcep_log_close(DcepLog *log)
{
	dcep_table_close(log->tiles);
}

/* --- the state ------------------------------------------------------------------ */

/* The row that is in the slot. */
void
dcep_log_parse_state(DcepTable *table, DcepLogState *state)
{
	state->size = DatumGetInt64(dcep_column(table, STATE_SIZE));
	state->watermark = DatumGetInt64(dcep_column(table, STATE_WATERMARK));
	state->horizon = DatumGetInt64(dcep_column(table, STATE_HORIZON));
	state->horizon_xid = DatumGetInt64(dcep_column(table, STATE_HORIZON_XID));
	state->horizon_system = DatumGetInt64(dcep_column(table, STATE_HORIZON_SYSTEM));
	state->sealed_at = DatumGetTimestampTz(dcep_column(table, STATE_SEALED_AT));
}

/* Reads the row of dcep.log_state. */
void
dcep_log_read_state(DcepTable *table, Snapshot snapshot, DcepLogState *state)
{
	ScanKeyData key;

	(void) dcep_config_required();
	dcep_key_init(&key, 1, F_BOOLEQ, InvalidOid, BoolGetDatum(true));
	if (!dcep_table_find(table, DCEP_LOG_STATE_PKEY, snapshot, &key, 1))
		ereport(
			ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("the log has no state"),
			 errdetail("Table \"dcep.log_state\" is empty."),
			 errhint(
				 "Its row is made with the ledger, and comes and goes with dumps. Restore it with the other tables.")));
	dcep_log_parse_state(table, state);
}

/* The state, for who reads alone. */
DcepLogState
dcep_log_state(Snapshot snapshot)
{
	DcepTable *table = dcep_table_open(DCEP_LOG_STATE, NULL);
	DcepLogState state;

	dcep_log_read_state(table, snapshot, &state);
	dcep_table_close(table);
	return state;
}

/* --- tiles ---------------------------------------------------------------------- */

/* Reads the tile in the table's slot. */
const char *
dcep_tile_parse(DcepTable *tiles, DcepTile *tile)
{
	bytea *ids = DatumGetByteaPP(dcep_column(tiles, TILE_IDS));
	bytea *hashes = DatumGetByteaPP(dcep_column(tiles, TILE_HASHES));
	int len = VARSIZE_ANY_EXHDR(hashes);

	tile->level = DatumGetInt16(dcep_column(tiles, TILE_LEVEL));
	tile->index = DatumGetInt64(dcep_column(tiles, TILE_INDEX));
	tile->floor = DatumGetInt64(dcep_column(tiles, TILE_FLOOR));
	tile->top = DatumGetInt64(dcep_column(tiles, TILE_TOP));
	tile->count = len / DCEP_HASH_LEN;
	if (len == 0 || len % DCEP_HASH_LEN != 0 || tile->count > DCEP_TILE_HASHES ||
		(int) VARSIZE_ANY_EXHDR(ids) != (tile->level == 0 ? tile->count * 8 : 0))
	{
		tile->count = 0;
		return "it has no whole number of hashes up to 64, or not as many ids";
	}
	memcpy(tile->hash, VARDATA_ANY(hashes), len);
	for (int i = 0; tile->level == 0 && i < tile->count; i++)
		tile->id[i] = (int64) dcep_get_u64((const uint8 *) VARDATA_ANY(ids) + i * 8);
	return NULL;
}

/* Refuses to go on with a damaged log. */
static _Noreturn void
raise_damaged(int level, int64 index, const char *why)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("the log is damaged"),
					errdetail("Tile " INT64_FORMAT " of level %d: %s.", index, level, why),
					errhint("SELECT * FROM dcep.verify_log() shows what is wrong.")));
	pg_unreachable();
}

/* Finds the row of a tile. */
bool
dcep_tile_find(DcepTable *tiles, Snapshot snapshot, int level, int64 index)
{
	ScanKeyData keys[2];

	dcep_key_init(&keys[0], 1, F_INT2EQ, InvalidOid, Int16GetDatum(level));
	dcep_key_number(&keys[1], 2, index);
	return dcep_table_find(tiles, DCEP_LOG_TILE_PKEY, snapshot, keys, lengthof(keys));
}

/* Reads a tile. */
const DcepTile *
dcep_log_tile(DcepLog *log, int level, int64 index)
{
	const char *wrong;

	if (log->tile.count > 0 && log->tile.level == level && log->tile.index == index)
		return &log->tile;
	log->tile.count = 0;
	if (!dcep_tile_find(log->tiles, log->snapshot, level, index))
		raise_damaged(level, index, "it is missing");
	wrong = dcep_tile_parse(log->tiles, &log->tile);
	if (wrong)
		raise_damaged(level, index, wrong);
	log->tid = log->tiles->slot->tts_tid;
	ExecClearTuple(log->tiles->slot);
	return &log->tile;
}

/* A row of dcep.log_tile. */
void
dcep_tile_write(const DcepTile *tile, Datum *values)
{
	uint8 ids[DCEP_TILE_HASHES * 8];

	for (int i = 0; tile->level == 0 && i < tile->count; i++)
		dcep_put_u64(ids + i * 8, (uint64) tile->id[i]);
	values[TILE_INDEX - 1] = Int64GetDatum(tile->index);
	values[TILE_FLOOR - 1] = Int64GetDatum(tile->floor);
	values[TILE_TOP - 1] = Int64GetDatum(tile->top);
	values[TILE_LEVEL - 1] = Int16GetDatum(tile->level);
	values[TILE_IDS - 1] = dcep_bytes_datum(ids, tile->level == 0 ? tile->count * 8 : 0);
	values[TILE_HASHES - 1] = dcep_bytes_datum(tile->hash[0], tile->count * DCEP_HASH_LEN);
}

/* Hash of a perfect subtree: within one tile, from as many of its hashes as it has. */
bool
dcep_log_node(void *log, int level, uint64_t index, uint8_t out[DCEP_HASH_LEN])
{
	int within = level % DCEP_TILE_BITS;
	uint64 first = index << within; /* among the hashes of the tile's level */
	int at = (int) (first % DCEP_TILE_HASHES);
	const DcepTile *tile = dcep_log_tile(log, level / DCEP_TILE_BITS, (int64) (first / DCEP_TILE_HASHES));
	uint8 hashes[DCEP_TILE_HASHES][DCEP_HASH_LEN];

	if (at + (1 << within) > tile->count)
		raise_damaged(tile->level, tile->index, "it lacks hashes");
	memcpy(hashes, tile->hash[at], (Size) DCEP_HASH_LEN << within);
	return dcep_tree_fold(hashes, UINT32_C(1) << within, out);
}

/* --- transfers ------------------------------------------------------------------- */

/* Begins a scan of the tiles from the first on that can have an id this high. */
DcepScan
dcep_log_scan_from(DcepLog *log, int64 id)
{
	ScanKeyData key;

	dcep_key_bound(&key, 1, BTGreaterEqualStrategyNumber, id);
	return dcep_scan_begin(log->tiles, DCEP_LOG_TILE_TOP, log->snapshot, &key, 1);
}

/* Place of an id within a tile; -1 where it is not in it. */
static int64
place_in_tile(const DcepTile *tile, int64 id)
{
	for (int i = 0; i < tile->count; i++)
		if (tile->id[i] == id)
			return tile->index * DCEP_TILE_HASHES + i;
	return -1;
}

/* Place of a transfer in the log. */
int64
dcep_log_find(DcepLog *log, int64 id)
{
	DcepScan scan = dcep_log_scan_from(log, id);
	int64 place = -1;

	while (place < 0 && dcep_scan_next(&scan, ForwardScanDirection))
	{
		const char *wrong = dcep_tile_parse(log->tiles, &log->tile);

		if (wrong)
			raise_damaged(0, log->tile.index, wrong);
		if (log->tile.floor >= id)
			break;
		place = place_in_tile(&log->tile, id);
	}
	dcep_scan_end(&scan);
	ExecClearTuple(log->tiles->slot);
	return place;
}

/* Place of a transfer in the log of some size; an error where it is not there. */
int64
dcep_log_require(DcepLog *log, int64 id, int64 size)
{
	int64 place = dcep_log_find(log, id);

	if (place < 0)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("transfer is not in the log yet"),
						errdetail("Transfer " INT64_FORMAT ".", id),
						errhint("SELECT dcep.seal() brings it there, as a worker does every dcep.seal_interval.")));
	if (place >= size)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("transfer is not in the log of that size"),
						errdetail("Transfer " INT64_FORMAT " is number " INT64_FORMAT ", counted from 0.", id, place)));
	return place;
}
