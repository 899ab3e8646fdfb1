/*
 * table.h: direct access to dcep's own tables.
 *
 * The payment path reads and writes a handful of rows that it names exactly.
 * Going through SPI for each costs more than the cryptography; this module
 * does the same with the table and index access methods.  It serves every
 * index that a table has, expression and partial ones too, and works under
 * any isolation level.  Row-level security does not apply here: the caller
 * has decided who may do what (access.h) before it opens a table.
 */
#ifndef DCEP_TABLE_H
#define DCEP_TABLE_H

#include "postgres.h"

#include "access/genam.h"
#include "access/skey.h"
#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

/* The relations of the schema dcep that C code names. */
typedef enum DcepRelation
{
	DCEP_LEDGER,
	DCEP_INSTITUTION,
	DCEP_SIGNING_KEY,
	DCEP_SIGNING_KEY_PKEY,
	DCEP_WALLET_CLASS,
	DCEP_INSTITUTION_ROLE,
	DCEP_TILL,
	DCEP_CONTROLLED_CLASS,
	DCEP_AGREEMENT,
	DCEP_LEDGER_SECRET,
	DCEP_CONTROL_EFFECT,
	DCEP_CONTROL_EFFECT_PKEY,
	DCEP_WALLET_LIMIT,
	DCEP_WALLET_LIMIT_PKEY,
	DCEP_WALLET,
	DCEP_WALLET_PKEY,
	DCEP_WALLET_PARENT,
	DCEP_WALLET_CHAIN,
	DCEP_WALLET_CHAIN_PKEY,
	DCEP_COIN,
	DCEP_COIN_PKEY,
	DCEP_TRANSFER,
	DCEP_TRANSFER_PKEY,
	DCEP_TRANSFER_PAYER_SEQ,
	DCEP_TRANSFER_PAYER_KEY,
	DCEP_TRANSFER_ID_SEQ,
	DCEP_SIGNED_BATCH,
	DCEP_SIGNED_BATCH_PKEY,
	DCEP_RESERVE_ACCOUNT,
	DCEP_RESERVE_ACCOUNT_PKEY,
	DCEP_RESERVE_ENTRY,
	DCEP_RESERVE_ENTRY_PKEY,
	DCEP_DEVICE_KEY,
	DCEP_DEVICE_KEY_PKEY,
	DCEP_TOKEN,
	DCEP_TOKEN_PKEY,
	DCEP_TOKEN_WALLET,
	DCEP_TOKEN_ENROLMENT,
	DCEP_TOKEN_ENROLMENT_PKEY,
	DCEP_TOKEN_GUESS,
	DCEP_TOKEN_GUESS_PKEY,
	DCEP_LOG_STATE,
	DCEP_LOG_STATE_PKEY,
	DCEP_LOG_TILE,
	DCEP_LOG_TILE_PKEY,
	DCEP_LOG_TILE_TOP,
	DCEP_LOG_TOTAL,
	DCEP_LOG_TOTAL_PKEY,
	DCEP_CHECKPOINT,
	DCEP_CHECKPOINT_PKEY,
	DCEP_RELATION_COUNT
} DcepRelation;

/* The last number that a sequence has given out, 0 before the first; and how many it gives out at once. */
extern int64 dcep_sequence_last(DcepRelation sequence);
extern int64 dcep_sequence_cache(DcepRelation sequence);

typedef struct DcepTable DcepTable;

#define DCEP_MANY 128 /* rows that are inserted at once */

/* A scan along an index of such a table. */
typedef struct DcepScan
{
	DcepTable *table;
	Relation index;
	IndexScanDesc desc;
	Buffer buffer; /* of the row that was fetched last; pinned */
} DcepScan;

/* An open table of the schema dcep. */
struct DcepTable
{
	Relation rel;
	MemoryContext context;	 /* it was opened in */
	EState *estate;			 /* NULL when opened for reading */
	ResultRelInfo *result;	 /* its open indexes, from the first entry on that has to be made; else NULL */
	TupleTableSlot *slot;	 /* the row that was read last */
	TupleTableSlot *changed; /* the row to be written */
	TupleTableSlot **many;	 /* rows to be written at once, DCEP_MANY of them; NULL before the first use */
	bool is_heap;			 /* of PostgreSQL's own table access method */
	bool is_updated;		 /* its rows are updated in place: its pages are tidied */
	Relation sought;		 /* the index in which numbers are sought; NULL before the first */
	DcepScan finder;		 /* of single rows, kept from one to the next; no desc before the first */
};

/* Oid of a relation; an error when the extension is not there. */
extern Oid dcep_relation_oid(DcepRelation relation);

/* `estate` is NULL for reading alone; for writing it must live until the table is closed. */
extern DcepTable *dcep_table_open(DcepRelation relation, EState *estate);
extern void dcep_table_close(DcepTable *table);

/* Equality scan key on the n-th column of an index. */
extern void dcep_key_init(ScanKey key, AttrNumber column, RegProcedure equal, Oid collation, Datum value);

/* A bound (<, =, >= or >) on a column of bigint, or of wallet numbers; and the commonest, equality. */
extern void dcep_key_bound(ScanKey key, AttrNumber column, StrategyNumber strategy, int64 number);
extern void dcep_key_number(ScanKey key, AttrNumber column, int64 number);

extern DcepScan dcep_scan_begin(DcepTable *table, DcepRelation index, Snapshot snapshot, ScanKey keys, int key_count);
/* Leaves the next row in table->slot. */
extern bool dcep_scan_next(DcepScan *scan, ScanDirection direction);
/* The row stays in table->slot. */
extern void dcep_scan_end(DcepScan *scan);

/* Finds one row by the first column(s) of an index, leaves it in table->slot. */
extern bool dcep_table_find(DcepTable *table, DcepRelation index, Snapshot snapshot, ScanKey keys, int key_count);

/* The same, and a scan, by an index whose first column is a bigint or a wallet number. */
extern bool dcep_table_find_number(DcepTable *table, DcepRelation index, Snapshot snapshot, int64 number);
extern DcepScan dcep_scan_number(DcepTable *table, DcepRelation index, Snapshot snapshot, int64 number);

/* A place in a table after which the transaction's newest rows are looked for; zero to begin with. */
typedef struct DcepTrail
{
	Buffer buffer; /* pinned, or InvalidBuffer */
	OffsetNumber next;
} DcepTrail;

/*
 * Finds a row that this transaction has inserted by the bigint in its first
 * column, and leaves it in table->slot. Rows that are asked for in the order of
 * their insertion are found on the page where the last one was, most of them;
 * others through the index. Let go of the trail at the end.
 */
extern bool dcep_trail_find(DcepTable *table, DcepRelation index, DcepTrail *trail, int64 number);
extern void dcep_trail_end(DcepTrail *trail);

/* Column of table->slot that cannot be null. */
extern Datum dcep_column(DcepTable *table, AttrNumber column);

/* Copies a bytea that must have a certain length; false where it has another. */
extern bool dcep_bytes_read(Datum value, uint8 *to, int len);
/* A bytea datum of these bytes, palloc'd. */
extern Datum dcep_bytes_datum(const uint8 *from, int len);

typedef enum DcepRowState
{
	DCEP_ROW_STABLE,   /* nobody is changing this row */
	DCEP_ROW_CHANGING, /* another transaction is changing it right now */
	DCEP_ROW_CHANGED   /* another transaction has changed it since the snapshot */
} DcepRowState;

/* Is the row in table->slot still the last word? */
extern DcepRowState dcep_row_state(DcepTable *table);

/* Raises 40001, as the server's own executor does for a row that moved on beyond the transaction's snapshot. */
extern _Noreturn void dcep_raise_concurrent(void);

/*
 * Locks the row in table->slot against other writers until the end of the
 * transaction, waiting for whoever holds it, and leaves its newest version in
 * table->slot. 40001 where the transaction's snapshot forbids that version.
 */
extern void dcep_row_lock(DcepTable *table);
/* The same, but false where the row is gone by then, unless the transaction's snapshot forbids that (40001). */
extern bool dcep_row_lock_if_there(DcepTable *table);
/*
 * The same without waiting and without an error: false where another
 * transaction holds the row, or has replaced it after the transaction's snapshot.
 */
extern bool dcep_row_try_lock(DcepTable *table);

/* Writes. `values` and `nulls` have one entry a column. */
extern void dcep_table_insert(DcepTable *table, const Datum *values, const bool *nulls);
/*
 * Inserts up to DCEP_MANY rows without nulls, `values` one after the other. Cheaper than
 * one by one; cheaper still in the order of the index.
 */
extern void dcep_table_insert_many(DcepTable *table, const Datum *values, int count);
/* Replaces the row at `tid`, which the caller has locked. Returns the new place in `tid`. */
extern void dcep_table_update(DcepTable *table, ItemPointer tid, const Datum *values, const bool *nulls);
/*
 * Replaces the row in table->slot without a lock of its own, waiting for whoever holds it: false where it was
 * replaced or removed by then, unless the transaction's snapshot forbids to go on (40001).
 */
extern bool dcep_table_try_update(DcepTable *table, const Datum *values, const bool *nulls);
/* Replaces the row that was found, which is in table->slot and locked, or inserts one where none was. */
extern void dcep_table_put(DcepTable *table, bool found, const Datum *values, const bool *nulls);
/* Deletes the row at `tid`, which no other transaction can be deleting. */
extern void dcep_table_delete(DcepTable *table, ItemPointer tid);

#endif
