/*
 * answers.c: is every message about a payment answered as it has to be, and is that on record?
 *
 * A node takes a message and posts what answers it in one transaction.  So of
 * what it has taken, nothing is without an answer of its own.
 */
#include "answers.h"

#include "report.h"

#include <inttypes.h>

/* Reports what is wrong with a payment. */
static void
report(const char *check, const Crossing *crossing, const char *sentence)
{
	report_defect(check, "payment %04d %" PRId64 ": %s", crossing->origin, crossing->transfer, sentence);
}

/* --- messages ------------------------------------------------------------------------- */

/* An operator's node: has the registry ended what this node has told of, and has this node answered what it was asked? */
static void
check_operator(const Node *node, const Crossing *crossing)
{
	if (crossing->origin == node->own)
	{
		if (crossing->end != NULL && crossing->pay == NULL)
			report("unasked", crossing, "The registry has ended it, and this node has not told of it.");
	}
	else if (crossing->credit != NULL && crossing->answer == NULL)
		report("unanswered", crossing, "The registry asks for it, and this node has neither accepted nor declined it.");
	else if (crossing->credit == NULL && crossing->answer != NULL)
		report("unasked", crossing, "This node has answered for it, and the registry has not asked.");
}

/* The registry: has it passed on what was paid, to the node that is paid? */
static void
check_passed_on(const Crossing *crossing)
{
	const MessageRecord *credit = crossing->credit;

	if (crossing->answer != NULL && (credit == NULL || crossing->answer->sender != credit->receiver))
		report("unasked", crossing, "A node has answered for it that was not asked.");
	if (crossing->origin == CENTRAL_BANK)
		return;
	if (crossing->pay == NULL)
	{
		if (credit != NULL || crossing->end != NULL)
			report("unasked", crossing, "The registry tells of it, and no node has made it.");
	}
	else if (credit != NULL && !told_is_same(&credit->told, &crossing->pay->told))
		report("differs", crossing, "The registry has passed another payment on.");
}

/* The registry: has it told the payer's node how the payment has ended? */
static void
check_end(const Node *node, const Crossing *crossing)
{
	if (crossing->end == NULL)
	{
		/* What is with the payee's node has time. */
		if (crossing->credit == NULL || crossing->answer != NULL)
			report("unanswered", crossing, "It has ended, and its node was not told.");
	}
	else if (crossing->end->kind == MESSAGE_RETURNED)
	{
		if (!told_is_same(&crossing->end->told, &crossing->pay->told))
			report("differs", crossing, "The message that returns it says another payer, payee or amount.");
		if (crossing->credit != NULL && !message_is(crossing->answer, MESSAGE_DECLINED))
			report("unasked", crossing, "It was returned, and its payee's node has not declined it.");
	}
	else if (!crossing_ends_here(node, crossing) && !message_is(crossing->answer, MESSAGE_ACCEPTED))
		report("unasked", crossing, "It was settled, and its payee's node has not accepted it.");
}

/* Compares the messages with one another. */
static void
check_messages(const Node *node, const Crossing *crossing)
{
	if (!node_is_registry(node))
	{
		check_operator(node, crossing);
		return;
	}
	check_passed_on(crossing);
	if (crossing->origin != CENTRAL_BANK && crossing->pay != NULL)
		check_end(node, crossing);
}

/* --- what is on record ---------------------------------------------------------------- */

/* What has become of a payment. */
CrossingState
answers_state(const Node *node, const Crossing *crossing)
{
	bool is_ended_here = node_is_registry(node) ? crossing->origin != CENTRAL_BANK : crossing->origin == node->own;
	const MessageRecord *last = is_ended_here ? crossing->end : crossing->answer;

	if (last == NULL)
		return CROSSING_PENDING;
	return last->kind == MESSAGE_RETURNED || last->kind == MESSAGE_DECLINED ? CROSSING_RETURNED : CROSSING_SETTLED;
}

/* The transfer that is named on record beside a payment: that entered it here, or brought it back. */
static int64_t
local_transfer(const Crossing *crossing)
{
	if (crossing->entered != NULL)
		return crossing->entered->id;
	return crossing->back != NULL ? crossing->back->id : 0;
}

/* Is a payment on record as messages and journal have it? */
static void
check_record(const Node *node, const Crossing *crossing)
{
	CrossingState state = answers_state(node, crossing);
	Told payment = crossing_payment(crossing);
	/* What a node has declined it has no record of. */
	bool is_kept = node_is_registry(node) || crossing->origin == node->own || state != CROSSING_RETURNED;

	if (payment.origin == 0)
	{
		if (crossing->is_on_record)
			report("record", crossing, "It is on record, and neither a message nor the journal tells of it.");
	}
	else if (!crossing->is_on_record)
	{
		if (is_kept)
			report("record", crossing, "It is not on record.");
	}
	else if (!told_is_same(&crossing->row.told, &payment))
		report("record", crossing, "It is on record with another payer, payee, amount or kind.");
	else if (crossing->row.state != state)
		report_defect("record", "payment %04d %" PRId64 ": It is %s on record, and %s by the messages.",
					  crossing->origin, crossing->transfer, crossing_state_name(crossing->row.state),
					  crossing_state_name(state));
	else if (crossing->row.told.local_transfer != local_transfer(crossing))
		report("record", crossing, "It is on record with another transfer of this node.");
}

/* Compares messages, and what is on record. */
void
answers_verify(const Crossings *crossings)
{
	const Node *node = &crossings->ledger->node;

	for (size_t i = 0; i < crossings->count; i++)
	{
		check_messages(node, &crossings->crossing[i]);
		if (crossings->has_table)
			check_record(node, &crossings->crossing[i]);
	}
}
