/*
 * targets.c: the parsers that read what strangers send, one by one.
 *
 * With libFuzzer (clang, and libclang-rt for it):
 *
 *   clang -g -O1 -D_GNU_SOURCE -fsanitize=fuzzer,address,undefined -Isrc -Iverify -o fuzz test/fuzz/targets.c \
 *       src/{act,bundle,codec,crypto,entry,json,note,opening,tree}.c $(ls verify/\*.c | grep -v main) -lcrypto
 *   mkdir found && ./fuzz found test/fuzz/seeds
 *
 * Without it, mutate.c changes the seeds at random; make check runs that.
 */
#include "targets.h"

#include "bundle.h"
#include "crossing_row.h"
#include "journal_row.h"
#include "keys.h"
#include "moment.h"
#include "supply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t fuzz_accepted = 0;

/* Stops the fuzzer where a promise is broken. */
static void
require(bool holds)
{
	if (!holds)
		abort();
}

/* Counts what was accepted. */
static bool
is_accepted(const char *wrong)
{
	fuzz_accepted += wrong == NULL;
	return wrong == NULL;
}

/* --- coins and numbers --------------------------------------------------------- */

/* A coin that is accepted is the one that its fields make. */
static void
try_coin(const uint8_t *data, size_t len)
{
	DcepSignedCoin coin;
	uint8_t again[DCEP_COIN_MAX_LEN];

	if (!is_accepted(dcep_signed_coin_get(data, len, &coin)))
		return;
	require(coin.coin.amount > 0 && coin.coin.id > 1 && coin.path_len <= DCEP_COIN_PATH_MAX);
	require(dcep_signed_coin_put(&coin, again) == len && memcmp(again, data, len) == 0);
}

/* Base64url that is accepted is what its bytes encode to; they may be a coin. */
static void
try_base64(const char *text, size_t len)
{
	uint8_t *bytes = malloc(len * 3 / 4 + 3);
	char *again = malloc(len + 1);
	size_t bytes_len = 0;

	if (bytes != NULL && again != NULL && dcep_base64url_get(text, len, bytes, &bytes_len) == NULL)
	{
		require(dcep_base64url_length(bytes_len) == len);
		require(dcep_base64url_put(bytes, bytes_len, again) == len && memcmp(again, text, len) == 0);
		try_coin(bytes, bytes_len);
	}
	free(bytes);
	free(again);
}

/* Numbers that are accepted print as the digits that were read. */
static void
try_numbers(const char *text, size_t len)
{
	char wallet_text[DCEP_WALLET_DIGITS + 1];
	char token_text[DCEP_TOKEN_DIGITS + 1];
	int64_t number;
	int64_t again;

	if (is_accepted(dcep_wallet_parse(text, len, &number)))
	{
		dcep_wallet_print(number, wallet_text);
		require(dcep_wallet_parse(wallet_text, DCEP_WALLET_DIGITS, &again) == NULL && again == number);
	}
	if (is_accepted(dcep_token_parse(text, len, &number)))
	{
		dcep_token_print(number, token_text);
		require(memcmp(token_text, text, len) == 0);
	}
}

/* --- notes and bundles ----------------------------------------------------------- */

/* The text of a note that is accepted is its beginning; what it states adds up. */
static void
try_checkpoint(const char *text, size_t len)
{
	static Statement statement;
	DcepNote note;
	DcepCheckpoint checkpoint;
	const char *wrong = dcep_note_parse(text, len, &note);

	if (wrong == NULL)
	{
		require(note.text.at == text && note.text.len < len && note.count > 0);
		wrong = dcep_checkpoint_parse(&note, &checkpoint);
	}
	if (wrong == NULL)
		wrong = statement_parse(&checkpoint, &statement);
	if (is_accepted(wrong))
		require(statement.all.outstanding == statement.all.issued - statement.all.redeemed);
}

/* A bundle that is accepted is written again as it was; whether it is sound has an answer. */
static void
try_bundle(const char *text, size_t len)
{
	static DcepBundle bundle;
	void *room = malloc(DCEP_BUNDLE_ROOM(len));
	DcepNoteKey key = {.name = "dcep/cny/0123456789abcdef", .type = DCEP_NOTE_KEY_LOG};
	const DcepBundleTrust trust = {.log = &key};
	char *again;

	if (room != NULL && is_accepted(dcep_bundle_parse(text, len, room, &bundle)))
	{
		again = malloc(dcep_bundle_length(&bundle));
		if (again != NULL)
			require(dcep_bundle_put(&bundle, again) == len && memcmp(again, text, len) == 0);
		free(again);
		require(dcep_bundle_verify(&bundle, &trust) != NULL);
	}
	free(room);
}

/* --- rows -------------------------------------------------------------------------- */

/* Writes a column as COPY does; `to` has room for twice its length, and two. */
static char *
put_column(char *to, DcepText column)
{
	static const char plain[] = "\b\f\n\r\t\v\\";
	static const char escaped[] = "bfnrtv\\";

	if (column.data == NULL)
	{
		memcpy(to, "\\N", 2);
		return to + 2;
	}
	for (uint32_t i = 0; i < column.len; i++)
	{
		const char *found = memchr(plain, column.data[i], sizeof(plain) - 1);

		if (found != NULL)
			*to++ = '\\';
		*to++ = found != NULL ? escaped[found - plain] : column.data[i];
	}
	return to;
}

/* A line that is accepted is what COPY writes of its columns. */
static void
check_row(const Row *row, const char *line, size_t len)
{
	char *again = malloc(2 * len + 3 * ROW_COLUMNS_MAX);
	char *to = again;

	if (again == NULL)
		return;
	for (int i = 0; i < row->count; i++)
	{
		if (i > 0)
			*to++ = '\t';
		to = put_column(to, row->column[i]);
	}
	require((size_t) (to - again) == len && memcmp(again, line, len) == 0);
	free(again);
}

/* Tries all columns as a number and as a time. */
static void
try_columns(const Row *row)
{
	for (int i = 0; i < row->count; i++)
	{
		char again[24];
		int64_t number;

		if (row_number(row->column[i], INT64_MIN, INT64_MAX, &number))
		{
			snprintf(again, sizeof(again), "%lld", (long long) number);
			require(row_is(row->column[i], again));
		}
		row_moment(row->column[i], &number);
	}
}

/* A transfer that is accepted can be hashed, and its context is read again as it was. */
static void
try_transfer(const Transfer *transfer)
{
	DcepMint mint = {
		.suite = transfer->suite, .issuer = transfer->issuer, .key_number = 1, .currency = {'C', 'N', 'Y'}};
	DcepOpening opening;
	size_t len = dcep_context_length(&transfer->context);
	uint8_t *bytes = malloc(len);
	int64_t *inputs = malloc(len + sizeof(int64_t));
	DcepContext again;

	if (bytes != NULL && inputs != NULL)
	{
		dcep_context_put(&transfer->context, bytes);
		require(dcep_context_get(bytes, len, &again, inputs) == NULL && again.id == transfer->context.id &&
				dcep_context_length(&again) == len);
		require(dcep_opening_compute(&mint, &transfer->context, transfer->change,
									 transfer->context.kind == DCEP_KIND_REDEEM, &opening));
	}
	free(bytes);
	free(inputs);
}

/* A message that is accepted can be hashed, and is read again as it was; what it tells is a payment, or nothing. */
static void
try_message(const Message *message)
{
	size_t len = dcep_act_length(&message->act);
	uint8_t *bytes = malloc(len);
	DcepSpan coin;
	DcepAct again;
	Told told;

	if (bytes != NULL)
	{
		dcep_act_put(&message->act, bytes);
		require(dcep_act_get(bytes, len, &again) && again.seq == message->act.seq && again.id == message->receiver);
	}
	free(bytes);
	if (!message_read_told(message, &told) || message->kind == MESSAGE_OTHER)
		return;
	require(told.origin > 0 && told.transfer > 0 && told.amount >= 0);
	message_read_coin(message, &coin);
	message_has_memo(message, message->act.role);
}

/* Rows of what nodes have told each other. */
static void
try_node_row(const Row *row)
{
	static Message message;
	CrossingRow crossing;

	if (row->count == MESSAGE_COLUMNS && is_accepted(message_read_row(row, &message)))
		try_message(&message);
	if (row->count == CROSSING_COLUMNS && is_accepted(crossing_read(row, &crossing)))
		require(crossing.told.amount > 0 && crossing.told.payer > 0 && crossing.told.kind > 0);
}

/* Rows as of the journal. */
static void
try_row(const char *line, size_t len)
{
	static Row row;
	static Transfer transfer;
	static SignedBatch batch;

	if (row_split(&row, line, len) != NULL)
		return;
	check_row(&row, line, len);
	try_columns(&row);
	try_node_row(&row);
	if (row.count == TRANSFER_COLUMNS && is_accepted(transfer_read(&row, &transfer)))
		try_transfer(&transfer);
	if (row.count == BATCH_COLUMNS && is_accepted(batch_read(&row, &batch)))
		require(batch.size > 0 && batch.size <= BATCH_LEAVES_MAX);
}

/* Lines of a list of keys. */
static void
try_key(const char *line, size_t len)
{
	static Row row;
	DcepNoteKey note_key;
	char again[DCEP_NOTE_KEY_MAX];
	Key key;

	if (is_accepted(key_parse((DcepSpan){line, len}, &row, &key)))
		require(key.owner > 0 && key.owner < 10000 && key.len <= DCEP_PUBLIC_KEY_MAX && key.number > 0);
	if (is_accepted(dcep_note_key_parse((DcepSpan){line, len}, &note_key)))
		require(dcep_note_key_put(&note_key, again) == len && memcmp(again, line, len) == 0);
}

/* Tries an input. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *text = (const char *) data + 1;

	switch (len == 0 ? 0 : data[0])
	{
		case 'c':
			try_coin(data + 1, len - 1);
			try_base64(text, len - 1);
			try_numbers(text, len - 1);
			break;
		case 'n':
			try_checkpoint(text, len - 1);
			break;
		case 'b':
			try_bundle(text, len - 1);
			break;
		case 'r':
			try_row(text, len - 1);
			break;
		case 'k':
			try_key(text, len - 1);
			break;
		default:
			break;
	}
	return 0;
}
