/*
 * chains.c: the hash chains of payers.
 */
#include "chains.h"

#include "crew.h"
#include "report.h"

#include <inttypes.h>
#include <string.h>

#define LINKS_A_TASK 8192
#define CHAIN_COLUMNS 3

/* Columns of wallet_chain. */
enum
{
	CHAIN_WALLET,
	CHAIN_SEQ,
	CHAIN_HEAD
};

/* --- links ---------------------------------------------------------------------- */

/* Does a transfer follow the one before it in its chain, of which the hash is given? Zeros and seq 0: it is the first. */
static void
check_link(const Record *record, int64_t seq, const uint8_t expected[DCEP_HASH_LEN],
		   const uint8_t prev_hash[DCEP_HASH_LEN])
{
	if (record->seq != seq + 1)
		report_defect("gap", "transfer %" PRId64 ": The payer's chain goes from %" PRId64 " to %" PRId64 ".",
					  record->id, seq, record->seq);
	if (memcmp(prev_hash, expected, DCEP_HASH_LEN) != 0)
		report_defect("link", "transfer %" PRId64 ": Its prev_hash is not the hash of the transfer before it.",
					  record->id);
}

/* Checks some links one after the other. */
static void
check_links(void *context, uint32_t task)
{
	const Ledger *ledger = context;
	uint32_t first = task * LINKS_A_TASK;
	uint32_t last = ledger->chained - first < LINKS_A_TASK ? ledger->chained : first + LINKS_A_TASK;
	Cursor cursor = cursor_of_table(&ledger->transfers);
	uint8_t before[DCEP_HASH_LEN] = {0};
	uint8_t prev_hash[DCEP_HASH_LEN];
	uint8_t hash[DCEP_HASH_LEN];

	if (first > 0)
		ledger_read_hashes(&cursor, &ledger->record[ledger->by_chain[first - 1]], prev_hash, before);
	for (uint32_t i = first; i < last; i++)
	{
		const Record *record = &ledger->record[ledger->by_chain[i]];
		const Record *previous = i == 0 ? NULL : &ledger->record[ledger->by_chain[i - 1]];
		bool is_first = previous == NULL || previous->payer != record->payer;

		if (is_first)
			memset(before, 0, sizeof(before));
		ledger_read_hashes(&cursor, record, prev_hash, hash);
		check_link(record, is_first ? 0 : previous->seq, before, prev_hash);
		memcpy(before, hash, sizeof(before));
	}
	cursor_end(&cursor);
}

/* --- ends ----------------------------------------------------------------------- */

/* The last transfer of a payer; NULL where it has paid none. */
static Record *
last_of(const Ledger *ledger, int64_t payer)
{
	uint32_t low = 0;
	uint32_t high = ledger->chained;
	Record *record;

	/* The first one behind the payer's. */
	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;

		if (ledger->record[ledger->by_chain[middle]].payer <= payer)
			low = middle + 1;
		else
			high = middle;
	}
	record = low == 0 ? NULL : &ledger->record[ledger->by_chain[low - 1]];
	return record != NULL && record->payer == payer ? record : NULL;
}

/* Compares the end of a chain on record with the journal. */
static void
check_end(const Ledger *ledger, int64_t wallet, int64_t seq, const uint8_t head[DCEP_HASH_LEN], Cursor *journal)
{
	Record *last = last_of(ledger, wallet);
	uint8_t prev_hash[DCEP_HASH_LEN];
	uint8_t hash[DCEP_HASH_LEN] = {0};

	if (last != NULL)
	{
		record_mark(last, MARK_END);
		ledger_read_hashes(journal, last, prev_hash, hash);
	}
	if (seq != (last == NULL ? 0 : last->seq))
		report_defect("head",
					  "wallet %016" PRId64 ": Its chain on record has %" PRId64 " transfers, the journal %" PRId64 ".",
					  wallet, seq, last == NULL ? 0 : last->seq);
	else if (memcmp(head, hash, DCEP_HASH_LEN) != 0)
		report_defect("head", "wallet %016" PRId64 ": The head on record is not the hash of its last transfer.",
					  wallet);
}

/* Compares all ends on record. */
static void
check_ends(const Ledger *ledger)
{
	Cursor cursor = cursor_of_table(&ledger->chains);
	Cursor journal = cursor_of_table(&ledger->transfers);

	while (cursor_next(&cursor, CHAIN_COLUMNS))
	{
		uint8_t head[DCEP_HASH_LEN];
		int64_t wallet;
		int64_t seq;

		if (!row_wallet(cursor.row.column[CHAIN_WALLET], &wallet) ||
			!row_number(cursor.row.column[CHAIN_SEQ], 0, INT64_MAX, &seq) ||
			!row_bytes(cursor.row.column[CHAIN_HEAD], head, sizeof(head)))
			cursor_damaged(&cursor, "It is not the end of a chain.");
		else
			check_end(ledger, wallet, seq, head, &journal);
	}
	cursor_end(&journal);
	cursor_end(&cursor);
}

/* Reports payers of whom no end is on record. */
static void
check_without_end(const Ledger *ledger)
{
	for (uint32_t i = 0; i < ledger->chained; i++)
	{
		const Record *record = &ledger->record[ledger->by_chain[i]];
		bool is_last = i + 1 == ledger->chained || ledger->record[ledger->by_chain[i + 1]].payer != record->payer;

		if (is_last && !record_has(record, MARK_END))
			report_defect("head", "wallet %016" PRId64 ": The end of its chain is not on record.", record->payer);
	}
}

/* Walks the chains. */
void
chains_verify(Ledger *ledger)
{
	crew_run("chains", ledger->jobs, ledger->chained / LINKS_A_TASK + (ledger->chained % LINKS_A_TASK != 0),
			 check_links, ledger);
	if (!ledger->has_chains)
		return;
	check_ends(ledger);
	check_without_end(ledger);
}
