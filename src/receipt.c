/*
 * receipt.c: the composite type dcep.receipt.
 *
 * What a payer needs to prove a payment: the facts, the hash that covers them
 * and the signature over it.
 */
#include "receipt.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

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
	RECEIPT_SIGNATURE
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

/* Fills a receipt's columns. */
void
dcep_receipt_fill(const DcepConfig *config, const DcepTransfer *transfer, Datum *values, bool *nulls)
{
	const DcepContext *context = &transfer->context;

	memset(nulls, false, DCEP_RECEIPT_COLUMNS * sizeof(bool));
	values[RECEIPT_TRANSFER] = Int64GetDatum(context->id);
	values[RECEIPT_KIND] = ObjectIdGetDatum(config->kind_oid[context->kind]);
	values[RECEIPT_PAYER] = Int64GetDatum(context->payer);
	values[RECEIPT_PAYEE] = Int64GetDatum(context->payee);
	values[RECEIPT_AMOUNT] = Int64GetDatum(context->amount);
	nulls[RECEIPT_KEY] = context->key.data == NULL;
	values[RECEIPT_KEY] = nulls[RECEIPT_KEY] ? (Datum) 0
											 : PointerGetDatum(cstring_to_text_with_len(context->key.data,
																						(int) context->key.len));
	values[RECEIPT_CREATED_AT] = TimestampTzGetDatum(dcep_pg_time(context->created_at));
	values[RECEIPT_SEQ] = Int64GetDatum(context->seq);
	values[RECEIPT_ISSUER] = Int16GetDatum(transfer->issuer);
	values[RECEIPT_KEY_NUMBER] = Int32GetDatum(transfer->key_number);
	values[RECEIPT_HASH] = dcep_bytes_datum(transfer->hash, DCEP_HASH_LEN);
	values[RECEIPT_SIGNATURE] = dcep_bytes_datum(transfer->signature, DCEP_SIGNATURE_LEN);
}

/* A receipt as a composite datum. */
Datum
dcep_receipt_make(const DcepConfig *config, TupleDesc desc, const DcepTransfer *transfer)
{
	Datum values[DCEP_RECEIPT_COLUMNS];
	bool nulls[DCEP_RECEIPT_COLUMNS];

	if (desc->natts != DCEP_RECEIPT_COLUMNS)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("dcep.receipt does not have the columns that this version of the library knows"),
						errhint("Run ALTER EXTENSION dcep UPDATE, and restart the sessions.")));
	dcep_receipt_fill(config, transfer, values, nulls);
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}
