/*
 * crossings.c: what is known of each payment between wallets of two nodes.
 */
#include "crossings.h"

#include "memory.h"
#include "order.h"
#include "report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What a fact is, and so where its place is counted. */
typedef enum FactKind
{
	FACT_MESSAGE,
	FACT_LEFT,
	FACT_ENTERED,
	FACT_BACK,
	FACT_ROW
} FactKind;

/* Something that is known of a payment. */
typedef struct Fact
{
	int origin;
	FactKind kind;
	int64_t transfer;
	uint64_t place; /* of a message's or a transfer's record, or of the row in its file */
} Fact;

/* All of them. */
typedef struct Facts
{
	Fact *fact;
	size_t count;
	size_t room;
} Facts;

/* Adds a fact. */
static void
add(Facts *facts, FactKind kind, int origin, int64_t transfer, uint64_t place)
{
	facts->fact = memory_grow(facts->fact, sizeof(Fact), facts->count + 1, &facts->room);
	facts->fact[facts->count++] = (Fact){origin, kind, transfer, place};
}

/* --- messages ------------------------------------------------------------------------ */

/* Adds what messages that count tell. */
static void
add_messages(const Messages *messages, Facts *facts)
{
	for (uint32_t i = 0; i < messages->count; i++)
	{
		const MessageRecord *record = &messages->record[messages->order[i]];

		if (record->counts && record->kind != MESSAGE_OTHER)
			add(facts, FACT_MESSAGE, record->told.origin, record->told.transfer, messages->order[i]);
	}
}

/* --- the journal --------------------------------------------------------------------- */

/* Cuts a word off the front of a key. */
static bool
take_word(DcepText *key, const char *word)
{
	uint32_t len = (uint32_t) strlen(word);

	if (key->data == NULL || key->len < len || memcmp(key->data, word, len) != 0)
		return false;
	*key = (DcepText){key->data + len, key->len - len};
	return true;
}

/* Reads the origin of a key "origin:transfer", and cuts it off. */
static bool
take_origin(DcepText *key, int *origin)
{
	const char *colon = key->data == NULL ? NULL : memchr(key->data, ':', key->len);

	if (colon == NULL || !row_int((DcepText){key->data, (uint32_t) (colon - key->data)}, 1, INSTITUTIONS - 1, origin))
		return false;
	*key = (DcepText){colon + 1, key->len - (uint32_t) (colon + 1 - key->data)};
	return true;
}

/* Adds a transfer of a wallet of another node: its key says which payment it enters, or brings back. */
static void
add_arrival(const Node *node, const Record *record, DcepText key, uint64_t place, Facts *facts)
{
	bool is_back = take_word(&key, "return of ");
	int origin = node->own;
	int64_t transfer;

	if ((is_back || (take_origin(&key, &origin) && origin != node->own)) &&
		row_number(key, 1, INT64_MAX / 2, &transfer))
		add(facts, is_back ? FACT_BACK : FACT_ENTERED, origin, transfer, place);
	else
		report_defect("uncovered", "transfer %" PRId64 ": It came from another node, and names no payment there.",
					  record->id);
}

/* Adds what left and what came. */
static void
add_journal(const Ledger *ledger, Facts *facts)
{
	const Node *node = &ledger->node;
	Cursor cursor = cursor_of_table(&ledger->transfers);
	static Transfer transfer;

	for (uint32_t i = 0; i < ledger->ids; i++)
	{
		const Record *record = &ledger->record[ledger->by_id[i]];

		if (record->kind == 0 || (node_has(node, record->payer) && node_has(node, record->payee)))
			continue;
		if (node_has(node, record->payer))
			add(facts, FACT_LEFT, node->own, record->id, ledger->by_id[i]);
		else if (!node_has(node, record->payee))
			report_defect("parties", "transfer %" PRId64 ": Neither payer nor payee is of this node.", record->id);
		else
		{
			ledger_read(&cursor, record, &transfer);
			add_arrival(node, record, transfer.context.key, ledger->by_id[i], facts);
		}
	}
	cursor_end(&cursor);
}

/* --- what is on record ---------------------------------------------------------------- */

/* Adds the rows of dcep.crossing. */
static void
add_rows(const Table *table, Facts *facts)
{
	Cursor cursor = cursor_of_table(table);
	CrossingRow row;

	while (cursor_next(&cursor, CROSSING_COLUMNS))
	{
		const char *wrong = crossing_read(&cursor.row, &row);

		if (wrong != NULL)
			cursor_damaged(&cursor, wrong);
		else
			add(facts, FACT_ROW, row.told.origin, row.told.transfer, cursor.offset);
	}
	cursor_end(&cursor);
}

/* --- bringing together ------------------------------------------------------------------ */

/* Is a message of this kind there? */
bool
message_is(const MessageRecord *message, MessageKind kind)
{
	return message != NULL && message->kind == kind;
}

/* A message's place among what is known. */
static const MessageRecord **
message_slot(Crossing *crossing, MessageKind kind)
{
	switch (kind)
	{
		case MESSAGE_PAY:
			return &crossing->pay;
		case MESSAGE_CREDIT:
			return &crossing->credit;
		case MESSAGE_ACCEPTED:
		case MESSAGE_DECLINED:
			return &crossing->answer;
		default:
			return &crossing->end;
	}
}

/* Puts a message in its place. */
static void
put_message(Crossing *crossing, const MessageRecord *message)
{
	const MessageRecord **slot = message_slot(crossing, message->kind);

	if (*slot == NULL)
		*slot = message;
	else
		report_defect("twice",
					  "payment %04d %" PRId64 ": Messages %04d-%04d %" PRId64 " and %04d-%04d %" PRId64
					  " both tell what only one can.",
					  crossing->origin, crossing->transfer, (*slot)->sender, (*slot)->receiver, (*slot)->number,
					  message->sender, message->receiver, message->number);
}

/* Puts a transfer that came in its place: no message brings money twice. */
static void
put_arrival(const Crossing *crossing, const Record **slot, const Record *record)
{
	if (*slot == NULL)
		*slot = record;
	else
		report_defect("uncovered",
					  "transfer %" PRId64 ": Payment %04d %" PRId64 " had come before, by transfer %" PRId64 ".",
					  record->id, crossing->origin, crossing->transfer, (*slot)->id);
}

/* Puts a row of dcep.crossing in its place. */
static void
put_row(Crossing *crossing, Cursor *cursor, uint64_t offset)
{
	if (crossing->is_on_record)
		report_defect("twice", "payment %04d %" PRId64 ": It stands in the export twice.", crossing->origin,
					  crossing->transfer);
	else if (!cursor_read(cursor, offset, CROSSING_COLUMNS) || crossing_read(&cursor->row, &crossing->row) != NULL)
		fail("%s: the file has changed while it was read", cursor->table->name);
	crossing->is_on_record = true;
}

/* Puts a fact in its place. */
static void
put(const Crossings *crossings, Crossing *crossing, const Fact *fact, Cursor *rows)
{
	const Record *record = crossings->ledger->record;

	switch (fact->kind)
	{
		case FACT_MESSAGE:
			put_message(crossing, &crossings->messages->record[fact->place]);
			break;
		case FACT_LEFT:
			crossing->left = &record[fact->place];
			break;
		case FACT_ENTERED:
			put_arrival(crossing, &crossing->entered, &record[fact->place]);
			break;
		case FACT_BACK:
			put_arrival(crossing, &crossing->back, &record[fact->place]);
			break;
		case FACT_ROW:
			put_row(crossing, rows, fact->place);
			break;
	}
}

/* The order of payments, and of what is known of each as it was added: so messages and transfers are in their order. */
static int
compare_facts(const void *a, const void *b, void *context)
{
	const Fact *fact = context;
	const Fact *left = &fact[*(const uint32_t *) a];
	const Fact *right = &fact[*(const uint32_t *) b];

	if (left->origin != right->origin)
		return order_of(left->origin, right->origin);
	return left->transfer == right->transfer ? order_of(*(const uint32_t *) a, *(const uint32_t *) b)
											 : order_of(left->transfer, right->transfer);
}

/* Brings facts together that are of one payment. */
static void
group(Crossings *crossings, const Facts *facts)
{
	uint32_t *order = order_make(facts->count, compare_facts, facts->fact);
	Cursor rows = cursor_of_table(&crossings->table);
	size_t room = 0;

	for (size_t i = 0; i < facts->count; i++)
	{
		const Fact *fact = &facts->fact[order[i]];
		Crossing *last = crossings->count == 0 ? NULL : &crossings->crossing[crossings->count - 1];

		if (last == NULL || last->origin != fact->origin || last->transfer != fact->transfer)
		{
			crossings->crossing = memory_grow(crossings->crossing, sizeof(Crossing), crossings->count + 1, &room);
			last = &crossings->crossing[crossings->count++];
			*last = (Crossing){.origin = fact->origin, .transfer = fact->transfer};
		}
		put(crossings, last, fact, &rows);
	}
	cursor_end(&rows);
}

/* Brings together what is known. */
void
crossings_collect(const Ledger *ledger, const Messages *messages, Crossings *crossings)
{
	Facts facts = {0};

	crossings->ledger = ledger;
	crossings->messages = messages;
	add_messages(messages, &facts);
	add_journal(ledger, &facts);
	if (crossings->has_table)
		add_rows(&crossings->table, &facts);
	if (facts.count > UINT32_MAX)
		fail("there are more than 4,294,967,295 messages and payments across");
	group(crossings, &facts);
	free(facts.fact);
}

/* A payment. */
const Crossing *
crossings_find(const Crossings *crossings, int origin, int64_t transfer)
{
	size_t low = 0;
	size_t high = crossings->count;

	while (low < high)
	{
		size_t middle = low + (high - low) / 2;
		const Crossing *crossing = &crossings->crossing[middle];

		if (crossing->origin == origin && crossing->transfer == transfer)
			return crossing;
		if (crossing->origin < origin || (crossing->origin == origin && crossing->transfer < transfer))
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* --- what is told -------------------------------------------------------------------------- */

/* A transfer, in the manner of a message about it. */
Told
told_of_record(int origin, const Record *record)
{
	return (Told){.origin = origin,
				  .kind = record->kind,
				  .transfer = record->id,
				  .payer = record->payer,
				  .payee = record->payee,
				  .amount = record->amount};
}

/* The payment, by whatever tells most surely of it. */
Told
crossing_payment(const Crossing *crossing)
{
	if (crossing->left != NULL)
		return told_of_record(crossing->origin, crossing->left);
	if (crossing->pay != NULL)
		return crossing->pay->told;
	if (crossing->credit != NULL)
		return crossing->credit->told;
	if (crossing->entered != NULL)
		return told_of_record(crossing->origin, crossing->entered);
	return (Told){0};
}

/* Are the two the same, as far as both say it? */
bool
told_is_same(const Told *told, const Told *other)
{
	return told->payer == other->payer && told->payee == other->payee && told->amount == other->amount &&
		   (told->kind == 0 || other->kind == 0 || told->kind == other->kind);
}

/* Does a payment of an operator's node end at the registry? */
bool
crossing_ends_here(const Node *node, const Crossing *crossing)
{
	return node_is_registry(node) && crossing->pay != NULL && node_has(node, crossing->pay->told.payee);
}
