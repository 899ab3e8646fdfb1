/*
 * message_row.c: the rows of dcep.message, taken apart, and what their bodies tell of payments.
 */
#include "message_row.h"

#include "json.h"

#include <stdio.h>
#include <string.h>

#define KIND_WORD "message "

/* Columns of dcep.message. */
enum
{
	MESSAGE_SENDER,
	MESSAGE_RECEIVER,
	MESSAGE_NUMBER,
	MESSAGE_MADE_AT,
	MESSAGE_KEY_NUMBER,
	MESSAGE_SUITE,
	MESSAGE_KIND,
	MESSAGE_BODY,
	MESSAGE_BY_ROLE,
	MESSAGE_PREV_HASH,
	MESSAGE_HASH,
	MESSAGE_SIGNATURE
};

/* --- rows ------------------------------------------------------------------------ */

/* The kind of a name. */
static MessageKind
find_kind(DcepText name)
{
	static const char *const names[] = {
		[MESSAGE_PAY] = "pay",			 [MESSAGE_CREDIT] = "credit",	[MESSAGE_ACCEPTED] = "accepted",
		[MESSAGE_DECLINED] = "declined", [MESSAGE_SETTLED] = "settled", [MESSAGE_RETURNED] = "returned"};

	for (MessageKind kind = MESSAGE_PAY; kind <= MESSAGE_RETURNED; kind++)
		if (row_is(name, names[kind]))
			return kind;
	return MESSAGE_OTHER;
}

/* Reads the numbers. */
static bool
read_numbers(const DcepText *column, Message *message)
{
	return row_int(column[MESSAGE_SENDER], 1, 9999, &message->act.institution) &&
		   row_int(column[MESSAGE_RECEIVER], 1, 9999, &message->receiver) &&
		   row_number(column[MESSAGE_NUMBER], 1, INT64_MAX, &message->act.seq) &&
		   row_int(column[MESSAGE_KEY_NUMBER], 1, INT32_MAX, &message->key_number) &&
		   row_int(column[MESSAGE_SUITE], DCEP_SUITE_ED25519, DCEP_SUITE_P256, &message->suite);
}

/* Reads the texts, and writes those that are hashed in another form. */
static bool
read_texts(const DcepText *column, Message *message)
{
	DcepAct *act = &message->act;
	DcepText kind = column[MESSAGE_KIND];

	if (kind.data == NULL || kind.len > MESSAGE_KIND_MAX || column[MESSAGE_BODY].data == NULL ||
		column[MESSAGE_BY_ROLE].data == NULL)
		return false;
	message->kind = find_kind(kind);
	act->kind = (DcepText){message->kind_text, (uint32_t) snprintf(message->kind_text, sizeof(message->kind_text),
																   KIND_WORD "%.*s", (int) kind.len, kind.data)};
	act->case_no = (DcepText){
		message->case_no, (uint32_t) snprintf(message->case_no, sizeof(message->case_no), "%04d", message->receiver)};
	act->role = column[MESSAGE_BY_ROLE];
	act->body = column[MESSAGE_BODY];
	return true;
}

/* Reads a row. */
const char *
message_read_row(const Row *row, Message *message)
{
	const DcepText *column = row->column;
	DcepAct *act = &message->act;

	if (!read_numbers(column, message))
		return "A number is missing, or out of its range.";
	act->id = message->receiver;
	if (!row_moment(column[MESSAGE_MADE_AT], &act->entered_at))
		return "Its time is not one.";
	if (!read_texts(column, message))
		return "A text is missing, or too long.";
	if (!row_bytes(column[MESSAGE_PREV_HASH], act->prev_hash, DCEP_HASH_LEN) ||
		!row_bytes(column[MESSAGE_HASH], message->hash, DCEP_HASH_LEN) ||
		!row_bytes(column[MESSAGE_SIGNATURE], message->signature, DCEP_SIGNATURE_LEN))
		return "A hash or the signature does not have its length.";
	return NULL;
}

/* --- bodies ---------------------------------------------------------------------- */

/* The value of a member of the body. */
static bool
take_value(const Message *message, const char *name, DcepSpan *value)
{
	return json_member((DcepSpan){message->act.body.data, message->act.body.len}, name, value);
}

/* A number from 1 on. */
static bool
take_number(const Message *message, const char *name, int64_t max, int64_t *number)
{
	DcepSpan value;

	return take_value(message, name, &value) && json_number(value, number) && *number >= 1 && *number <= max;
}

/* A wallet. */
static bool
take_wallet(const Message *message, const char *name, int64_t *wallet)
{
	DcepSpan value;
	DcepSpan digits;

	return take_value(message, name, &value) && json_text(value, &digits) &&
		   row_wallet((DcepText){digits.at, (uint32_t) digits.len}, wallet);
}

/* A kind of transfer. */
static bool
take_kind(const Message *message, int *kind)
{
	DcepSpan value;
	DcepSpan name;

	return take_value(message, "kind", &value) && json_text(value, &name) &&
		   row_kind((DcepText){name.at, (uint32_t) name.len}, kind);
}

/* Payer, payee and amount. */
static bool
take_payment(const Message *message, Told *told)
{
	return take_wallet(message, "payer", &told->payer) && take_wallet(message, "payee", &told->payee) &&
		   take_number(message, "amount", INT64_MAX, &told->amount);
}

/* Reads what a message tells of a payment. */
bool
message_read_told(const Message *message, Told *told)
{
	int64_t origin;

	memset(told, 0, sizeof(*told));
	if (message->kind == MESSAGE_OTHER)
		return true;
	if (!take_number(message, "origin", 9999, &origin) ||
		!take_number(message, "transfer", INT64_MAX / 2, &told->transfer))
		return false;
	told->origin = (int) origin;
	switch (message->kind)
	{
		case MESSAGE_PAY:
		case MESSAGE_CREDIT:
			return take_kind(message, &told->kind) && take_payment(message, told);
		case MESSAGE_RETURNED:
			return take_payment(message, told);
		case MESSAGE_ACCEPTED:
			return take_number(message, "local_transfer", INT64_MAX / 2, &told->local_transfer);
		default:
			return true;
	}
}

/* The coin. */
bool
message_read_coin(const Message *message, DcepSpan *coin)
{
	DcepSpan value;

	return take_value(message, "coin", &value) && json_text(value, coin);
}

/* Does it carry this memo? */
bool
message_has_memo(const Message *message, DcepText memo)
{
	DcepSpan value;

	return take_value(message, "memo", &value) && json_is_text(value, memo);
}
