/*
 * kept_call.c: refusals on their way from memory into dcep.refusal, and those that SQL notes.
 *
 * The worker (upkeep.c) writes what is in shared memory, dcep.keep_refusals()
 * likewise for whoever calls it. What is in a process's own memory only that
 * process can write: at the end of its next statement that pays.
 */
#include "kept.h"

#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "access.h"
#include "config.h"
#include "types.h"

PG_FUNCTION_INFO_V1(dcep_take_refusals);
PG_FUNCTION_INFO_V1(dcep_waiting_refusals);
PG_FUNCTION_INFO_V1(dcep_keep_refusal);

/* Columns of dcep.take_refusals(). */
enum
{
	KEPT_AT,
	KEPT_SQLSTATE,
	KEPT_MESSAGE,
	KEPT_KIND,
	KEPT_PAYER,
	KEPT_PAYEE,
	KEPT_AMOUNT,
	KEPT_CLASS,
	KEPT_ORDER,
	KEPT_ATTEMPT,
	KEPT_INSTITUTION,
	KEPT_ROLE,
	KEPT_COLUMNS
};

/* Adds the row of an entry. */
static void
put_entry(ReturnSetInfo *result, const DcepConfig *config, const DcepKeptEntry *entry)
{
	Datum values[KEPT_COLUMNS] = {
		[KEPT_AT] = TimestampTzGetDatum(entry->at),
		[KEPT_SQLSTATE] = CStringGetTextDatum(unpack_sql_state(entry->sqlstate)),
		[KEPT_MESSAGE] = CStringGetTextDatum(entry->message),
		[KEPT_KIND] = ObjectIdGetDatum(config->kind_oid[entry->kind]),
		[KEPT_PAYER] = WalletIdGetDatum(entry->payer),
		[KEPT_PAYEE] = WalletIdGetDatum(entry->payee),
		[KEPT_AMOUNT] = Int64GetDatum(entry->amount),
		[KEPT_CLASS] = Int16GetDatum((int16) entry->class),
		[KEPT_ORDER] = Int64GetDatum(entry->order),
		[KEPT_ATTEMPT] = CStringGetTextDatum(entry->attempt),
		[KEPT_INSTITUTION] = Int16GetDatum((int16) entry->institution),
		[KEPT_ROLE] = CStringGetTextDatum(entry->role),
	};
	bool nulls[KEPT_COLUMNS] = {
		[KEPT_KIND] = entry->kind == 0,
		[KEPT_PAYER] = entry->payer == 0,
		[KEPT_PAYEE] = entry->payee == 0,
		[KEPT_AMOUNT] = !entry->has_amount,
		[KEPT_CLASS] = entry->class == DCEP_KEPT_NO_CLASS,
		[KEPT_ORDER] = entry->order == 0,
		[KEPT_ATTEMPT] = entry->attempt[0] == '\0',
		[KEPT_INSTITUTION] = entry->institution == 0,
	};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* dcep.take_refusals() → the refusals that wait; they leave the memory when this transaction commits */
Datum
dcep_take_refusals(PG_FUNCTION_ARGS)
{
	const DcepConfig *config = dcep_config();
	DcepKeptEntry *entries;
	int count;

	InitMaterializedSRF(fcinfo, 0);
	entries = dcep_kept_take(&count);
	for (int i = 0; i < count; i++)
		put_entry((ReturnSetInfo *) fcinfo->resultinfo, config, &entries[i]);
	pfree(entries);
	return (Datum) 0;
}

/* dcep.waiting_refusals() → (waiting, lost, shared) */
Datum
dcep_waiting_refusals(PG_FUNCTION_ARGS)
{
	TupleDesc desc;
	int64 waiting;
	int64 lost;
	bool shared = dcep_kept_counts(&waiting, &lost);
	Datum values[] = {Int64GetDatum(waiting), Int64GetDatum(lost), BoolGetDatum(shared)};
	bool nulls[] = {false, false, false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* dcep.keep_refusal(sqlstate, message, institution, attempt): for SQL that is about to raise */
Datum
dcep_keep_refusal(PG_FUNCTION_ARGS)
{
	const char *state = text_to_cstring(PG_GETARG_TEXT_PP(0));
	DcepRefusal refusal;

	if (strlen(state) != 5)
		elog(ERROR, "invalid SQLSTATE \"%s\"", state);
	dcep_refuse(&refusal, MAKE_SQLSTATE(state[0], state[1], state[2], state[3], state[4]),
				text_to_cstring(PG_GETARG_TEXT_PP(1)));
	dcep_refusal_keep(&(DcepKept){.refusal = &refusal,
								  .class = DCEP_KEPT_NO_CLASS,
								  .institution = PG_GETARG_INT32(2),
								  .attempt = text_to_cstring(PG_GETARG_TEXT_PP(3))});
	PG_RETURN_VOID();
}

/* Writes what this process has noted itself. */
void
dcep_kept_write_own(void)
{
	DcepCaller caller;

	if (!dcep_kept_has_own())
		return;
	dcep_access_enter_owner(&caller);
	SPI_connect();
	if (SPI_execute("SELECT dcep.keep_refusals()", false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not write refusals");
	SPI_finish();
	dcep_access_leave_owner(&caller);
}
