/*
 * log_walk.c: dcep.verify_log(), which goes over the log from its first leaf and finds what was altered.
 *
 * Leaves are compared with the journal; the tiles above them, and roots and
 * totals of checkpoints, are computed anew on the way, in one pass; what the
 * watermark promises is looked up at the end.
 *
 * It can begin at a checkpoint.  The hashes of the log before must then have its
 * root, and its totals are taken for those of the transfers before; these
 * transfers are not looked at again.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "access.h"
#include "idset.h"
#include "journal.h"
#include "log.h"
#include "tally.h"

PG_FUNCTION_INFO_V1(dcep_verify_log);

/* Columns of dcep.checkpoint. */
enum
{
	CHECKPOINT_SIZE = 1,
	CHECKPOINT_ROOT = 4,
	CHECKPOINT_NOTE
};

/* A run of dcep.verify_log(). */
typedef struct Walk
{
	ReturnSetInfo *result;
	const DcepConfig *config;
	Snapshot snapshot;
	int64 since; /* size of the checkpoint that it begins at, or 0 */
	DcepLogState state;
	DcepLog log;
	DcepTable *journal;
	DcepTable *checkpoints;
	DcepScan checkpoint;
	bool has_checkpoint; /* one is in the slot whose size has not been reached */
	DcepIdSet *seen;
	DcepIdSet *before; /* ids above floor_before in the part that is not gone over; NULL where all is */
	DcepTally tally;
	DcepFrontier frontier;
	int64 floor;		/* of the tile before */
	int64 floor_before; /* of the last tile of the part that is not gone over; 0 where all is */
	int64 top;
	DcepTile above[DCEP_TILE_LEVELS]; /* tiles as they must be, from level 1 on */
} Walk;

/* Reports a defect. */
static void
report(Walk *walk, const char *defect, int64 position, int64 transfer, const char *detail)
{
	Datum values[] = {CStringGetTextDatum(defect), Int64GetDatum(position), Int64GetDatum(transfer),
					  CStringGetTextDatum(detail)};
	bool nulls[] = {false, position < 0, transfer == 0, false};

	tuplestore_putvalues(walk->result->setResult, walk->result->setDesc, values, nulls);
}

/* --- what is above the leaves ------------------------------------------------------ */

/* Is the stored tile what the leaves make it? */
static void
compare_tile(Walk *walk, const DcepTile *expected)
{
	DcepTable *tiles = dcep_table_open(DCEP_LOG_TILE, NULL);
	static DcepTile stored;

	if (!dcep_tile_find(tiles, walk->snapshot, expected->level, expected->index) || dcep_tile_parse(tiles, &stored) ||
		stored.count != expected->count || memcmp(stored.hash, expected->hash, expected->count * DCEP_HASH_LEN) != 0)
		report(walk, "tile", (int64) walk->frontier.size, 0,
			   psprintf("tile " INT64_FORMAT " of level %d is not what the leaves make it", expected->index,
						expected->level));
	dcep_table_close(tiles);
}

/* Adds the root of a full tile to the level above. */
static void
add_above(Walk *walk, int level, const uint8 (*hashes)[DCEP_HASH_LEN])
{
	DcepTile *tile = &walk->above[level];
	uint8 copy[DCEP_TILE_HASHES][DCEP_HASH_LEN];

	Assert(level < DCEP_TILE_LEVELS);
	memcpy(copy, hashes, sizeof(copy));
	tile->level = level;
	if (!dcep_tree_fold(copy, DCEP_TILE_HASHES, tile->hash[tile->count++]))
		dcep_crypto_raise("hash a tile");
	if (tile->count < DCEP_TILE_HASHES)
		return;
	compare_tile(walk, tile);
	add_above(walk, level + 1, (const uint8(*)[DCEP_HASH_LEN]) tile->hash);
	tile->index++;
	tile->count = 0;
}

/* --- totals and checkpoints ----------------------------------------------------------- */

/* Are stated totals those of the transfers so far? */
static void
compare_totals(Walk *walk, const char *defect, int64 position, DcepTally *stated, const char *who)
{
	for (int i = 0; i < stated->count; i++)
		(void) dcep_tally_of(&walk->tally, stated->sum[i].institution);
	for (int i = 0; i < walk->tally.count; i++)
	{
		const DcepSum *sum = &walk->tally.sum[i];
		const DcepSum *other = dcep_tally_of(stated, sum->institution);

		if (sum->issued != other->issued || sum->redeemed != other->redeemed)
			report(walk, defect, position, 0,
				   psprintf("institution %04d was issued " INT64_FORMAT " and redeemed " INT64_FORMAT
							", %s " INT64_FORMAT " and " INT64_FORMAT,
							sum->institution, sum->issued, sum->redeemed, who, other->issued, other->redeemed));
	}
}

/* Reads what the checkpoint in the slot states of supply. Returns NULL, or what is wrong with it. */
static const char *
read_stated(Walk *walk, DcepTally *stated)
{
	text *bytes = DatumGetTextPP(dcep_column(walk->checkpoints, CHECKPOINT_NOTE));
	DcepNote note;
	DcepCheckpoint checkpoint;

	if (dcep_note_parse(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), &note) ||
		dcep_checkpoint_parse(&note, &checkpoint))
		return "the checkpoint cannot be read";
	return dcep_tally_parse(stated, checkpoint.extensions);
}

/* Is what the checkpoint in the slot states of supply what the transfers up to its size make it? */
static void
check_stated(Walk *walk)
{
	DcepTally stated = {0};
	const char *wrong = read_stated(walk, &stated);

	if (wrong)
		report(walk, "supply", (int64) walk->frontier.size, 0, wrong);
	else
		compare_totals(walk, "supply", (int64) walk->frontier.size, &stated, "the checkpoint says");
	if (stated.sum)
		pfree(stated.sum);
}

/* Is a checkpoint of the size that has been reached in the slot? */
static bool
at_checkpoint(Walk *walk)
{
	return walk->has_checkpoint &&
		   DatumGetInt64(dcep_column(walk->checkpoints, CHECKPOINT_SIZE)) == (int64) walk->frontier.size;
}

/* Compares the checkpoints of the size that has been reached. */
static void
check_checkpoint(Walk *walk)
{
	uint8 root[DCEP_HASH_LEN];
	uint8 stored[DCEP_HASH_LEN];

	while (at_checkpoint(walk))
	{
		if (!dcep_frontier_root(&walk->frontier, root))
			dcep_crypto_raise("hash the log");
		if (!dcep_bytes_read(dcep_column(walk->checkpoints, CHECKPOINT_ROOT), stored, DCEP_HASH_LEN) ||
			memcmp(stored, root, DCEP_HASH_LEN) != 0)
			report(walk, "root", (int64) walk->frontier.size, 0,
				   "the checkpoint's root is not that of the log at its size");
		check_stated(walk);
		walk->has_checkpoint = dcep_scan_next(&walk->checkpoint, ForwardScanDirection);
	}
}

/* --- leaves ------------------------------------------------------------------------- */

/* Is the transfer in the part of the log that is not gone over? Asked of ids above floor_before. */
static bool
is_before(const Walk *walk, int64 id)
{
	return walk->before && dcep_idset_has(walk->before, id);
}

/* Checks one leaf against the journal. */
static void
check_leaf(Walk *walk, int64 id, const uint8 stored[DCEP_HASH_LEN])
{
	int64 position = (int64) walk->frontier.size;
	uint8 leaf[DCEP_HASH_LEN];
	bytea *hash;

	if (id <= 0 || !dcep_idset_add(walk->seen, id) || is_before(walk, id))
	{
		report(walk, "twice", position, id, "the transfer is in the log already");
		return;
	}
	if (!dcep_table_find_number(walk->journal, DCEP_TRANSFER_PKEY, walk->snapshot, id))
	{
		report(walk, "missing", position, id, "the log has a transfer that the journal has not");
		return;
	}
	hash = DatumGetByteaPP(dcep_column(walk->journal, DCEP_TRANSFER_HASH));
	if (!dcep_tree_leaf(VARDATA_ANY(hash), VARSIZE_ANY_EXHDR(hash), leaf))
		dcep_crypto_raise("hash a transfer");
	if (memcmp(leaf, stored, DCEP_HASH_LEN) != 0)
		report(walk, "leaf", position, id, "the log has another hash of the transfer than the journal");
	dcep_tally_add(&walk->tally, walk->config, walk->journal);
}

/* Checks one tile of leaves. */
static void
check_tile(Walk *walk, const DcepTile *tile)
{
	int64 before = walk->top;
	int64 begun = (int64) walk->frontier.size - tile->index * DCEP_TILE_HASHES; /* hashes before a checkpoint */

	if (begun != 0 && (begun < 0 || begun > tile->count || (int64) walk->frontier.size != walk->since))
	{
		report(walk, "gap", (int64) walk->frontier.size, 0,
			   psprintf("tile " INT64_FORMAT " of level 0 does not follow the one before it", tile->index));
		begun = 0;
	}
	for (int i = 0; i < tile->count; i++)
	{
		walk->top = Max(walk->top, tile->id[i]);
		if (i < begun)
			continue;
		if (tile->id[i] <= tile->floor)
			report(walk, "bounds", (int64) walk->frontier.size, tile->id[i],
				   "the transfer is not above its tile's floor");
		check_leaf(walk, tile->id[i], tile->hash[i]);
		if (!dcep_frontier_add(&walk->frontier, tile->hash[i]))
			dcep_crypto_raise("hash the log");
		check_checkpoint(walk);
	}
	if (tile->floor < walk->floor || tile->floor > walk->state.watermark || tile->top != Max(before, walk->top))
		report(walk, "bounds", (int64) walk->frontier.size, 0,
			   psprintf("floor or top of tile " INT64_FORMAT " is wrong", tile->index));
	walk->floor = tile->floor;
	if (tile->count == DCEP_TILE_HASHES)
		add_above(walk, 1, tile->hash);
}

/* Goes over the leaves. */
static void
walk_leaves(Walk *walk)
{
	static DcepTile tile;
	ScanKeyData keys[2];
	DcepScan scan;

	dcep_key_init(&keys[0], 1, F_INT2EQ, InvalidOid, Int16GetDatum(0));
	dcep_key_bound(&keys[1], 2, BTGreaterEqualStrategyNumber, walk->since / DCEP_TILE_HASHES);
	scan = dcep_scan_begin(walk->log.tiles, DCEP_LOG_TILE_PKEY, walk->snapshot, keys, lengthof(keys));
	while (dcep_scan_next(&scan, ForwardScanDirection))
	{
		const char *wrong = dcep_tile_parse(walk->log.tiles, &tile);

		CHECK_FOR_INTERRUPTS();
		if (wrong)
			report(walk, "damaged", (int64) walk->frontier.size, 0,
				   psprintf("tile " INT64_FORMAT " of level 0: %s", tile.index, wrong));
		else
			check_tile(walk, &tile);
	}
	dcep_scan_end(&scan);
}

/* --- the whole ------------------------------------------------------------------------ */

/* Every transfer up to the watermark must have been seen; of the log before a checkpoint, those that can be in a later tile. */
static void
check_watermark(Walk *walk)
{
	ScanKeyData key;
	DcepScan scan;

	dcep_key_bound(&key, 1, BTGreaterStrategyNumber, walk->floor_before);
	scan = dcep_scan_begin(walk->journal, DCEP_TRANSFER_PKEY, walk->snapshot, &key, 1);
	while (dcep_scan_next(&scan, ForwardScanDirection))
	{
		int64 id = DatumGetInt64(dcep_column(walk->journal, DCEP_TRANSFER_ID));

		CHECK_FOR_INTERRUPTS();
		if (id > walk->state.watermark)
			break;
		if (!dcep_idset_has(walk->seen, id) && !is_before(walk, id))
			report(walk, "unsealed", -1, id, "the transfer is below the watermark and not in the log");
	}
	dcep_scan_end(&scan);
}

/* The totals that checkpoints state are those of the transfers in the log. */
static void
check_totals(Walk *walk)
{
	DcepTally stored = {0};

	dcep_tally_load(&stored, walk->snapshot);
	compare_totals(walk, "total", -1, &stored, "the totals say");
}

/* What can be said at the end. */
static void
check_end(Walk *walk)
{
	for (int level = 1; level < DCEP_TILE_LEVELS; level++)
		if (walk->above[level].count > 0)
			compare_tile(walk, &walk->above[level]);
	if ((int64) walk->frontier.size != walk->state.size)
		report(walk, "size", (int64) walk->frontier.size, 0,
			   psprintf("the log's state says " INT64_FORMAT, walk->state.size));
	if (walk->has_checkpoint)
		report(walk, "root", DatumGetInt64(dcep_column(walk->checkpoints, CHECKPOINT_SIZE)), 0,
			   "there is a checkpoint of a size that the log has not reached");
	check_watermark(walk);
	check_totals(walk);
}

/* --- beginning at a checkpoint -------------------------------------------------------- */

/* The upper tiles as they were at its size: what they have of it is tied to its root. */
static void
load_above(Walk *walk)
{
	for (int level = 1; level < DCEP_TILE_LEVELS; level++)
	{
		int64 hashes = level * DCEP_TILE_BITS >= 63 ? 0 : walk->since >> (level * DCEP_TILE_BITS);
		DcepTile *tile = &walk->above[level];

		*tile = (DcepTile){.level = level, .index = hashes / DCEP_TILE_HASHES};
		if (hashes % DCEP_TILE_HASHES != 0)
		{
			*tile = *dcep_log_tile(&walk->log, level, tile->index);
			tile->count = (int) (hashes % DCEP_TILE_HASHES);
		}
	}
}

/* The roots of the perfect subtrees that the leaves before it make, the largest first. */
static void
load_frontier(Walk *walk)
{
	for (int level = 62; level >= 0; level--)
	{
		uint64 subtrees = (uint64) walk->since >> level;

		if (subtrees % 2 == 0)
			continue;
		if (!dcep_log_node(&walk->log, level, subtrees - 1, walk->frontier.hash[walk->frontier.count++]))
			dcep_crypto_raise("hash the log");
	}
	walk->frontier.size = (uint64) walk->since;
}

/* Which transfers above floor_before are in the part that is not gone over: as many as a few calls have sealed. */
static void
load_before(Walk *walk)
{
	DcepScan scan = dcep_log_scan_from(&walk->log, walk->floor_before + 1);
	DcepTile *tile = &walk->log.tile;

	walk->before = dcep_idset_create();
	while (dcep_scan_next(&scan, ForwardScanDirection))
	{
		if (dcep_tile_parse(walk->log.tiles, tile) != NULL)
			continue;
		if (tile->index * DCEP_TILE_HASHES >= walk->since)
			break;
		for (int i = 0; i < tile->count && tile->index * DCEP_TILE_HASHES + i < walk->since; i++)
			if (tile->id[i] > walk->floor_before)
				dcep_idset_add(walk->before, tile->id[i]);
	}
	dcep_scan_end(&scan);
	tile->count = 0;
}

/* Begins at a checkpoint, whose row has been looked for. */
static void
begin_at(Walk *walk)
{
	const DcepTile *tile;
	const char *wrong;

	load_frontier(walk);
	wrong = read_stated(walk, &walk->tally);
	if (wrong)
		report(walk, "supply", walk->since, 0, wrong);
	check_checkpoint(walk);
	load_above(walk);
	tile = dcep_log_tile(&walk->log, 0, (walk->since - 1) / DCEP_TILE_HASHES);
	walk->floor = walk->floor_before = tile->floor;
	if (walk->since >= DCEP_TILE_HASHES)
		walk->top = dcep_log_tile(&walk->log, 0, walk->since / DCEP_TILE_HASHES - 1)->top;
	load_before(walk);
}

/* Finds the first checkpoint: that of the size to begin at, where there is one. */
static void
find_checkpoint(Walk *walk)
{
	ScanKeyData key;

	dcep_key_bound(&key, 1, BTGreaterEqualStrategyNumber, walk->since);
	walk->checkpoint = dcep_scan_begin(walk->checkpoints, DCEP_CHECKPOINT_PKEY, walk->snapshot, &key, 1);
	walk->has_checkpoint = dcep_scan_next(&walk->checkpoint, ForwardScanDirection);
	if (walk->since == 0)
		return;
	if (!walk->has_checkpoint || DatumGetInt64(dcep_column(walk->checkpoints, CHECKPOINT_SIZE)) != walk->since)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("there is no checkpoint of size " INT64_FORMAT, walk->since),
						errhint("SELECT size, made_at FROM dcep.checkpoint shows which there are.")));
	begin_at(walk);
}

/* dcep.verify_log(since) → one row a defect */
Datum
dcep_verify_log(PG_FUNCTION_ARGS)
{
	Walk *walk = palloc0(sizeof(Walk));

	if (!dcep_access_audits())
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied to verify the log"),
						errhint("Auditors and the central bank may.")));
	walk->since = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0);
	if (walk->since < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("there is no checkpoint of size " INT64_FORMAT, walk->since)));
	walk->config = dcep_config_required();
	InitMaterializedSRF(fcinfo, 0);
	walk->result = (ReturnSetInfo *) fcinfo->resultinfo;
	walk->snapshot = RegisterSnapshot(GetActiveSnapshot());
	walk->state = dcep_log_state(walk->snapshot);
	walk->seen = dcep_idset_create();
	dcep_log_open(&walk->log, walk->snapshot);
	walk->journal = dcep_table_open(DCEP_TRANSFER, NULL);
	walk->checkpoints = dcep_table_open(DCEP_CHECKPOINT, NULL);
	find_checkpoint(walk);
	walk_leaves(walk);
	check_end(walk);
	dcep_scan_end(&walk->checkpoint);
	dcep_table_close(walk->checkpoints);
	dcep_table_close(walk->journal);
	dcep_log_close(&walk->log);
	UnregisterSnapshot(walk->snapshot);
	return (Datum) 0;
}
