/*
 * journal_row.c: the rows of dcep.transfer and dcep.signed_batch, taken apart.
 */
#include "journal_row.h"

#include <string.h>

/* Columns of dcep.transfer. */
enum
{
	TRANSFER_ID,
	TRANSFER_PAYER,
	TRANSFER_PAYEE,
	TRANSFER_AMOUNT,
	TRANSFER_CHANGE,
	TRANSFER_CREATED_AT,
	TRANSFER_SEQ,
	TRANSFER_KIND,
	TRANSFER_KEY_NUMBER,
	TRANSFER_ISSUER,
	TRANSFER_SUITE,
	TRANSFER_BATCH_INDEX,
	TRANSFER_BATCH,
	TRANSFER_INPUTS,
	TRANSFER_PREV_HASH,
	TRANSFER_HASH,
	TRANSFER_SIGNATURE,
	TRANSFER_KEY,
	TRANSFER_MEMO,
	TRANSFER_TOKEN,
	TRANSFER_DEVICE_SIGNATURE
};

/* Columns of dcep.signed_batch. */
enum
{
	BATCH_ID,
	BATCH_ISSUER,
	BATCH_SUITE,
	BATCH_KEY_NUMBER,
	BATCH_LEAVES,
	BATCH_SIGNATURE
};

/* Reads the numbers of a transfer. */
static bool
read_numbers(const DcepText *column, Transfer *transfer)
{
	DcepContext *context = &transfer->context;

	return row_number(column[TRANSFER_ID], 1, TRANSFER_ID_MAX, &context->id) &&
		   row_number(column[TRANSFER_AMOUNT], 1, INT64_MAX, &context->amount) &&
		   row_number(column[TRANSFER_CHANGE], 0, INT64_MAX, &transfer->change) &&
		   row_number(column[TRANSFER_SEQ], 1, INT64_MAX, &context->seq) &&
		   row_int(column[TRANSFER_KEY_NUMBER], 1, INT32_MAX, &transfer->key_number) &&
		   row_int(column[TRANSFER_ISSUER], 1, 9999, &transfer->issuer) &&
		   row_int(column[TRANSFER_SUITE], DCEP_SUITE_ED25519, DCEP_SUITE_P256, &transfer->suite);
}

/* Reads the token and the device's signature, of which most have none. */
static bool
read_instruction(const DcepText *column, Transfer *transfer)
{
	DcepContext *context = &transfer->context;
	DcepText token = column[TRANSFER_TOKEN];
	DcepText signature = column[TRANSFER_DEVICE_SIGNATURE];

	context->token = context->device_signature = (DcepText){NULL, 0};
	if ((context->kind == DCEP_KIND_TOKEN) != (token.data != NULL))
		return false;
	if (token.data != NULL)
	{
		if (!row_bytes(token, transfer->token, sizeof(transfer->token)))
			return false;
		context->token = (DcepText){(const char *) transfer->token, sizeof(transfer->token)};
	}
	if (signature.data != NULL)
	{
		if (!row_bytes(signature, transfer->device_signature, sizeof(transfer->device_signature)))
			return false;
		context->device_signature =
			(DcepText){(const char *) transfer->device_signature, sizeof(transfer->device_signature)};
	}
	return true;
}

/* Reads how a transfer was signed: alone, or in a batch. */
static bool
read_signature(const DcepText *column, Transfer *transfer)
{
	bool is_alone = column[TRANSFER_BATCH].data == NULL;

	transfer->batch = 0;
	transfer->batch_index = 0;
	if (is_alone)
		return column[TRANSFER_BATCH_INDEX].data == NULL &&
			   row_bytes(column[TRANSFER_SIGNATURE], transfer->signature, DCEP_SIGNATURE_LEN);
	return column[TRANSFER_SIGNATURE].data == NULL &&
		   row_number(column[TRANSFER_BATCH], 1, TRANSFER_ID_MAX, &transfer->batch) &&
		   row_int(column[TRANSFER_BATCH_INDEX], 0, INT16_MAX, &transfer->batch_index);
}

/* Reads a transfer. */
const char *
transfer_read(const Row *row, Transfer *transfer)
{
	DcepContext *context = &transfer->context;
	const DcepText *column = row->column;

	if (!read_numbers(column, transfer))
		return "A number is missing, or out of its range.";
	if (!row_wallet(column[TRANSFER_PAYER], &context->payer) || !row_wallet(column[TRANSFER_PAYEE], &context->payee))
		return "The payer or the payee is not a wallet number.";
	if (!row_moment(column[TRANSFER_CREATED_AT], &context->created_at))
		return "Its time is not one.";
	if (!row_kind(column[TRANSFER_KIND], &context->kind))
		return "Its kind is unknown.";
	if (!row_ids(column[TRANSFER_INPUTS], &transfer->inputs))
		return "Its inputs are not numbers.";
	context->inputs = transfer->inputs.id;
	context->input_count = (uint32_t) transfer->inputs.count;
	if (!transfer_read_hashes(row, context->prev_hash, transfer->hash))
		return "A hash does not have 32 bytes.";
	if (!read_signature(column, transfer))
		return "It has neither a signature of 64 bytes nor a place in a batch, or both.";
	context->key = column[TRANSFER_KEY];
	context->memo = column[TRANSFER_MEMO];
	return read_instruction(column, transfer) ? NULL : "Its token or its device's signature is not one.";
}

/* Reads the id. */
int64_t
transfer_read_id(const Row *row)
{
	int64_t id;

	return row_number(row->column[TRANSFER_ID], 1, TRANSFER_ID_MAX, &id) ? id : 0;
}

/* Reads the hashes. */
bool
transfer_read_hashes(const Row *row, uint8_t prev_hash[DCEP_HASH_LEN], uint8_t hash[DCEP_HASH_LEN])
{
	return row_bytes(row->column[TRANSFER_PREV_HASH], prev_hash, DCEP_HASH_LEN) &&
		   row_bytes(row->column[TRANSFER_HASH], hash, DCEP_HASH_LEN);
}

/* Reads a batch. */
const char *
batch_read(const Row *row, SignedBatch *batch)
{
	size_t len;

	if (!row_number(row->column[BATCH_ID], 1, TRANSFER_ID_MAX, &batch->id) ||
		!row_int(row->column[BATCH_ISSUER], 1, 9999, &batch->issuer) ||
		!row_int(row->column[BATCH_SUITE], DCEP_SUITE_ED25519, DCEP_SUITE_P256, &batch->suite) ||
		!row_int(row->column[BATCH_KEY_NUMBER], 1, INT32_MAX, &batch->key_number))
		return "A number is missing, or out of its range.";
	if (!row_bytea(row->column[BATCH_LEAVES], batch->leaf[0], sizeof(batch->leaf), &len) || len == 0 ||
		len % DCEP_HASH_LEN != 0)
		return "Its leaves are not hashes.";
	batch->size = (uint32_t) (len / DCEP_HASH_LEN);
	return row_bytes(row->column[BATCH_SIGNATURE], batch->signature, DCEP_SIGNATURE_LEN)
			   ? NULL
			   : "Its signature does not have 64 bytes.";
}
