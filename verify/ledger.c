/*
 * ledger.c: what is known of a journal that is being verified.
 */
#include "ledger.h"

#include "report.h"

/* The record of an id. */
Record *
ledger_find(const Ledger *ledger, int64_t id)
{
	uint32_t low = 0;
	uint32_t high = ledger->ids;

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;
		Record *record = &ledger->record[ledger->by_id[middle]];

		if (record->id == id)
			return record;
		if (record->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* Reads a row again. */
static void
read_again(Cursor *cursor, const Record *record)
{
	if (!cursor_read(cursor, record->offset, TRANSFER_COLUMNS))
		fail("%s: the file has changed while it was read", cursor->table->name);
}

/* Reads the row of a record again. */
void
ledger_read(Cursor *cursor, const Record *record, Transfer *transfer)
{
	read_again(cursor, record);
	if (transfer_read(&cursor->row, transfer) != NULL)
		fail("%s: the file has changed while it was read", cursor->table->name);
}

/* Reads its hashes again. */
void
ledger_read_hashes(Cursor *cursor, const Record *record, uint8_t prev_hash[DCEP_HASH_LEN], uint8_t hash[DCEP_HASH_LEN])
{
	read_again(cursor, record);
	if (!transfer_read_hashes(&cursor->row, prev_hash, hash))
		fail("%s: the file has changed while it was read", cursor->table->name);
}

/* What a coin is worth. */
int64_t
record_minted(const Record *record, int which)
{
	if (which == DCEP_COIN_CHANGE)
		return record->change;
	return record->kind == DCEP_KIND_REDEEM ? 0 : record->amount;
}

/* Whose it is. */
int64_t
record_owner(const Record *record, int which)
{
	return which == DCEP_COIN_CHANGE ? record->payer : record->payee;
}

/* Sets a mark. */
bool
record_mark(Record *record, unsigned mark)
{
	return (atomic_fetch_or(&record->marks, (uint16_t) mark) & mark) != 0;
}

/* Is a mark set? */
bool
record_has(const Record *record, unsigned mark)
{
	return (atomic_load(&record->marks) & mark) != 0;
}
