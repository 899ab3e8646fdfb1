/*
 * supply.c: what a checkpoint of dcep says beyond size and root.
 */
#include "supply.h"

#include "keys.h"
#include "row.h"
#include "words.h"

#include <string.h>

/* Cuts off the next line, which begins with this word. */
static bool
take_line(DcepSpan *rest, const char *name, DcepSpan *line)
{
	return dcep_note_line(rest, line) && row_is(word_next(line), name);
}

/* Reads issued, redeemed and outstanding. */
static const char *
read_supply(DcepSpan *line, Supply *supply)
{
	if (!row_number(word_next(line), 0, INT64_MAX, &supply->issued) ||
		!row_number(word_next(line), 0, INT64_MAX, &supply->redeemed) ||
		!row_number(word_next(line), INT64_MIN, INT64_MAX, &supply->outstanding) || line->len != 0)
		return "A line of the checkpoint does not have three sums.";
	/* Neither can overflow: both are positive. */
	if (supply->issued - supply->redeemed != supply->outstanding)
		return "What is outstanding is not what was issued less what was redeemed.";
	return NULL;
}

/* Reads the lines about the checkpoint before, the time and the supply. */
static const char *
read_head(DcepSpan *rest, Statement *statement)
{
	DcepSpan line;
	DcepText word;
	int64_t size;

	if (!take_line(rest, "previous", &line) || !row_number(word_next(&line), 0, INT64_MAX, &size) ||
		!dcep_base64_get(line, statement->previous_hash, DCEP_HASH_LEN))
		return "The checkpoint does not name the one before it.";
	statement->previous = (uint64_t) size;
	if (!take_line(rest, "time", &line) || !row_number(word_next(&line), INT64_MIN, INT64_MAX, &statement->time) ||
		line.len != 0)
		return "The checkpoint has no time.";
	if (!take_line(rest, "supply", &line))
		return "The checkpoint has no supply.";
	word = word_next(&line);
	if (word.len != DCEP_CURRENCY_LEN || !row_int(word_next(&line), 0, 18, &statement->exponent))
		return "The checkpoint's supply has no currency.";
	memcpy(statement->currency, word.data, DCEP_CURRENCY_LEN);
	return read_supply(&line, &statement->all);
}

/* Reads the lines of the operators, in the order of their codes. */
static const char *
read_operators(DcepSpan rest, Statement *statement)
{
	DcepSpan line;
	int last = 0;

	for (statement->count = 0; rest.len > 0; statement->count++)
	{
		Supply *supply = &statement->operator_of[statement->count];
		const char *wrong;

		if (statement->count == STATEMENT_OPERATORS_MAX || !take_line(&rest, "operator", &line) ||
			!word_code(word_next(&line), &supply->institution) || supply->institution <= last)
			return "A line of the checkpoint is not that of the next operator.";
		last = supply->institution;
		wrong = read_supply(&line, supply);
		if (wrong != NULL)
			return wrong;
	}
	return NULL;
}

/* Do the operators make up the whole? */
static bool
adds_up(const Statement *statement)
{
	__int128 issued = 0;
	__int128 redeemed = 0;

	for (int i = 0; i < statement->count; i++)
	{
		issued += statement->operator_of[i].issued;
		redeemed += statement->operator_of[i].redeemed;
	}
	return issued == statement->all.issued && redeemed == statement->all.redeemed;
}

/* Reads the lines behind a checkpoint's root. */
const char *
statement_parse(const DcepCheckpoint *checkpoint, Statement *statement)
{
	DcepSpan rest = checkpoint->extensions;
	const char *wrong = read_head(&rest, statement);

	statement->all.institution = 0;
	if (wrong == NULL)
		wrong = read_operators(rest, statement);
	if (wrong == NULL && !adds_up(statement))
		wrong = "The operators do not make up the supply.";
	if (wrong == NULL && statement->previous >= checkpoint->size)
		wrong = "The checkpoint before it is not smaller.";
	return wrong;
}

/* The sums of an operator. */
Supply
statement_of(const Statement *statement, int institution)
{
	for (int i = 0; i < statement->count; i++)
		if (statement->operator_of[i].institution == institution)
			return statement->operator_of[i];
	return (Supply){.institution = institution};
}

/* Hash of a note's text. */
void
statement_hash(DcepSpan text, uint8_t hash[DCEP_HASH_LEN])
{
	const DcepBytes piece = {text.at, text.len};

	require_crypto(dcep_hash(DCEP_SUITE_ED25519, &piece, 1, hash));
}

/* Did a sum of every operator of the old checkpoint only grow? */
static bool
has_grown(const Statement *old, const Statement *statement)
{
	for (int i = 0; i < old->count; i++)
	{
		Supply before = old->operator_of[i];
		Supply after = statement_of(statement, before.institution);

		if (after.issued < before.issued || after.redeemed < before.redeemed)
			return false;
	}
	return true;
}

/* What is wrong with a checkpoint as a later one. */
const char *
statement_follows(const Statement *old, const DcepCheckpoint *old_checkpoint, DcepSpan old_text,
				  const Statement *statement, const DcepCheckpoint *checkpoint)
{
	uint8_t hash[DCEP_HASH_LEN];

	if (old_checkpoint->origin.len != checkpoint->origin.len ||
		memcmp(old_checkpoint->origin.at, checkpoint->origin.at, checkpoint->origin.len) != 0)
		return "The two are of different logs.";
	if (memcmp(old->currency, statement->currency, DCEP_CURRENCY_LEN) != 0 || old->exponent != statement->exponent)
		return "The two are of different currencies.";
	if (!has_grown(old, statement))
		return "What was issued or redeemed became less.";
	if (old_checkpoint->size == checkpoint->size)
		return old->all.issued == statement->all.issued && old->all.redeemed == statement->all.redeemed
				   ? NULL
				   : "The two are of one size, and state different supplies.";
	statement_hash(old_text, hash);
	if (statement->previous < old_checkpoint->size ||
		(statement->previous == old_checkpoint->size && memcmp(statement->previous_hash, hash, DCEP_HASH_LEN) != 0))
		return "The later one does not follow the earlier one.";
	return NULL;
}
