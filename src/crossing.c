/*
 * crossing.c: payments between wallets of two nodes.
 *
 * What a message says, and what it does where it arrives, is SQL
 * (src/sql/79_nodes.sql).  Here is how a payment is sent on its way, whatever
 * statement paid, and the one way by which that of another node's wallet is entered.
 */
#include "crossing.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/array.h"

#include "access.h"
#include "asked.h"
#include "plan.h"
#include "upkeep.h"

PG_FUNCTION_INFO_V1(dcep_enter_delivery);
PG_FUNCTION_INFO_V1(dcep_wake_worker);

#define ARG_MESSAGE 6 /* of dcep_enter_delivery(), behind those that are columns */

static bool has_work = false;			  /* for the worker, of this transaction */
static bool waiting = false;			  /* dcep.enter_delivery() is about to insert */
static const DcepAsked *asked_for = NULL; /* by this message */

/* Does the INSERT that is about to begin enter what another node has paid? */
bool
dcep_delivery_take(const DcepAsked **asked)
{
	bool taken = waiting;

	*asked = asked_for;
	waiting = false;
	asked_for = NULL;
	return taken;
}

/* Inserts the row; its id, or 0 where the payee's node had it already. SPI is connected. */
static int64
insert_delivery(FunctionCallInfo fcinfo)
{
	/* The types of the arguments are those of the columns. */
	static const char *const sql =
		"INSERT INTO dcep.transfer (kind, payer, payee, amount, key, memo) "
		"VALUES ($1::dcep.transfer_kind, $2::dcep.wallet_id, $3::dcep.wallet_id, $4, $5, $6) "
		"RETURNING id";
	Oid types[] = {TEXTOID, INT8OID, INT8OID, INT8OID, TEXTOID, TEXTOID};
	Datum values[lengthof(types)];
	char nulls[lengthof(types)];
	bool is_null;

	for (size_t i = 0; i < lengthof(types); i++)
	{
		values[i] = PG_GETARG_DATUM(i);
		nulls[i] = PG_ARGISNULL(i) ? 'n' : ' ';
	}
	if (SPI_execute_with_args(sql, lengthof(types), types, values, nulls, false, 0) != SPI_OK_INSERT_RETURNING)
		elog(ERROR, "could not enter a payment");
	return SPI_processed == 1 ? DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null))
							  : 0;
}

/* dcep.enter_delivery(kind, payer, payee, amount, key, memo, message) → id of the transfer, NULL where the key had been used for it */
Datum
dcep_enter_delivery(PG_FUNCTION_ARGS)
{
	const DcepAsked *asked =
		PG_ARGISNULL(ARG_MESSAGE) ? NULL : dcep_asked_of_row(PG_GETARG_HEAPTUPLEHEADER(ARG_MESSAGE));
	int64 id;

	SPI_connect();
	PG_TRY();
	{
		asked_for = asked;
		waiting = true;
		id = insert_delivery(fcinfo);
	}
	PG_FINALLY();
	{
		waiting = false;
		asked_for = NULL;
	}
	PG_END_TRY();
	SPI_finish();
	if (id == 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(id);
}

/* The worker can see what there is to do once this transaction has committed. */
static void
at_end(XactEvent event, void *arg pg_attribute_unused())
{
	if (!has_work || (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE))
		return;
	has_work = false;
	if (event == XACT_EVENT_COMMIT)
		dcep_upkeep_kick();
}

/* Wakes the worker once this transaction has committed. */
static void
wake_worker(void)
{
	static bool is_registered = false;

	if (!is_registered)
		RegisterXactCallback(at_end, NULL);
	is_registered = has_work = true;
}

/* dcep.wake_worker(): once this transaction has committed */
Datum
dcep_wake_worker(PG_FUNCTION_ARGS)
{
	wake_worker();
	PG_RETURN_VOID();
}

/* Numbers as an array of bigint. */
static ArrayType *
bigint_array(const int64 *numbers, int count)
{
	Datum *values = palloc((Size) count * sizeof(Datum));

	for (int i = 0; i < count; i++)
		values[i] = Int64GetDatum(numbers[i]);
	return construct_array(values, count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

/* Sends payments on their way. SPI is connected. */
static void
send_payments(ArrayType *transfers)
{
	static DcepKeptPlan kept;
	const Oid types[] = {INT8ARRAYOID};
	Datum values[] = {PointerGetDatum(transfers)};

	if (SPI_execute_plan(dcep_kept_plan(&kept, "SELECT dcep.send_payments($1)", lengthof(types), types), values, NULL,
						 false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not send payments on their way");
	SPI_freetuptable(SPI_tuptable);
}

/* Sends payments that have left on their way; the worker does the rest once they have committed. */
void
dcep_crossing_send(const int64 *transfers, int count)
{
	DcepCaller caller;

	dcep_access_enter_owner(&caller);
	SPI_connect();
	send_payments(bigint_array(transfers, count));
	SPI_finish();
	dcep_access_leave_owner(&caller);
	wake_worker();
}
