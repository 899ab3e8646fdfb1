/*
 * batches.c: signatures over many transfers.
 *
 * A batch's signature is verified once; a transfer then has to have its hash
 * among the leaves.  A leaf that no transfer has tells of a transfer that is
 * missing.  Whether the key was valid is asked for each transfer, since a batch
 * has no time.
 */
#include "batches.h"

#include "crew.h"
#include "memory.h"
#include "order.h"
#include "report.h"

#include <inttypes.h>
#include <string.h>

/* Verifies the signature of a batch. */
static void
check_signature(const Ledger *ledger, const SignedBatch *batch)
{
	Key *key = keys_find(&ledger->signers, batch->issuer, batch->key_number);
	uint8_t root[DCEP_HASH_LEN];

	/* An unknown key is a defect of each transfer. */
	if (key == NULL || key->suite != batch->suite || key_pair(key) == NULL)
		return;
	require_crypto(dcep_batch_root(batch->suite, (const uint8_t(*)[DCEP_HASH_LEN]) batch->leaf, batch->size, root));
	if (!is_valid(dcep_root_verify(key_pair(key), root, batch->signature)))
		report_defect("signature", "batch %" PRId64 ": The signature does not match its leaves.", batch->id);
}

/* Reads a piece of the batches. */
static void
read_piece(void *context, uint32_t piece)
{
	Ledger *ledger = context;
	Cursor cursor = cursor_of_piece(&ledger->batches, piece);
	static SignedBatch batch;

	while (cursor_next(&cursor, BATCH_COLUMNS))
	{
		BatchRecord *record = &ledger->batch[cursor.number];
		const char *wrong = batch_read(&cursor.row, &batch);

		if (wrong != NULL)
		{
			cursor_damaged(&cursor, wrong);
			continue;
		}
		record->id = batch.id;
		record->offset = cursor.offset;
		record->size = batch.size;
		check_signature(ledger, &batch);
	}
	cursor_end(&cursor);
}

/* The order of batches. */
static int
compare_batches(const void *a, const void *b, void *context)
{
	const BatchRecord *batch = context;
	uint32_t left = *(const uint32_t *) a;
	uint32_t right = *(const uint32_t *) b;

	return batch[left].id == batch[right].id ? order_of(left, right) : order_of(batch[left].id, batch[right].id);
}

/* Reports batches whose id another one has. */
static void
check_twins(const Ledger *ledger)
{
	for (uint32_t i = 1; i < ledger->batch_ids; i++)
	{
		int64_t id = ledger->batch[ledger->batch_by_id[i]].id;

		if (id != 0 && id == ledger->batch[ledger->batch_by_id[i - 1]].id)
			report_defect("twice", "batch %" PRId64 ": It stands in the export twice.", id);
	}
}

/* Reads all batches. */
void
batches_verify(Ledger *ledger)
{
	ledger->batch = memory_share(sizeof(BatchRecord), ledger->batches.rows);
	crew_run("batches", ledger->jobs, ledger->batches.pieces, read_piece, ledger);
	ledger->batch_ids = (uint32_t) ledger->batches.rows;
	ledger->batch_by_id = order_make(ledger->batch_ids, compare_batches, ledger->batch);
	check_twins(ledger);
}

/* The record of a batch, the first of its id; NULL where there is none. */
static BatchRecord *
find_batch(const Ledger *ledger, int64_t id)
{
	uint32_t low = 0;
	uint32_t high = ledger->batch_ids;

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;

		if (ledger->batch[ledger->batch_by_id[middle]].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == ledger->batch_ids || ledger->batch[ledger->batch_by_id[low]].id != id)
		return NULL;
	return &ledger->batch[ledger->batch_by_id[low]];
}

/* Reads a batch that a transfer names, unless it is the one that was read last. */
static const SignedBatch *
load_batch(const Ledger *ledger, const BatchRecord *record)
{
	static SignedBatch batch;
	static Cursor cursor;

	if (batch.id == record->id)
		return &batch;
	cursor.table = &ledger->batches;
	if (!cursor_read(&cursor, record->offset, BATCH_COLUMNS) || batch_read(&cursor.row, &batch) != NULL)
		fail("%s: the file has changed while it was read", ledger->batches.name);
	return &batch;
}

/* Is a transfer under its batch's signature? */
const char *
batches_claim(const Ledger *ledger, const Transfer *transfer)
{
	BatchRecord *record = find_batch(ledger, transfer->batch);
	const SignedBatch *batch;

	if (record == NULL)
		return "Its batch is missing.";
	batch = load_batch(ledger, record);
	if ((uint32_t) transfer->batch_index >= batch->size ||
		memcmp(batch->leaf[transfer->batch_index], transfer->hash, DCEP_HASH_LEN) != 0)
		return "Its batch has another hash in its place.";
	atomic_fetch_add(&record->claimed, 1);
	if (batch->issuer != transfer->issuer || batch->suite != transfer->suite ||
		batch->key_number != transfer->key_number)
		return "Its batch was signed with another key.";
	return NULL;
}

/* Has every leaf its transfer? */
void
batches_close(const Ledger *ledger)
{
	for (uint32_t i = 0; i < ledger->batch_ids; i++)
	{
		const BatchRecord *record = &ledger->batch[i];
		uint32_t claimed = atomic_load(&record->claimed);

		if (record->id != 0 && claimed != record->size)
			report_defect(
				"batch", "batch %" PRId64 ": It covers %" PRIu32 " transfers, and the journal has %" PRIu32 " of them.",
				record->id, record->size, claimed);
	}
}
