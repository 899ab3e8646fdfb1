/*
 * holdings.c: what the wallets of each node hold, by messages.
 *
 * The registry's holding of an operator grows with what was issued to it, from
 * when that has left, and with what it has accepted; it shrinks by what the
 * operator has paid, from when the registry has taken that, until it is
 * returned.  What is under way between two operators is in no holding.
 */
#include "holdings.h"

#include "answers.h"
#include "report.h"

#include <inttypes.h>
#include <stdio.h>

#define HOLDING_COLUMNS 2

/* Columns of holding. */
enum
{
	HOLDING_INSTITUTION,
	HOLDING_AMOUNT
};

/* --- an operator's node ----------------------------------------------------------------- */

/* What went over the edge of the node, minor units. */
typedef struct Flow
{
	Sum came; /* from others, as messages asked for it */
	Sum left;
	Sum back;	   /* of what left, as messages returned it */
	Sum under_way; /* of what left, what has not ended */
	Sum untold;	   /* of that, what the registry has not been told of yet */
} Flow;

/* Adds a payment. */
static void
add_flow(const Node *node, const Crossing *crossing, Flow *flow)
{
	CrossingState state = answers_state(node, crossing);

	if (crossing->origin != node->own)
	{
		if (crossing->entered != NULL && crossing->credit != NULL)
			flow->came += crossing->credit->told.amount;
	}
	else if (crossing->left != NULL)
	{
		flow->left += crossing->left->amount;
		flow->back += state == CROSSING_RETURNED ? crossing->left->amount : 0;
		flow->under_way += state == CROSSING_PENDING ? crossing->left->amount : 0;
		flow->untold += crossing->pay == NULL ? crossing->left->amount : 0;
	}
}

/* Verifies the books of an operator's node. */
static void
check_operator(const Crossings *crossings, const Totals *totals)
{
	const Node *node = &crossings->ledger->node;
	const Line *line = messages_line(crossings->messages, CENTRAL_BANK);
	Sum live = totals->live[node->own];
	Flow flow = {0};
	Sum due;
	char text[5][SUM_ROOM];

	for (size_t i = 0; i < crossings->count; i++)
		add_flow(node, &crossings->crossing[i], &flow);
	due = flow.came - flow.left + flow.back;
	if (due != live)
		report_defect("holding", "operator %04d: Messages of the registry make it %s, its live coins are worth %s.",
					  node->own, sum_text(due, text[0]), sum_text(live, text[1]));
	report_line("node %04d: came %s, left %s, of which %s came back and %s are under way; live coins %s", node->own,
				sum_text(flow.came, text[0]), sum_text(flow.left, text[1]), sum_text(flow.back, text[2]),
				sum_text(flow.under_way, text[3]), sum_text(live, text[4]));
	report_line("holding %04d: %s; after message %" PRId64 " of this node and message %" PRId64 " to it", node->own,
				sum_text(due + flow.untold, text[0]), line == NULL ? 0 : line->posted, line == NULL ? 0 : line->taken);
}

/* --- the registry ------------------------------------------------------------------------- */

/* The registry's books, minor units. */
typedef struct Registered
{
	Sum holding[INSTITUTIONS];
	Sum untold[INSTITUTIONS]; /* of that, what the operator has not been told of yet */
	bool is_on_record[INSTITUTIONS];
	Sum under_way; /* between two operators */
} Registered;

static Registered registered;

/* Adds a payment that the registry itself has made. */
static void
add_own(const Node *node, const Crossing *crossing)
{
	int payee;

	if (crossing->left == NULL || answers_state(node, crossing) == CROSSING_RETURNED)
		return;
	payee = dcep_wallet_institution(crossing->left->payee);
	registered.holding[payee] += crossing->left->amount;
	if (crossing->credit == NULL)
		registered.untold[payee] += crossing->left->amount;
}

/* Adds a payment that an operator's node has made. */
static void
add_paid(const Node *node, const Crossing *crossing)
{
	const Told *paid = &crossing->pay->told;
	CrossingState state = answers_state(node, crossing);

	if (state == CROSSING_RETURNED)
		return;
	registered.holding[crossing->origin] -= paid->amount;
	if (state == CROSSING_PENDING)
		registered.under_way += paid->amount;
	else if (!crossing_ends_here(node, crossing))
		registered.holding[dcep_wallet_institution(paid->payee)] += paid->amount;
}

/* Compares a holding on record with what messages make it. */
static void
check_holding(int institution, int64_t amount)
{
	Sum due = registered.holding[institution];
	char text[SUM_ROOM];

	if (registered.is_on_record[institution])
		report_defect("twice", "holding %04d: It stands in the export twice.", institution);
	else if (due != amount)
		report_defect("holding", "holding %04d: It is %" PRId64 " on record, and %s by messages.", institution, amount,
					  sum_text(due, text));
	registered.is_on_record[institution] = true;
}

/* Reads the holdings on record. */
static void
check_holdings(const Table *holdings)
{
	Cursor cursor = cursor_of_table(holdings);

	while (cursor_next(&cursor, HOLDING_COLUMNS))
	{
		int institution;
		int64_t amount;

		if (!row_int(cursor.row.column[HOLDING_INSTITUTION], 1, INSTITUTIONS - 1, &institution) ||
			!row_number(cursor.row.column[HOLDING_AMOUNT], 0, INT64_MAX, &amount))
			cursor_damaged(&cursor, "It is not a holding.");
		else
			check_holding(institution, amount);
	}
	cursor_end(&cursor);
	for (int code = 1; code < INSTITUTIONS; code++)
		if (registered.holding[code] != 0 && !registered.is_on_record[code])
			report_defect("holding", "holding %04d: It is not on record.", code);
}

/* Says what an operator's wallets hold. */
static void
say_holding(const Line *line)
{
	char text[2][SUM_ROOM];
	char untold[SUM_ROOM + 40] = "";

	if (registered.untold[line->peer] != 0)
		snprintf(untold, sizeof(untold), ", of which %s are to be told of",
				 sum_text(registered.untold[line->peer], text[0]));
	report_line("holding %04d: %s%s; after message %" PRId64 " of that node and message %" PRId64 " to it", line->peer,
				sum_text(registered.holding[line->peer], text[1]), untold, line->taken, line->posted);
}

/* Compares the sum with what was issued and not redeemed. */
static void
check_sum(const Crossings *crossings, const Totals *totals)
{
	const Messages *messages = crossings->messages;
	Sum held = 0;
	Sum live = 0;
	Sum outstanding = 0;
	char text[4][SUM_ROOM];

	for (int code = 1; code < INSTITUTIONS; code++)
	{
		held += registered.holding[code];
		live += totals->live[code];
		outstanding += totals->issued[code] - totals->redeemed[code];
	}
	if (held + registered.under_way + live != outstanding)
		report_defect("holding",
					  "ledger: Holdings are %s, payments under way %s, live coins here %s, issued less redeemed %s.",
					  sum_text(held, text[0]), sum_text(registered.under_way, text[1]), sum_text(live, text[2]),
					  sum_text(outstanding, text[3]));
	for (size_t i = 0; i < messages->line_count; i++)
		say_holding(&messages->line[i]);
	report_line("registry: holdings %s, payments under way %s, live coins here %s", sum_text(held, text[0]),
				sum_text(registered.under_way, text[1]), sum_text(live, text[2]));
}

/* Verifies the books of the registry. */
static void
check_registry(const Crossings *crossings, const Totals *totals, const Table *holdings)
{
	const Node *node = &crossings->ledger->node;

	for (size_t i = 0; i < crossings->count; i++)
	{
		const Crossing *crossing = &crossings->crossing[i];

		if (crossing->origin == CENTRAL_BANK)
			add_own(node, crossing);
		else if (crossing->pay != NULL)
			add_paid(node, crossing);
	}
	check_holdings(holdings);
	check_sum(crossings, totals);
}

/* Verifies what nodes hold. */
void
holdings_verify(const Crossings *crossings, const Totals *totals, const Table *holdings)
{
	if (node_is_registry(&crossings->ledger->node))
		check_registry(crossings, totals, holdings);
	else
		check_operator(crossings, totals);
}
