/*
 * asked.c: the registry's message that asks for a payment, as dcep-signer is shown it.
 */
#include "asked.h"

#include "executor/executor.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "act.h"
#include "journal.h"

#define KIND_WORD "message "

/* A column of the row. */
static Datum
column(HeapTupleHeader row, const char *name)
{
	bool is_null;
	Datum value = GetAttributeByName(row, name, &is_null);

	if (is_null)
		elog(ERROR, "column \"%s\" of a message is NULL", name);
	return value;
}

/* A text of the row. */
static DcepText
text_column(HeapTupleHeader row, const char *name)
{
	text *value = DatumGetTextPP(column(row, name));

	return (DcepText){VARDATA_ANY(value), (uint32) VARSIZE_ANY_EXHDR(value)};
}

/* A C string as a text. */
static DcepText
text_of(const char *value)
{
	return (DcepText){value, (uint32) strlen(value)};
}

/* Copies so many bytes out of the row. */
static void
copy_column(HeapTupleHeader row, const char *name, uint8 *to, size_t len)
{
	bytea *value = DatumGetByteaPP(column(row, name));

	if (VARSIZE_ANY_EXHDR(value) != len)
		elog(ERROR, "column \"%s\" of a message has another length", name);
	memcpy(to, VARDATA_ANY(value), len);
}

/* Of a row of dcep.message. */
const DcepAsked *
dcep_asked_of_row(HeapTupleHeader row)
{
	DcepAsked *asked;
	DcepAct act;
	int receiver;
	bool is_null;
	uint8 *bytes;

	(void) GetAttributeByName(row, "hash", &is_null);
	if (is_null)
		return NULL;
	asked = palloc(sizeof(DcepAsked));
	receiver = DatumGetInt16(column(row, "receiver"));
	copy_column(row, "prev_hash", act.prev_hash, DCEP_HASH_LEN);
	copy_column(row, "signature", asked->signature, DCEP_SIGNATURE_LEN);
	act.institution = DatumGetInt16(column(row, "sender"));
	act.seq = DatumGetInt64(column(row, "number"));
	act.id = receiver;
	act.entered_at = dcep_unix_time(DatumGetTimestampTz(column(row, "made_at")));
	act.kind = text_of(psprintf(KIND_WORD "%s", TextDatumGetCString(column(row, "kind"))));
	act.role = text_column(row, "by_role");
	act.case_no = text_of(psprintf("%04d", receiver));
	act.body = text_column(row, "body");
	asked->len = dcep_act_length(&act);
	asked->bytes = bytes = palloc(asked->len);
	dcep_act_put(&act, bytes);
	return asked;
}
