/*
 * spends.c: what became of each coin.
 *
 * A transfer's inputs are followed to the transfers that minted them, whose
 * records are marked; the live coins are marked likewise.  What has neither
 * mark in the end is lost, what has both was spent and is still there.
 *
 * Ids come from one sequence, and a coin is seen by others after its
 * transfer drew its id: so whatever consumes it has a higher one.
 */
#include "spends.h"

#include "crew.h"
#include "report.h"

#include <inttypes.h>

#define TRANSFERS_A_TASK 8192
#define COIN_COLUMNS 3

/* Columns of coin. */
enum
{
	COIN_OWNER,
	COIN_AMOUNT,
	COIN_ID
};

/* --- inputs ------------------------------------------------------------------------ */

/* Consumes a coin; returns what it is worth. */
static int64_t
consume(const Ledger *ledger, const Record *record, int64_t coin)
{
	Record *minter = coin > 1 ? ledger_find(ledger, coin >> 1) : NULL;
	int which = (int) (coin & 1);

	if (minter != NULL && minter->kind == 0)
		return 0;
	if (minter == NULL || record_minted(minter, which) == 0)
	{
		report_defect("unminted", "transfer %" PRId64 ": It consumed coin %" PRId64 ", which no transfer minted.",
					  record->id, coin);
		return 0;
	}
	if (minter->id >= record->id)
		report_defect("early", "transfer %" PRId64 ": It consumed coin %" PRId64 " before that was minted.", record->id,
					  coin);
	if (record_owner(minter, which) != record->payer)
		report_defect("foreign", "transfer %" PRId64 ": It consumed coin %" PRId64 ", which was not the payer's.",
					  record->id, coin);
	if (record_mark(minter, (unsigned) MARK_CONSUMED << which))
		record_mark(minter, (unsigned) MARK_TWICE << which);
	return record_minted(minter, which);
}

/* Follows the inputs of a transfer, and adds it up. What another node has paid consumed its coins there. */
static void
check_inputs(const Ledger *ledger, const Record *record, const DcepContext *context)
{
	bool mints = record->kind == DCEP_KIND_ISSUE || !node_has(&ledger->node, record->payer);
	Sum spent = (Sum) record->amount + record->change;
	Sum consumed = 0;
	char text[2][SUM_ROOM];

	for (uint32_t i = 0; i < context->input_count; i++)
		consumed += consume(ledger, record, context->inputs[i]);
	if (mints ? context->input_count != 0 || record->change != 0 : consumed != spent)
		report_defect("unbalanced", "transfer %" PRId64 ": Its inputs are worth %s, amount and change %s.", record->id,
					  sum_text(consumed, text[0]), sum_text(spent, text[1]));
}

/* Follows the inputs of some transfers. */
static void
check_task(void *context, uint32_t task)
{
	const Ledger *ledger = context;
	uint32_t first = task * TRANSFERS_A_TASK;
	uint32_t last = ledger->ids - first < TRANSFERS_A_TASK ? ledger->ids : first + TRANSFERS_A_TASK;
	Cursor cursor = cursor_of_table(&ledger->transfers);
	static Transfer transfer;

	for (uint32_t i = first; i < last; i++)
	{
		const Record *record = &ledger->record[ledger->by_id[i]];

		if (record->kind == 0)
			continue;
		ledger_read(&cursor, record, &transfer);
		check_inputs(ledger, record, &transfer.context);
	}
	cursor_end(&cursor);
}

/* --- live coins -------------------------------------------------------------------- */

/* Compares a live coin with the transfer that minted it. */
static void
check_live(const Ledger *ledger, int64_t coin, int64_t owner, int64_t amount)
{
	Record *minter = ledger_find(ledger, coin >> 1);
	int which = (int) (coin & 1);

	if (minter != NULL && minter->kind == 0)
		return;
	if (minter == NULL || record_minted(minter, which) == 0)
		report_defect("unminted", "coin %" PRId64 ": It is live, and no transfer minted it.", coin);
	else if (!node_has(&ledger->node, record_owner(minter, which)))
		report_defect("live", "coin %" PRId64 ": It is live, and left for another node.", coin);
	else if (record_mark(minter, (unsigned) MARK_LIVE << which))
		report_defect("twice", "coin %" PRId64 ": It stands among the live coins twice.", coin);
	else if (record_owner(minter, which) != owner)
		report_defect("live", "coin %" PRId64 ": It is live, and was minted for another wallet.", coin);
	else if (record_minted(minter, which) != amount)
		report_defect("live", "coin %" PRId64 ": It is live with %" PRId64 ", and was minted with %" PRId64 ".", coin,
					  amount, record_minted(minter, which));
}

/* Reads the live coins. */
static void
check_coins(const Ledger *ledger, Totals *totals)
{
	Cursor cursor = cursor_of_table(&ledger->coins);

	while (cursor_next(&cursor, COIN_COLUMNS))
	{
		int64_t owner;
		int64_t amount;
		int64_t coin;

		if (!row_wallet(cursor.row.column[COIN_OWNER], &owner) ||
			!row_number(cursor.row.column[COIN_AMOUNT], 1, INT64_MAX, &amount) ||
			!row_number(cursor.row.column[COIN_ID], 2, INT64_MAX, &coin))
		{
			cursor_damaged(&cursor, "It is not a coin.");
			continue;
		}
		totals->live[dcep_wallet_institution(owner)] += amount;
		check_live(ledger, coin, owner, amount);
	}
	cursor_end(&cursor);
}

/* What became of a coin that a transfer minted? One that left for another node is neither live here nor consumed. */
static void
check_fate(const Node *node, const Record *record, int which)
{
	int64_t coin = record->id * 2 + which;
	bool is_live = record_has(record, (unsigned) MARK_LIVE << which);
	bool is_here = node_has(node, record_owner(record, which));

	if (record_has(record, (unsigned) MARK_TWICE << which))
		report_defect("respent", "coin %" PRId64 ": It was consumed more than once.", coin);
	if (is_live && record_has(record, (unsigned) MARK_CONSUMED << which))
		report_defect("respent", "coin %" PRId64 ": It was consumed and is live.", coin);
	if (is_here && !is_live && !record_has(record, (unsigned) MARK_CONSUMED << which))
		report_defect("lost", "coin %" PRId64 ": It is neither live nor was it consumed.", coin);
}

/* Verifies the coins. */
void
spends_verify(Ledger *ledger, Totals *totals)
{
	crew_run("coins", ledger->jobs, ledger->ids / TRANSFERS_A_TASK + (ledger->ids % TRANSFERS_A_TASK != 0), check_task,
			 ledger);
	check_coins(ledger, totals);
	for (uint32_t i = 0; i < ledger->ids; i++)
	{
		const Record *record = &ledger->record[ledger->by_id[i]];

		for (int which = DCEP_COIN_PAYEE; record->kind != 0 && which <= DCEP_COIN_CHANGE; which++)
			if (record_minted(record, which) != 0)
				check_fate(&ledger->node, record, which);
	}
}
