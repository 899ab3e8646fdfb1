/*
 * receipt.c: the composite type dcep.receipt.
 *
 * What a payer needs to prove a payment: the facts, the hash that covers them
 * and the signature over it.  Of a payment to a token it names a pseudonym in the
 * payee's place, whoever asks: it is the payer's.
 */
#include "receipt.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "access.h"
#include "pseudonym.h"

PG_FUNCTION_INFO_V1(dcep_receipt_of);

/* Columns of dcep.receipt. */
enum
{
	RECEIPT_TRANSFER,
	RECEIPT_KIND,
	RECEIPT_PAYER,
	RECEIPT_PAYEE,
	RECEIPT_AMOUNT,
	RECEIPT_KEY,
	RECEIPT_CREATED_AT,
	RECEIPT_SEQ,
	RECEIPT_ISSUER,
	RECEIPT_KEY_NUMBER,
	RECEIPT_HASH,
	RECEIPT_SIGNATURE,
	RECEIPT_BATCH_INDEX,
	RECEIPT_BATCH_SIZE,
	RECEIPT_PATH
};

/* Descriptor of dcep.receipt. */
TupleDesc
dcep_receipt_desc(FunctionCallInfo fcinfo)
{
	TupleDesc desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return BlessTupleDesc(desc);
}

/* Fills the columns that tie the hash to a signature: directly, or by a path to the root of its batch. */
static void
fill_proof(DcepJournal *journal, const DcepTransfer *transfer, Datum *values)
{
	DcepSignedCoin place;

	dcep_transfer_place(journal, SnapshotSelf, transfer, &place);
	values[RECEIPT_SIGNATURE] = dcep_bytes_datum(place.signature, DCEP_SIGNATURE_LEN);
	values[RECEIPT_BATCH_INDEX] = Int32GetDatum((int32) place.batch_index);
	values[RECEIPT_BATCH_SIZE] = Int32GetDatum((int32) place.batch_size);
	values[RECEIPT_PATH] = dcep_bytes_datum(place.path[0], place.path_len * DCEP_HASH_LEN);
}

/* Fills a receipt's columns. */
static void
fill_receipt(const DcepConfig *config, DcepJournal *journal, const DcepTransfer *transfer, Datum *values, bool *nulls)
{
	const DcepContext *context = &transfer->context;

	memset(nulls, false, DCEP_RECEIPT_COLUMNS * sizeof(bool));
	values[RECEIPT_TRANSFER] = Int64GetDatum(context->id);
	values[RECEIPT_KIND] = ObjectIdGetDatum(config->kind_oid[context->kind]);
	values[RECEIPT_PAYER] = Int64GetDatum(context->payer);
	values[RECEIPT_PAYEE] =
		Int64GetDatum(context->kind == DCEP_KIND_TOKEN ? dcep_pseudonym(context->id, DCEP_SIDE_PAYEE) : context->payee);
	values[RECEIPT_AMOUNT] = Int64GetDatum(context->amount);
	values[RECEIPT_KEY] = dcep_text_datum(context->key, &nulls[RECEIPT_KEY]);
	values[RECEIPT_CREATED_AT] = TimestampTzGetDatum(dcep_pg_time(context->created_at));
	values[RECEIPT_SEQ] = Int64GetDatum(context->seq);
	values[RECEIPT_ISSUER] = Int16GetDatum(transfer->issuer);
	values[RECEIPT_KEY_NUMBER] = Int32GetDatum(transfer->key_number);
	values[RECEIPT_HASH] = dcep_bytes_datum(transfer->hash, DCEP_HASH_LEN);
	fill_proof(journal, transfer, values);
}

/* A receipt as a composite datum. */
Datum
dcep_receipt_make(const DcepConfig *config, DcepJournal *journal, TupleDesc desc, const DcepTransfer *transfer)
{
	Datum values[DCEP_RECEIPT_COLUMNS];
	bool nulls[DCEP_RECEIPT_COLUMNS];

	if (desc->natts != DCEP_RECEIPT_COLUMNS)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("dcep.receipt does not have the columns that this version of the library knows"),
						errhint("Run ALTER EXTENSION dcep UPDATE, and restart the sessions.")));
	fill_receipt(config, journal, transfer, values, nulls);
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

/* Who sees a party may have the receipt; of a payment to a token, who sees the payer. */
bool
dcep_receipt_allowed(const DcepContext *context)
{
	return dcep_access_sees(dcep_wallet_institution(context->payer)) ||
		   (context->kind != DCEP_KIND_TOKEN && dcep_access_sees(dcep_wallet_institution(context->payee)));
}

/* dcep.receipt_of(transfer) → receipt, to whoever may see one of the parties; NULL where there is none. */
Datum
dcep_receipt_of(PG_FUNCTION_ARGS)
{
	const DcepConfig *config = dcep_config_required();
	TupleDesc desc = dcep_receipt_desc(fcinfo);
	DcepJournal journal;
	DcepTransfer transfer;
	Datum receipt = (Datum) 0;
	bool found;

	dcep_journal_open(&journal, false);
	found = dcep_transfer_find(config, &journal, GetActiveSnapshot(), PG_GETARG_INT64(0), &transfer) &&
			dcep_receipt_allowed(&transfer.context);
	if (found)
		receipt = dcep_receipt_make(config, &journal, desc, &transfer);
	dcep_journal_close(&journal);
	if (!found)
		PG_RETURN_NULL();
	return receipt;
}
