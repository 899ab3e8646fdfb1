/*
 * ledger.h: a whole journal that is being verified, and what is known of it.
 *
 * Of a transfer 72 bytes are kept, in memory that all processes share: a record,
 * and its places in the order of ids and of chains.  Whatever else is needed of
 * it is read again from the file.
 */
#ifndef VERIFY_LEDGER_H
#define VERIFY_LEDGER_H

#include "export.h"
#include "journal_row.h"
#include "keys.h"
#include "node.h"

#include <stdatomic.h>

/* What is known of a transfer. */
enum
{
	MARK_CONSUMED = 1,	   /* its payee's coin was consumed; the change: shifted by 1 */
	MARK_TWICE = 4,		   /* more than once; likewise */
	MARK_LIVE = 16,		   /* is a live coin; likewise */
	MARK_SEALED = 64,	   /* is in the log */
	MARK_END = 128,		   /* a wallet's chain on record ends with it */
	MARK_COUNTERPART = 256 /* has a reserve entry */
};

/* What is kept of a row of dcep.transfer. */
typedef struct Record
{
	int64_t id; /* 0 where the row has none */
	int64_t payer;
	int64_t payee;
	int64_t amount;
	int64_t change;
	int64_t seq;
	uint64_t offset; /* of its row in the file */
	uint8_t kind;	 /* DcepKind; 0 where the row is damaged: then the id alone is known */
	_Atomic uint16_t marks;
} Record;

/* What is kept of a row of dcep.signed_batch. */
typedef struct BatchRecord
{
	int64_t id; /* 0 where the row is damaged */
	uint64_t offset;
	uint32_t size;
	_Atomic uint32_t claimed; /* transfers that name a place in it, which has their hash */
} BatchRecord;

typedef struct Ledger
{
	int jobs;
	char currency[DCEP_CURRENCY_LEN];
	int exponent;
	Node node;
	Table transfers;
	Table batches;
	Table coins;
	Table reserve_entries;
	Table reserve_accounts;
	Table chains; /* no rows where has_chains is not set; so the others */
	bool has_chains;
	Table devices;
	Keys signers;
	Keys device_keys;
	Record *record; /* as the rows stand in the file */
	uint32_t *by_id;
	uint32_t ids; /* length of by_id: records with an id, each id once */
	uint32_t *by_chain;
	uint32_t chained; /* length of by_chain: sound records, in the order of payer and seq */
	BatchRecord *batch;
	uint32_t *batch_by_id;
	uint32_t batch_ids;
} Ledger;

/* The record of an id; NULL where there is none. */
extern Record *ledger_find(const Ledger *ledger, int64_t id);
/* Reads the row of a record again; ends the process where it is not as before. */
extern void ledger_read(Cursor *cursor, const Record *record, Transfer *transfer);
/* Only its hashes. */
extern void ledger_read_hashes(Cursor *cursor, const Record *record, uint8_t prev_hash[DCEP_HASH_LEN],
							   uint8_t hash[DCEP_HASH_LEN]);

/* What the coin of a transfer is worth; 0 where it minted none. `which` as in opening.h. */
extern int64_t record_minted(const Record *record, int which);
/* Whose it is. */
extern int64_t record_owner(const Record *record, int which);

/* Sets a mark; was it set? */
extern bool record_mark(Record *record, unsigned mark);
extern bool record_has(const Record *record, unsigned mark);

#endif
