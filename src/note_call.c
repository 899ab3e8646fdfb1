/*
 * note_call.c: signed notes, checkpoints and keys of others, taken apart and verified for SQL.
 */
#include "note_call.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "argument.h"
#include "refusal.h"
#include "table.h"

PG_FUNCTION_INFO_V1(dcep_read_checkpoint);
PG_FUNCTION_INFO_V1(dcep_note_signatures);
PG_FUNCTION_INFO_V1(dcep_note_signed_at);
PG_FUNCTION_INFO_V1(dcep_read_verifier_key);

/* The bytes of a text. */
DcepSpan
dcep_text_span(text *value)
{
	return (DcepSpan){VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)};
}

/* A stretch as a text. */
static Datum
span_datum(DcepSpan span)
{
	return PointerGetDatum(cstring_to_text_with_len(span.at, (int) span.len));
}

/* A key id in hexadecimal digits, as a text. */
static Datum
id_datum(const uint8 id[DCEP_NOTE_KEY_ID_LEN])
{
	return CStringGetTextDatum(psprintf("%02x%02x%02x%02x", id[0], id[1], id[2], id[3]));
}

/* Reads the first argument, a note that must be readable. */
static void
require_note(FunctionCallInfo fcinfo, DcepNote *note)
{
	DcepSpan span;
	const char *wrong;

	dcep_require_arguments(fcinfo, 0, 1, "note");
	span = dcep_text_span(PG_GETARG_TEXT_PP(0));
	wrong = dcep_note_parse(span.at, span.len, note);
	if (wrong)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("signed note cannot be read"),
						errdetail("%s", wrong)));
}

/* A key that must be readable. */
DcepNoteKey
dcep_note_key_require(text *value)
{
	DcepNoteKey key;
	const char *wrong = dcep_note_key_parse(dcep_text_span(value), &key);

	if (wrong)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("verifier key cannot be read"),
						errdetail("%s", wrong),
						errhint("Logs and witnesses publish theirs; of dcep it is dcep.log_verifier_key(), and of a "
								"witness dcep.witness_verifier_key().")));
	return key;
}

/* A row of the function's type. */
static Datum
make_row(FunctionCallInfo fcinfo, Datum *values)
{
	bool nulls[8] = {false};
	TupleDesc desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE || desc->natts > (int) lengthof(nulls))
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* dcep.read_checkpoint(note) → (origin, size, root, body) */
Datum
dcep_read_checkpoint(PG_FUNCTION_ARGS)
{
	DcepNote note;
	DcepCheckpoint checkpoint;
	Datum values[4];
	const char *wrong;

	require_note(fcinfo, &note);
	wrong = dcep_checkpoint_parse(&note, &checkpoint);
	if (wrong)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("signed note is no checkpoint"),
						errdetail("%s", wrong)));
	values[0] = span_datum(checkpoint.origin);
	values[1] = Int64GetDatum((int64) checkpoint.size);
	values[2] = dcep_bytes_datum(checkpoint.root, DCEP_HASH_LEN);
	values[3] = span_datum(note.text);
	return make_row(fcinfo, values);
}

/* dcep.note_signatures(note) → setof (name, key_id, line) */
Datum
dcep_note_signatures(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	bool nulls[3] = {false};
	DcepNote note;

	require_note(fcinfo, &note);
	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < note.count; i++)
	{
		Datum values[] = {span_datum(note.name[i]), id_datum(note.id[i]), span_datum(dcep_note_signature(&note, i))};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* dcep.note_signed_at(note, key) → seconds since 1970, 0 for a log's key; NULL where it did not sign */
Datum
dcep_note_signed_at(PG_FUNCTION_ARGS)
{
	DcepSpan span = dcep_text_span(PG_GETARG_TEXT_PP(0));
	DcepNoteKey key;
	DcepNote note;
	DcepVerdict verdict;
	uint64 time = 0;

	if (dcep_note_key_parse(dcep_text_span(PG_GETARG_TEXT_PP(1)), &key) || dcep_note_parse(span.at, span.len, &note))
		PG_RETURN_NULL();
	verdict = key.type == DCEP_NOTE_KEY_LOG ? dcep_note_verify(&key, &note)
											: dcep_note_verify_cosignature(&key, &note, &time);
	if (verdict == DCEP_SIGNATURE_UNDECIDED)
		dcep_crypto_raise("verify a note");
	/* A time that PostgreSQL cannot write is none that a witness can have meant. */
	if (verdict == DCEP_SIGNATURE_INVALID || time > UINT64CONST(9000000000000))
		PG_RETURN_NULL();
	PG_RETURN_INT64((int64) time);
}

/* dcep.read_verifier_key(key) → (name, type, id, public_key) */
Datum
dcep_read_verifier_key(PG_FUNCTION_ARGS)
{
	DcepNoteKey key;
	Datum values[4];

	dcep_require_arguments(fcinfo, 0, 1, "key");
	key = dcep_note_key_require(PG_GETARG_TEXT_PP(0));
	values[0] = CStringGetTextDatum(key.name);
	values[1] = Int32GetDatum((int32) key.type);
	values[2] = id_datum(key.id);
	values[3] = dcep_bytes_datum(key.public_key, DCEP_NOTE_PUBLIC_LEN);
	return make_row(fcinfo, values);
}
