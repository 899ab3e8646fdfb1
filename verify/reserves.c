/*
 * reserves.c: the chains of the operators' reserve accounts.
 */
#include "reserves.h"

#include "crew.h"
#include "entry.h"
#include "memory.h"
#include "order.h"
#include "report.h"

#include <inttypes.h>
#include <string.h>

#define ENTRY_COLUMNS 13
#define ACCOUNT_COLUMNS 3

/* Columns of reserve_entry. */
enum
{
	ENTRY_INSTITUTION,
	ENTRY_SEQ,
	ENTRY_AMOUNT,
	ENTRY_BALANCE,
	ENTRY_TRANSFER,
	ENTRY_CREATED_AT,
	ENTRY_ISSUER,
	ENTRY_SUITE,
	ENTRY_KEY_NUMBER,
	ENTRY_PREV_HASH,
	ENTRY_HASH,
	ENTRY_SIGNATURE,
	ENTRY_REFERENCE
};

/* Columns of reserve_account. */
enum
{
	ACCOUNT_INSTITUTION,
	ACCOUNT_SEQ,
	ACCOUNT_HEAD
};

/* A row of reserve_entry. */
typedef struct Stored
{
	DcepEntry entry;
	int issuer;
	int suite;
	int key_number;
	uint8_t hash[DCEP_HASH_LEN];
	uint8_t signature[DCEP_SIGNATURE_LEN];
} Stored;

/* What is kept of one. There are few. */
typedef struct Kept
{
	int institution; /* 0: the row is damaged */
	int64_t seq;
	int64_t amount;
	int64_t balance;
	int64_t transfer;
	uint8_t prev_hash[DCEP_HASH_LEN];
	uint8_t hash[DCEP_HASH_LEN];
} Kept;

/* All of them. */
typedef struct Reserves
{
	const Ledger *ledger;
	Kept *kept;
	uint32_t *order; /* by institution and seq */
	uint32_t count;
} Reserves;

/* --- one entry -------------------------------------------------------------------- */

/* Reads a row. NULL, or what is wrong with it. */
static const char *
read_entry(const Row *row, Stored *stored)
{
	const DcepText *column = row->column;
	DcepEntry *entry = &stored->entry;

	entry->transfer = 0;
	if (!row_int(column[ENTRY_INSTITUTION], 1, 9999, &entry->institution) ||
		!row_number(column[ENTRY_SEQ], 1, INT64_MAX, &entry->seq) ||
		!row_number(column[ENTRY_AMOUNT], INT64_MIN, INT64_MAX, &entry->amount) ||
		!row_number(column[ENTRY_BALANCE], 0, INT64_MAX, &entry->balance) ||
		(column[ENTRY_TRANSFER].data != NULL &&
		 !row_number(column[ENTRY_TRANSFER], 1, TRANSFER_ID_MAX, &entry->transfer)))
		return "A number is missing, or out of its range.";
	if (!row_moment(column[ENTRY_CREATED_AT], &entry->created_at))
		return "Its time is not one.";
	if (!row_int(column[ENTRY_ISSUER], 1, 9999, &stored->issuer) ||
		!row_int(column[ENTRY_SUITE], DCEP_SUITE_ED25519, DCEP_SUITE_P256, &stored->suite) ||
		!row_int(column[ENTRY_KEY_NUMBER], 1, INT32_MAX, &stored->key_number))
		return "Its signer is none.";
	if (!row_bytes(column[ENTRY_PREV_HASH], entry->prev_hash, DCEP_HASH_LEN) ||
		!row_bytes(column[ENTRY_HASH], stored->hash, DCEP_HASH_LEN) ||
		!row_bytes(column[ENTRY_SIGNATURE], stored->signature, DCEP_SIGNATURE_LEN))
		return "A hash or the signature does not have its length.";
	entry->reference = column[ENTRY_REFERENCE];
	return NULL;
}

/* Reports a defect of an entry. */
static void
report(const char *check, int institution, int64_t seq, const char *sentence)
{
	report_defect(check, "reserve %04d entry %" PRId64 ": %s", institution, seq, sentence);
}

/* Is the entry what was hashed, and the hash what the central bank signed? */
static void
check_content(const Ledger *ledger, const Stored *stored)
{
	const DcepEntry *entry = &stored->entry;
	uint8_t hash[DCEP_HASH_LEN];
	DcepKeyPair *pair;
	const char *wrong;

	require_crypto(dcep_entry_hash(stored->suite, entry, hash));
	if (memcmp(hash, stored->hash, DCEP_HASH_LEN) != 0)
	{
		report("hash", entry->institution, entry->seq, "The row is not what was hashed.");
		return;
	}
	if (stored->issuer != CENTRAL_BANK)
		report("signature", entry->institution, entry->seq, "It was not signed by the central bank.");
	wrong = keys_trust(&ledger->signers, stored->issuer, stored->key_number, stored->suite, entry->created_at, &pair);
	if (wrong != NULL)
		report("key", entry->institution, entry->seq, wrong);
	else if (!is_valid(dcep_entry_verify(pair, hash, stored->signature)))
		report("signature", entry->institution, entry->seq, "The signature does not match the hash.");
}

/* Keeps what later checks ask of an entry. */
static void
keep(Kept *kept, const Stored *stored)
{
	kept->institution = stored->entry.institution;
	kept->seq = stored->entry.seq;
	kept->amount = stored->entry.amount;
	kept->balance = stored->entry.balance;
	kept->transfer = stored->entry.transfer;
	memcpy(kept->prev_hash, stored->entry.prev_hash, DCEP_HASH_LEN);
	memcpy(kept->hash, stored->hash, DCEP_HASH_LEN);
}

/* Reads and verifies a piece of the entries. */
static void
read_piece(void *context, uint32_t piece)
{
	Reserves *reserves = context;
	Cursor cursor = cursor_of_piece(&reserves->ledger->reserve_entries, piece);
	static Stored stored;

	while (cursor_next(&cursor, ENTRY_COLUMNS))
	{
		const char *wrong = read_entry(&cursor.row, &stored);

		if (wrong != NULL)
		{
			cursor_damaged(&cursor, wrong);
			continue;
		}
		keep(&reserves->kept[cursor.number], &stored);
		check_content(reserves->ledger, &stored);
	}
	cursor_end(&cursor);
}

/* --- chains ------------------------------------------------------------------------ */

/* The order of chains. */
static int
compare_entries(const void *a, const void *b, void *context)
{
	const Kept *kept = context;
	uint32_t left = *(const uint32_t *) a;
	uint32_t right = *(const uint32_t *) b;

	if (kept[left].institution != kept[right].institution)
		return order_of(kept[left].institution, kept[right].institution);
	return kept[left].seq == kept[right].seq ? order_of(left, right) : order_of(kept[left].seq, kept[right].seq);
}

/* Does an entry follow the one before it? NULL: it is the account's first. */
static void
check_link(const Kept *entry, const Kept *before)
{
	static const Kept none;

	if (before == NULL)
		before = &none;
	if (entry->seq != before->seq + 1)
		report_defect("gap", "reserve %04d entry %" PRId64 ": The chain goes from %" PRId64 " to %" PRId64 ".",
					  entry->institution, entry->seq, before->seq, entry->seq);
	if (memcmp(entry->prev_hash, before->hash, DCEP_HASH_LEN) != 0)
		report("link", entry->institution, entry->seq, "Its prev_hash is not the hash of the entry before it.");
	if ((Sum) before->balance + entry->amount != entry->balance)
		report("balance", entry->institution, entry->seq, "Its balance is not the one before and its amount.");
}

/* The last entry of an institution; NULL where it has none. */
static const Kept *
last_of(const Reserves *reserves, int institution)
{
	const Kept *last = NULL;

	for (uint32_t i = 0; i < reserves->count; i++)
	{
		const Kept *entry = &reserves->kept[reserves->order[i]];

		if (entry->institution == institution)
			last = entry;
	}
	return last;
}

/* Compares the ends of the accounts' chains with those on record; marks the accounts that there are. */
static void
check_accounts(const Reserves *reserves, bool has_account[TOTALS_INSTITUTIONS])
{
	Cursor cursor = cursor_of_table(&reserves->ledger->reserve_accounts);

	while (cursor_next(&cursor, ACCOUNT_COLUMNS))
	{
		uint8_t head[DCEP_HASH_LEN];
		int institution;
		int64_t seq;
		static const Kept none;
		const Kept *last;

		if (!row_int(cursor.row.column[ACCOUNT_INSTITUTION], 1, 9999, &institution) ||
			!row_number(cursor.row.column[ACCOUNT_SEQ], 0, INT64_MAX, &seq) ||
			!row_bytes(cursor.row.column[ACCOUNT_HEAD], head, sizeof(head)))
		{
			cursor_damaged(&cursor, "It is not an account.");
			continue;
		}
		has_account[institution] = true;
		last = last_of(reserves, institution);
		if (last == NULL)
			last = &none;
		if (seq != last->seq || memcmp(head, last->hash, DCEP_HASH_LEN) != 0)
			report_defect("head", "reserve %04d: The head on record is not its last entry.", institution);
	}
	cursor_end(&cursor);
}

/* --- counterparts -------------------------------------------------------------------- */

/* Compares an entry with the transfer that it belongs to. */
static void
check_counterpart(const Ledger *ledger, const Kept *entry)
{
	Record *record = ledger_find(ledger, entry->transfer);
	bool is_issue = record != NULL && record->kind == DCEP_KIND_ISSUE;

	if (record != NULL && record->kind == 0)
		record_mark(record, MARK_COUNTERPART);
	else if (record == NULL || (!is_issue && record->kind != DCEP_KIND_REDEEM))
		report("counterpart", entry->institution, entry->seq, "It belongs to no issue and no redemption.");
	else if (record_mark(record, MARK_COUNTERPART))
		report("counterpart", entry->institution, entry->seq, "Another entry belongs to its transfer.");
	else if ((Sum) entry->amount != (is_issue ? -(Sum) record->amount : record->amount) ||
			 entry->institution != dcep_wallet_institution(is_issue ? record->payee : record->payer))
		report("counterpart", entry->institution, entry->seq, "Its transfer is of another amount or operator.");
}

/* Reports issues and redemptions without an entry. */
static void
check_without_entry(const Ledger *ledger)
{
	for (uint32_t i = 0; i < ledger->ids; i++)
	{
		const Record *record = &ledger->record[ledger->by_id[i]];

		if ((record->kind == DCEP_KIND_ISSUE || record->kind == DCEP_KIND_REDEEM) &&
			!record_has(record, MARK_COUNTERPART))
			report_defect("counterpart", "transfer %" PRId64 ": It has no reserve entry.", record->id);
	}
}

/* Walks the chains. */
static void
walk(const Reserves *reserves, Totals *totals)
{
	bool has_account[TOTALS_INSTITUTIONS] = {false};
	const Kept *before = NULL;

	check_accounts(reserves, has_account);
	for (uint32_t i = 0; i < reserves->count; i++)
	{
		const Kept *entry = &reserves->kept[reserves->order[i]];

		if (entry->institution == 0)
			continue;
		if (before != NULL && before->institution != entry->institution)
			before = NULL;
		if (before == NULL && !has_account[entry->institution])
			report_defect("head", "reserve %04d: The account is not on record.", entry->institution);
		check_link(entry, before);
		if (entry->transfer != 0)
		{
			totals->debited[entry->institution] -= entry->amount;
			check_counterpart(reserves->ledger, entry);
		}
		before = entry;
	}
}

/* Verifies the reserves. */
void
reserves_verify(Ledger *ledger, Totals *totals)
{
	Reserves reserves = {.ledger = ledger,
						 .kept = memory_share(sizeof(Kept), ledger->reserve_entries.rows),
						 .count = (uint32_t) ledger->reserve_entries.rows};

	crew_run("reserves", ledger->jobs, ledger->reserve_entries.pieces, read_piece, &reserves);
	reserves.order = order_make(reserves.count, compare_entries, reserves.kept);
	walk(&reserves, totals);
	/* An operator's node has none: the registry keeps them. */
	if (ledger->node.own == CENTRAL_BANK)
		check_without_entry(ledger);
}
