/*
 * covers.c: is money that came from other nodes covered by messages, and are they told of what left?
 *
 * An operator's node tells of what has left by `pay`, takes what the registry's
 * `credit` asks for, and has back what its `returned` says.  The registry tells
 * of what it has issued by `credit`, takes what an operator redeems by its
 * `pay`, and has an issue back, as a redemption, that was `declined`.
 */
#include "covers.h"

#include "report.h"

#include <inttypes.h>

/* Where rows are read again. */
typedef struct Books
{
	const Crossings *crossings;
	const Node *node;
	Cursor journal;
	Cursor messages;
} Books;

/* Reports what is wrong with a payment. */
static void
report(const char *check, const Crossing *crossing, const char *sentence)
{
	report_defect(check, "payment %04d %" PRId64 ": %s", crossing->origin, crossing->transfer, sentence);
}

/* --- what left ------------------------------------------------------------------------- */

/* Was a node told of what left, and was what it was told what left? */
static void
check_left(const Books *books, const Crossing *crossing)
{
	const MessageRecord *told = node_is_registry(books->node) ? crossing->credit : crossing->pay;
	Told left;

	if (crossing->left == NULL)
	{
		if (told != NULL)
			report("unpaid", crossing, "A message of this node tells of it, and the journal does not have it.");
		return;
	}
	if (told == NULL)
	{
		if (!crossing->is_on_record || !crossing->row.waits)
			report("untold", crossing, "It has left for another node, and no message tells of it.");
		return;
	}
	left = told_of_record(crossing->origin, crossing->left);
	if (!told_is_same(&told->told, &left))
		report("differs", crossing, "The message that tells of it says another payer, payee, amount or kind.");
}

/* --- what came back ---------------------------------------------------------------------- */

/* Is this what the payer, or where it has closed its wallet its operator's vault, has to get back? */
static bool
is_return_of(const Books *books, const Crossing *crossing, const Told *payment)
{
	const Record *back = crossing->back;

	if (back->payer != payment->payee || back->amount != payment->amount)
		return false;
	if (node_is_registry(books->node))
		return back->kind == DCEP_KIND_REDEEM && back->payee == payment->payer;
	return back->kind == DCEP_KIND_RETURN &&
		   (back->payee == payment->payer || back->payee == books->node->vault[books->node->own]);
}

/* Has what was returned come back, and nothing else? */
static void
check_back(const Books *books, const Crossing *crossing)
{
	const MessageRecord *returned = node_is_registry(books->node) ? crossing->answer : crossing->end;
	Told payment = crossing_payment(crossing);

	if (!message_is(returned, MESSAGE_RETURNED) && !message_is(returned, MESSAGE_DECLINED))
		returned = NULL;
	if (message_is(returned, MESSAGE_RETURNED) && !told_is_same(&returned->told, &payment))
		report("differs", crossing, "The message that returns it says another payer, payee or amount.");
	if (crossing->back == NULL)
	{
		if (returned != NULL)
			report("unpaid", crossing, "It was returned, and the journal does not have it back.");
	}
	else if (returned == NULL)
		report_defect("uncovered",
					  "transfer %" PRId64 ": It brings payment %04d %" PRId64 " back, and no message returns that.",
					  crossing->back->id, crossing->origin, crossing->transfer);
	else if (!is_return_of(books, crossing, &payment))
		report_defect("differs", "transfer %" PRId64 ": It is not what comes back of payment %04d %" PRId64 ".",
					  crossing->back->id, crossing->origin, crossing->transfer);
}

/* --- what came ------------------------------------------------------------------------------ */

/* Was the memo entered that the message brought? */
static bool
has_its_memo(Books *books, const MessageRecord *asks, const Record *entered)
{
	static Transfer transfer;
	static Message message;

	ledger_read(&books->journal, entered, &transfer);
	messages_read(&books->messages, asks, &message);
	return message_has_memo(&message, transfer.context.memo);
}

/* Is a transfer what a message asks for? */
static void
check_entered(Books *books, const Crossing *crossing, const MessageRecord *asks)
{
	const Record *entered = crossing->entered;
	Told told = told_of_record(crossing->origin, entered);

	if (asks == NULL)
		report_defect("uncovered",
					  "transfer %" PRId64 ": It came from another node as payment %04d %" PRId64
					  ", and no message asks for that.",
					  entered->id, crossing->origin, crossing->transfer);
	else if (!told_is_same(&asks->told, &told))
		report_defect("differs",
					  "transfer %" PRId64 ": Message %04d-%04d %" PRId64
					  " asks for another payer, payee, amount or kind.",
					  entered->id, asks->sender, asks->receiver, asks->number);
	else if (!has_its_memo(books, asks, entered))
		report_defect("differs", "transfer %" PRId64 ": Message %04d-%04d %" PRId64 " asks for another memo.",
					  entered->id, asks->sender, asks->receiver, asks->number);
}

/* The message by which the money is here: of this node, or where it is the registry's of what ends here. NULL for none. */
static const MessageRecord *
acceptance(const Books *books, const Crossing *crossing)
{
	if (!node_is_registry(books->node))
		return message_is(crossing->answer, MESSAGE_ACCEPTED) ? crossing->answer : NULL;
	return crossing_ends_here(books->node, crossing) && message_is(crossing->end, MESSAGE_SETTLED) ? crossing->end
																								   : NULL;
}

/* Has what this node has accepted come, and nothing else? */
static void
check_came(Books *books, const Crossing *crossing)
{
	const MessageRecord *asks = node_is_registry(books->node) ? crossing->pay : crossing->credit;
	const MessageRecord *accepted = acceptance(books, crossing);

	if (crossing->entered == NULL)
	{
		if (accepted != NULL)
			report("unpaid", crossing, "This node has accepted it, and the journal does not have it.");
		return;
	}
	check_entered(books, crossing, asks);
	if (asks == NULL)
		return;
	if (accepted == NULL)
		report_defect("uncovered",
					  "transfer %" PRId64 ": It enters payment %04d %" PRId64 ", which this node has not accepted.",
					  crossing->entered->id, crossing->origin, crossing->transfer);
	else if (accepted->kind == MESSAGE_ACCEPTED && accepted->told.local_transfer != crossing->entered->id)
		report("differs", crossing, "The message that accepts it names another transfer.");
}

/* Compares what left and what came with the messages. */
void
covers_verify(const Crossings *crossings)
{
	Books books = {.crossings = crossings,
				   .node = &crossings->ledger->node,
				   .journal = cursor_of_table(&crossings->ledger->transfers),
				   .messages = cursor_of_table(&crossings->messages->messages)};

	for (size_t i = 0; i < crossings->count; i++)
	{
		const Crossing *crossing = &crossings->crossing[i];

		if (crossing->origin == books.node->own)
		{
			check_left(&books, crossing);
			check_back(&books, crossing);
		}
		else
			check_came(&books, crossing);
	}
	cursor_end(&books.journal);
	cursor_end(&books.messages);
}
