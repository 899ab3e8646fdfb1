/*
 * messages.c: what nodes have told each other, line by line.
 *
 * A message counts where it is sound by itself, and was posted by this node or
 * taken by it.  What has come and was not taken yet says nothing: it may have
 * gaps, and may be what no honest node sends.
 */
#include "messages.h"

#include "coin.h"
#include "crew.h"
#include "memory.h"
#include "order.h"
#include "report.h"

#include <inttypes.h>
#include <string.h>

#define LINE_COLUMNS 5

/* Columns of line. */
enum
{
	LINE_PEER,
	LINE_POSTED,
	LINE_TAKEN,
	LINE_POSTED_HEAD,
	LINE_TAKEN_HEAD
};

/* What the processes that read messages know. */
typedef struct Reading
{
	const Ledger *ledger;
	Messages *messages;
} Reading;

/* Reports a defect of a message. */
static void
report(const char *check, int sender, int receiver, int64_t number, const char *sentence)
{
	report_defect(check, "message %04d-%04d %" PRId64 ": %s", sender, receiver, number, sentence);
}

/* --- one message ------------------------------------------------------------------ */

/* Is the message what was hashed, and the hash what its sender signed? NULL, or why not, and the check that it fails. */
static const char *
find_defect(const Ledger *ledger, const Message *message, const char **check)
{
	uint8_t hash[DCEP_HASH_LEN];
	DcepKeyPair *pair;
	const char *wrong;

	*check = "hash";
	require_crypto(dcep_act_hash(message->suite, &message->act, hash));
	if (memcmp(hash, message->hash, DCEP_HASH_LEN) != 0)
		return "The row is not what was hashed.";
	*check = "key";
	wrong = keys_trust(&ledger->signers, message->act.institution, message->key_number, message->suite,
					   message->act.entered_at, &pair);
	if (wrong != NULL)
		return wrong;
	*check = "signature";
	return is_valid(dcep_act_verify(pair, hash, message->signature)) ? NULL : "The signature does not match the hash.";
}

/* Is a coin the one that a payment has minted? */
static bool
is_coin_of(const Ledger *ledger, const DcepCoin *coin, const Told *told)
{
	return coin->issuer == told->origin && coin->owner == told->payee && coin->amount == told->amount &&
		   coin->id == told->transfer * 2 && coin->exponent == ledger->exponent &&
		   memcmp(coin->currency, ledger->currency, DCEP_CURRENCY_LEN) == 0;
}

/* Does it carry the coin of its payment, signed by the institution that minted it? As above. */
static const char *
find_coin_defect(const Ledger *ledger, const Message *message, const Told *told, const char **check)
{
	DcepSignedCoin coin;
	DcepSpan text;

	if ((message->kind != MESSAGE_PAY && message->kind != MESSAGE_CREDIT) || told->kind == DCEP_KIND_REDEEM)
		return NULL;
	*check = "coin";
	if (!message_read_coin(message, &text) || coin_read(text, &coin) != NULL || !is_coin_of(ledger, &coin.coin, told))
		return "It does not carry the coin of its payment.";
	return coin_verify(&ledger->signers, &coin, check);
}

/* Is the payment one that this sender tells this receiver of? */
static bool
is_theirs(const Message *message, const Told *told)
{
	int sender = message->act.institution;
	int receiver = message->receiver;

	switch (message->kind)
	{
		case MESSAGE_PAY:
			return receiver == CENTRAL_BANK && told->origin == sender && dcep_wallet_institution(told->payer) == sender;
		case MESSAGE_CREDIT:
			return sender == CENTRAL_BANK && told->origin != receiver &&
				   dcep_wallet_institution(told->payee) == receiver;
		case MESSAGE_ACCEPTED:
		case MESSAGE_DECLINED:
			return receiver == CENTRAL_BANK && told->origin != sender;
		case MESSAGE_SETTLED:
		case MESSAGE_RETURNED:
			return sender == CENTRAL_BANK && told->origin == receiver;
		default:
			return true;
	}
}

/* Verifies a message by itself. NULL, or what is wrong, and the check that it fails. */
static const char *
check_message(const Ledger *ledger, const Message *message, Told *told, const char **check)
{
	const char *wrong = find_defect(ledger, message, check);

	if (wrong != NULL)
		return wrong;
	*check = "body";
	if (!message_read_told(message, told))
		return "It does not tell what a message of its kind has to.";
	if (!is_theirs(message, told))
		return "It tells of a payment that is not its sender's to tell its receiver of.";
	return find_coin_defect(ledger, message, told, check);
}

/* Keeps what later checks ask of a message. */
static void
keep(MessageRecord *record, const Message *message, uint64_t offset)
{
	record->sender = message->act.institution;
	record->receiver = message->receiver;
	record->number = message->act.seq;
	record->kind = message->kind;
	record->offset = offset;
	memcpy(record->prev_hash, message->act.prev_hash, DCEP_HASH_LEN);
	memcpy(record->hash, message->hash, DCEP_HASH_LEN);
}

/* Has a message come that was not taken? What may be wrong with it is nobody's defect yet. */
static bool
is_waiting(const Ledger *ledger, const Messages *messages, const MessageRecord *record)
{
	const Line *line = record->receiver == ledger->node.own ? messages_line(messages, record->sender) : NULL;

	return line != NULL && record->number > line->taken;
}

/* Reads and verifies a piece of the messages. */
static void
read_piece(void *context, uint32_t piece)
{
	const Reading *reading = context;
	const Messages *messages = reading->messages;
	Cursor cursor = cursor_of_piece(&messages->messages, piece);
	static Message message;

	while (cursor_next(&cursor, MESSAGE_COLUMNS))
	{
		MessageRecord *record = &messages->record[cursor.number];
		const char *wrong = message_read_row(&cursor.row, &message);
		const char *check;

		if (wrong != NULL)
		{
			cursor_damaged(&cursor, wrong);
			continue;
		}
		keep(record, &message, cursor.offset);
		if (is_waiting(reading->ledger, messages, record))
			continue;
		wrong = check_message(reading->ledger, &message, &record->told, &check);
		record->is_sound = wrong == NULL;
		if (wrong != NULL)
			report(check, record->sender, record->receiver, record->number, wrong);
	}
	cursor_end(&cursor);
}

/* Reads the row of a record again. */
void
messages_read(Cursor *cursor, const MessageRecord *record, Message *message)
{
	if (!cursor_read(cursor, record->offset, MESSAGE_COLUMNS) || message_read_row(&cursor->row, message) != NULL)
		fail("%s: the file has changed while it was read", cursor->table->name);
}

/* --- lines on record ---------------------------------------------------------------- */

/* Reads a row. NULL, or what is wrong with it. */
static const char *
read_line(const Node *node, const Row *row, Line *line)
{
	const DcepText *column = row->column;

	if (!row_int(column[LINE_PEER], 1, INSTITUTIONS - 1, &line->peer) ||
		!row_number(column[LINE_POSTED], 0, INT64_MAX, &line->posted) ||
		!row_number(column[LINE_TAKEN], 0, INT64_MAX, &line->taken) ||
		!row_bytes(column[LINE_POSTED_HEAD], line->posted_head, DCEP_HASH_LEN) ||
		!row_bytes(column[LINE_TAKEN_HEAD], line->taken_head, DCEP_HASH_LEN))
		return "It is not a line.";
	if (line->peer == node->own || (line->peer == CENTRAL_BANK) != (node->own != CENTRAL_BANK))
		return "A line runs between the registry and the node of an operator.";
	return NULL;
}

/* Reads the lines. */
void
messages_read_lines(const Node *node, Messages *messages)
{
	Cursor cursor = cursor_of_table(&messages->lines);
	size_t room = 0;
	Line line;

	while (cursor_next(&cursor, LINE_COLUMNS))
	{
		const char *wrong = read_line(node, &cursor.row, &line);

		if (wrong == NULL && messages_line(messages, line.peer) != NULL)
			wrong = "There is another line to this node.";
		if (wrong != NULL)
		{
			cursor_damaged(&cursor, wrong);
			continue;
		}
		messages->line = memory_grow(messages->line, sizeof(Line), messages->line_count + 1, &room);
		messages->line[messages->line_count++] = line;
	}
	cursor_end(&cursor);
}

/* The line to a node. */
const Line *
messages_line(const Messages *messages, int peer)
{
	for (size_t i = 0; i < messages->line_count; i++)
		if (messages->line[i].peer == peer)
			return &messages->line[i];
	return NULL;
}

/* --- links -------------------------------------------------------------------------- */

/* The order of lines. */
static int
compare_messages(const void *a, const void *b, void *context)
{
	const MessageRecord *record = context;
	uint32_t left = *(const uint32_t *) a;
	uint32_t right = *(const uint32_t *) b;

	if (record[left].sender != record[right].sender)
		return order_of(record[left].sender, record[right].sender);
	if (record[left].receiver != record[right].receiver)
		return order_of(record[left].receiver, record[right].receiver);
	return record[left].number == record[right].number ? order_of(left, right)
													   : order_of(record[left].number, record[right].number);
}

/* Is a message before this place on a line? */
static bool
is_before(const MessageRecord *record, int sender, int receiver, int64_t number)
{
	if (record->sender != sender)
		return record->sender < sender;
	return record->receiver == receiver ? record->number < number : record->receiver < receiver;
}

/* Place in the order of the first message from one node to another from a number on. */
static uint32_t
first_from(const Messages *messages, int sender, int receiver, int64_t number)
{
	uint32_t low = 0;
	uint32_t high = messages->count;

	while (low < high)
	{
		uint32_t middle = low + (high - low) / 2;

		if (is_before(&messages->record[messages->order[middle]], sender, receiver, number))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* A message. */
const MessageRecord *
messages_find(const Messages *messages, int sender, int receiver, int64_t number)
{
	uint32_t place = first_from(messages, sender, receiver, number);
	const MessageRecord *record = place < messages->count ? &messages->record[messages->order[place]] : NULL;

	return record != NULL && record->sender == sender && record->receiver == receiver && record->number == number
			   ? record
			   : NULL;
}

/* Does a message follow the one before it? */
static void
check_link(const MessageRecord *record, int64_t number, const uint8_t before[DCEP_HASH_LEN])
{
	if (record->number != number + 1)
		report_defect("gap", "message %04d-%04d %" PRId64 ": The line goes from %" PRId64 " to %" PRId64 ".",
					  record->sender, record->receiver, record->number, number, record->number);
	if (memcmp(record->prev_hash, before, DCEP_HASH_LEN) != 0)
		report("link", record->sender, record->receiver, record->number,
			   "Its prev_hash is not the hash of the message before it.");
}

/* Walks what one node has told another: up to a number where it was taken, else all of it, which has to end there. */
static void
walk(Messages *messages, int sender, int receiver, bool is_taken, int64_t end, const uint8_t head[DCEP_HASH_LEN])
{
	uint8_t before[DCEP_HASH_LEN] = {0};
	int64_t number = 0;

	for (uint32_t i = first_from(messages, sender, receiver, 1); i < messages->count; i++)
	{
		MessageRecord *record = &messages->record[messages->order[i]];

		if (record->sender != sender || record->receiver != receiver)
			break;
		record->is_placed = true;
		if (is_taken && record->number > end)
		{
			messages->waiting++;
			continue;
		}
		if (number > 0 && record->number == number)
		{
			report("twice", sender, receiver, number, "It stands in the export twice.");
			continue;
		}
		check_link(record, number, before);
		record->counts = record->is_sound;
		number = record->number;
		memcpy(before, record->hash, sizeof(before));
	}
	if (number != end || memcmp(before, head, sizeof(before)) != 0)
		report_defect("head",
					  "line %04d-%04d: It ends on record with message %" PRId64 ", in the export with %" PRId64 "%s.",
					  sender, receiver, end, number, number == end ? ", of another hash" : "");
}

/* Reports messages that are on no line of this node. */
static void
check_unplaced(const Messages *messages)
{
	for (uint32_t i = 0; i < messages->count; i++)
	{
		const MessageRecord *record = &messages->record[i];

		if (record->sender != 0 && !record->is_placed)
			report("parties", record->sender, record->receiver, record->number,
				   "There is no line of this node that it belongs to.");
	}
}

/* Verifies messages and lines. */
void
messages_verify(const Ledger *ledger, Messages *messages)
{
	Reading reading = {ledger, messages};

	messages_read_lines(&ledger->node, messages);
	messages->count = (uint32_t) messages->messages.rows;
	messages->record = memory_share(sizeof(MessageRecord), messages->count);
	crew_run("messages", ledger->jobs, messages->messages.pieces, read_piece, &reading);
	messages->order = order_make(messages->count, compare_messages, messages->record);
	for (size_t i = 0; i < messages->line_count; i++)
	{
		const Line *line = &messages->line[i];

		walk(messages, ledger->node.own, line->peer, false, line->posted, line->posted_head);
		walk(messages, line->peer, ledger->node.own, true, line->taken, line->taken_head);
	}
	check_unplaced(messages);
}
