/*
 * log.h: the Merkle log as it lies in the database.
 *
 * dcep.log_tile has the tree's hashes in tiles of 64: level 0 those of the
 * leaves, level n the roots of the full tiles of level n - 1.  Full tiles never
 * change; the last one of a level grows.
 */
#ifndef DCEP_LOG_H
#define DCEP_LOG_H

#include "postgres.h"

#include "table.h"
#include "tree.h"

#define DCEP_TILE_BITS 6
#define DCEP_TILE_HASHES 64
#define DCEP_TILE_LEVELS 11 /* 64^11 leaves are more than there can be transfers */

/* A tile. */
typedef struct DcepTile
{
	int level;
	int64 index;
	int64 floor; /* of level 0, else 0: neither this tile nor a later one has an id up to this one */
	int64 top;	 /* of level 0, else 0: neither this tile nor an earlier one has an id above this one */
	int count;
	int64 id[DCEP_TILE_HASHES]; /* of level 0 */
	uint8 hash[DCEP_TILE_HASHES][DCEP_HASH_LEN];
} DcepTile;

/* dcep.log_state. */
typedef struct DcepLogState
{
	int64 size;
	int64 watermark;
	int64 horizon;
	int64 horizon_xid;
	int64 horizon_system;
	TimestampTz sealed_at;
} DcepLogState;

/* The log, open for reading. */
typedef struct DcepLog
{
	DcepTable *tiles;
	Snapshot snapshot;
	DcepTile tile;		 /* the one that was read last; count 0 for none */
	ItemPointerData tid; /* where dcep_log_tile() found it */
} DcepLog;

/* Opens the log in the current memory context; the snapshot stays the caller's. */
extern void dcep_log_open(DcepLog *log, Snapshot snapshot);
extern void dcep_log_close(DcepLog *log);

/* Reads the row of dcep.log_state; an error (55000) where there is none. The row stays in the table's slot. */
extern void dcep_log_read_state(DcepTable *table, Snapshot snapshot, DcepLogState *state);
/* The row that is in the slot. */
extern void dcep_log_parse_state(DcepTable *table, DcepLogState *state);
/* The state, for who reads alone. */
extern DcepLogState dcep_log_state(Snapshot snapshot);

/* Reads the tile in the table's slot. Returns NULL, or what is wrong with it. */
extern const char *dcep_tile_parse(DcepTable *tiles, DcepTile *tile);
/* Finds the row of a tile and leaves it in the table's slot. */
extern bool dcep_tile_find(DcepTable *tiles, Snapshot snapshot, int level, int64 index);
/* Reads a tile into log->tile, unless it is there; an error (XX001) where it is missing or damaged. */
extern const DcepTile *dcep_log_tile(DcepLog *log, int level, int64 index);
/* A row of dcep.log_tile; palloc'd values. */
extern void dcep_tile_write(const DcepTile *tile, Datum *values);
#define DCEP_TILE_COLUMNS 6

/* Hash of a perfect subtree: the reader of tree.h, from a DcepLog. */
extern bool dcep_log_node(void *log, int level, uint64_t index, uint8_t out[DCEP_HASH_LEN]);

/* Begins a scan of the tiles of level 0, in order, from the first on that can have an id this high. */
extern DcepScan dcep_log_scan_from(DcepLog *log, int64 id);

/* Place of a transfer in the log; -1 where it is not in it. */
extern int64 dcep_log_find(DcepLog *log, int64 id);
/* The same in the log of some size; an error (55000, 22023) where it is not there. */
extern int64 dcep_log_require(DcepLog *log, int64 id, int64 size);

#endif
