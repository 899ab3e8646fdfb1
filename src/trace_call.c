/*
 * trace_call.c: traces as SQL asks for them.
 */
#include "trace_call.h"

#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "access.h"
#include "argument.h"
#include "types.h"

PG_FUNCTION_INFO_V1(dcep_trace_forward_transfer);
PG_FUNCTION_INFO_V1(dcep_trace_forward_coin);
PG_FUNCTION_INFO_V1(dcep_trace_back_transfer);
PG_FUNCTION_INFO_V1(dcep_trace_back_coin);
PG_FUNCTION_INFO_V1(dcep_trace_live);
PG_FUNCTION_INFO_V1(dcep_trace_ends);

static const char *const method_names[] =
	{[DCEP_TRACE_POISON] = "poison", [DCEP_TRACE_HAIRCUT] = "haircut", [DCEP_TRACE_FIFO] = "fifo"};

static const char *const state_names[] = {[DCEP_TRACE_LIVE] = "live",		  [DCEP_TRACE_CONSUMED] = "consumed",
										  [DCEP_TRACE_REDEEMED] = "redeemed", [DCEP_TRACE_ELSEWHERE] = "elsewhere",
										  [DCEP_TRACE_CUT] = "cut",			  [DCEP_TRACE_STOPPED] = "stopped",
										  [DCEP_TRACE_LOST] = "lost"};

/* --- arguments ----------------------------------------------------------------- */

/* A method by name. */
DcepTraceMethod
dcep_trace_method(const char *name)
{
	for (int method = 0; method < (int) lengthof(method_names); method++)
		if (strcmp(name, method_names[method]) == 0)
			return (DcepTraceMethod) method;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown method of tracing \"%s\"", name),
					errdetail("A method says which part of a payment is tainted where tainted and clean coins meet."),
					errhint("The methods are poison, haircut and fifo.")));
}

/* The name of a method. */
const char *
dcep_trace_method_name(DcepTraceMethod method)
{
	return method_names[method];
}

/* Limits of depth and rows. */
DcepTraceLimits
dcep_trace_limits(FunctionCallInfo fcinfo, int first, int rows_max)
{
	DcepTraceLimits limits = {.max_depth = DCEP_TRACE_NO_DEPTH};

	if (!PG_ARGISNULL(first))
		limits.max_depth = dcep_require_at_least("max_depth", PG_GETARG_INT32(first), 0);
	dcep_require_arguments(fcinfo, first + 1, 1, "max_rows");
	limits.max_rows = dcep_require_at_least("max_rows", PG_GETARG_INT32(first + 1), 1);
	dcep_require_at_most("max_rows", limits.max_rows, rows_max);
	return limits;
}

/* --- where a trace begins -------------------------------------------------------- */

/* Is a wallet shown to the caller? */
bool
dcep_trace_shows(int64 wallet)
{
	return dcep_access_sees_payments(dcep_wallet_institution(wallet));
}

/* Who sees neither party is not told whether there is such a transfer. */
static _Noreturn void
refuse_start(const char *what, int64 id)
{
	ereport(
		ERROR,
		(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for %s " INT64_FORMAT, what, id),
		 errdetail("The role \"%s\" sees no wallet in it, or there is none.", GetUserNameFromId(GetUserId(), false)),
		 errhint("Traces begin at transfers that the role sees, within a case: dcep.open_case() opens one.")));
}

/* What of a coin the trace begins with: all of it, or the part that was asked for. */
static void
set_part(DcepTraceCall *call, int64 amount)
{
	if (call->part.amount == 0)
		call->part.amount = amount;
	if (call->part.from < 0 || call->part.from > amount || call->part.amount < 0 ||
		call->part.amount > amount - call->part.from)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the coin has no such part"),
						errdetail("The coin is worth " INT64_FORMAT ", the part is " INT64_FORMAT ", from " INT64_FORMAT
								  " on.",
								  amount, call->part.amount, call->part.from)));
}

/* Finds the transfer of a coin; an error where there is none or the caller may not see it. */
static void
find_start(DcepTraceCall *call, const char *what, int64 id, int64 coin, const char *hint)
{
	DcepJournal journal;
	DcepTransfer transfer;
	DcepTracedCoin described;
	bool found;

	dcep_journal_open(&journal, false);
	found = coin > 1 && dcep_transfer_find(call->config, &journal, call->snapshot, coin >> 1, &transfer);
	if (found && !dcep_trace_shows(transfer.context.payer) && !dcep_trace_shows(transfer.context.payee))
		found = false;
	if (!found && !dcep_access_sees_all())
		refuse_start(what, id);
	if (!found || !dcep_trace_describe(&transfer, coin, &described))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s " INT64_FORMAT " does not exist", what, id),
				 found ? errdetail("Transfer " INT64_FORMAT " left no change.", coin >> 1)
					   : errdetail("The journal has no such transfer."),
				 errhint("%s", hint)));
	dcep_journal_close(&journal);
	call->coin = coin;
	set_part(call, described.amount);
}

/* Begins with the coin of the payee. */
void
dcep_trace_begin_transfer(DcepTraceCall *call, int64 transfer)
{
	bool is_id = transfer > 0 && transfer <= PG_INT64_MAX / 2;

	find_start(call, "transfer", transfer, is_id ? transfer * 2 : 0,
			   "A number of a coin is for dcep.trace_forward_coin() and dcep.trace_back_coin().");
}

/* Begins with a coin by its number. */
void
dcep_trace_begin_coin(DcepTraceCall *call, int64 coin)
{
	find_start(call, "coin", coin, coin, "A number of a transfer is for dcep.trace_forward() and dcep.trace_back().");
}

/* What all calls begin with. */
static void
begin_call(FunctionCallInfo fcinfo, DcepTraceCall *call, bool is_forward)
{
	call->config = dcep_config_required();
	call->snapshot = RegisterSnapshot(GetActiveSnapshot());
	call->is_forward = is_forward;
	InitMaterializedSRF(fcinfo, 0);
}

/* Makes the trace. */
void
dcep_trace_call_run(const DcepTraceCall *call, DcepTrace *trace)
{
	bool found = call->is_forward ? dcep_trace_forward(call->config, call->snapshot, call->coin, call->part,
													   call->method, call->limits, trace)
								  : dcep_trace_back(call->config, call->snapshot, call->coin, call->limits, trace);

	if (!found)
		elog(ERROR, "coin " INT64_FORMAT " is gone", call->coin);
}

/* --- rows ------------------------------------------------------------------------ */

#define COLUMNS_MAX 11

/* A row that is being put together, column after column. */
typedef struct Row
{
	int count;
	Datum values[COLUMNS_MAX];
	bool nulls[COLUMNS_MAX];
} Row;

/* Adds a column. */
static void
add_column(Row *row, Datum value, bool is_null)
{
	Assert(row->count < COLUMNS_MAX);
	row->values[row->count] = value;
	row->nulls[row->count++] = is_null;
}

/* Adds the owner: the wallet, where the caller sees it, and its institution. */
static void
add_owner(Row *row, int64 owner)
{
	add_column(row, WalletIdGetDatum(owner), !dcep_trace_shows(owner));
	add_column(row, Int16GetDatum(dcep_wallet_institution(owner)), false);
}

/* Returns one row a coin. */
static void
put_trace(ReturnSetInfo *result, const DcepTraceCall *call, const DcepTrace *trace)
{
	for (int i = 0; i < trace->count; i++)
	{
		const DcepTracedCoin *coin = &trace->coin[i];
		Row row = {0};

		CHECK_FOR_INTERRUPTS();
		add_column(&row, Int32GetDatum(coin->depth), false);
		add_column(&row, Int64GetDatum(coin->id >> 1), false);
		add_column(&row, Int64GetDatum(coin->id), coin->state == DCEP_TRACE_REDEEMED);
		add_owner(&row, coin->owner);
		add_column(&row, Int64GetDatum(coin->amount), false);
		if (trace->is_forward)
			add_column(&row, Int64GetDatum(coin->tainted), false);
		add_column(&row, CStringGetTextDatum(state_names[coin->state]), false);
		add_column(&row, Int64GetDatum(coin->consumer), coin->consumer == 0);
		add_column(&row, ObjectIdGetDatum(call->config->kind_oid[coin->kind]), false);
		add_column(&row, TimestampTzGetDatum(dcep_pg_time(coin->created_at)), false);
		tuplestore_putvalues(result->setResult, result->setDesc, row.values, row.nulls);
	}
}

/* Runs a call and returns its rows. */
static Datum
return_trace(FunctionCallInfo fcinfo, DcepTraceCall *call)
{
	DcepTrace trace;

	dcep_trace_call_run(call, &trace);
	put_trace((ReturnSetInfo *) fcinfo->resultinfo, call, &trace);
	UnregisterSnapshot(call->snapshot);
	return (Datum) 0;
}

/* A trace forward: the arguments are where it begins, method, max_depth, max_rows. */
static Datum
call_forward(FunctionCallInfo fcinfo, const char *names, void (*begin)(DcepTraceCall *call, int64 id))
{
	DcepTraceCall call = {0};

	dcep_require_arguments(fcinfo, 0, 2, names);
	call.method = dcep_trace_method(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	call.limits = dcep_trace_limits(fcinfo, 2, DCEP_TRACE_ROWS_MAX);
	begin_call(fcinfo, &call, true);
	begin(&call, PG_GETARG_INT64(0));
	return return_trace(fcinfo, &call);
}

/* A trace back: the arguments are where it begins, max_depth, max_rows. */
static Datum
call_back(FunctionCallInfo fcinfo, const char *names, void (*begin)(DcepTraceCall *call, int64 id))
{
	DcepTraceCall call = {0};

	dcep_require_arguments(fcinfo, 0, 1, names);
	call.limits = dcep_trace_limits(fcinfo, 1, DCEP_TRACE_ROWS_MAX);
	begin_call(fcinfo, &call, false);
	begin(&call, PG_GETARG_INT64(0));
	return return_trace(fcinfo, &call);
}

/* dcep.trace_forward(transfer, method, max_depth, max_rows) */
Datum
dcep_trace_forward_transfer(PG_FUNCTION_ARGS)
{
	return call_forward(fcinfo, "transfer and method", dcep_trace_begin_transfer);
}

/* dcep.trace_forward_coin(coin, method, max_depth, max_rows) */
Datum
dcep_trace_forward_coin(PG_FUNCTION_ARGS)
{
	return call_forward(fcinfo, "coin and method", dcep_trace_begin_coin);
}

/* dcep.trace_back(transfer, max_depth, max_rows) */
Datum
dcep_trace_back_transfer(PG_FUNCTION_ARGS)
{
	return call_back(fcinfo, "transfer", dcep_trace_begin_transfer);
}

/* dcep.trace_back_coin(coin, max_depth, max_rows) */
Datum
dcep_trace_back_coin(PG_FUNCTION_ARGS)
{
	return call_back(fcinfo, "coin", dcep_trace_begin_coin);
}

/* Returns one row a live coin. */
static void
put_live(ReturnSetInfo *result, const DcepTrace *trace)
{
	for (int i = 0; i < trace->count; i++)
	{
		const DcepTracedCoin *coin = &trace->coin[i];
		Row row = {0};

		if (coin->state != DCEP_TRACE_LIVE)
			continue;
		add_column(&row, Int64GetDatum(coin->id), false);
		add_owner(&row, coin->owner);
		add_column(&row, Int64GetDatum(coin->amount), false);
		add_column(&row, Int64GetDatum(coin->tainted), false);
		tuplestore_putvalues(result->setResult, result->setDesc, row.values, row.nulls);
	}
}

/* Makes the trace of a call that must not be cut. */
static void
run_complete(DcepTraceCall *call, DcepTrace *trace)
{
	dcep_trace_call_run(call, trace);
	if (trace->is_cut)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("trace has more rows than max_rows"),
						errdetail("More than %d coins had some of the value.", call->limits.max_rows),
						errhint("Raise max_rows, or see how far dcep.trace_forward() comes.")));
}

/* dcep.trace_live(transfer, method, max_rows): the live coins that have some of it, complete or an error */
Datum
dcep_trace_live(PG_FUNCTION_ARGS)
{
	DcepTraceCall call = {.limits.max_depth = DCEP_TRACE_NO_DEPTH};
	DcepTrace trace;

	dcep_require_arguments(fcinfo, 0, 3, "transfer, method and max_rows");
	call.method = dcep_trace_method(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	call.limits.max_rows = dcep_require_at_least("max_rows", PG_GETARG_INT32(2), 1);
	dcep_require_at_most("max_rows", call.limits.max_rows, DCEP_TRACE_ROWS_MAX);
	begin_call(fcinfo, &call, true);
	dcep_trace_begin_transfer(&call, PG_GETARG_INT64(0));
	run_complete(&call, &trace);
	put_live((ReturnSetInfo *) fcinfo->resultinfo, &trace);
	UnregisterSnapshot(call.snapshot);
	return (Datum) 0;
}

/* Returns one row a coin in which the trace ends. */
static void
put_ends(ReturnSetInfo *result, const DcepTrace *trace)
{
	for (int i = 0; i < trace->count; i++)
	{
		const DcepTracedCoin *coin = &trace->coin[i];
		Row row = {0};

		if (coin->state == DCEP_TRACE_CONSUMED)
			continue;
		add_column(&row, Int64GetDatum(coin->id), false);
		add_column(&row, WalletIdGetDatum(coin->owner), false);
		add_column(&row, Int64GetDatum(coin->tainted), false);
		add_column(&row, CStringGetTextDatum(state_names[coin->state]), false);
		tuplestore_putvalues(result->setResult, result->setDesc, row.values, row.nulls);
	}
}

/* The transfers that an array names. */
static const DcepIdSet *
read_ids(ArrayType *array)
{
	DcepIdSet *ids = dcep_idset_create();
	Datum *id;
	bool *is_null;
	int count;

	deconstruct_array(array, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &id, &is_null, &count);
	for (int i = 0; i < count; i++)
		if (!is_null[i])
			(void) dcep_idset_add(ids, DatumGetInt64(id[i]));
	return ids;
}

/* dcep.trace_ends(transfer, part_from, part, method, last_ones): where a part of a payment is now, complete or an error */
Datum
dcep_trace_ends(PG_FUNCTION_ARGS)
{
	DcepTraceCall call = {.limits = {.max_depth = DCEP_TRACE_NO_DEPTH, .max_rows = DCEP_TRACE_ROWS_MAX}};
	DcepTrace trace;

	dcep_require_arguments(fcinfo, 0, 5, "transfer, part_from, part, method and last_ones");
	call.limits.last_ones = read_ids(PG_GETARG_ARRAYTYPE_P(4));
	call.part = (DcepTracePart){.from = PG_GETARG_INT64(1), .amount = PG_GETARG_INT64(2)};
	call.method = dcep_trace_method(text_to_cstring(PG_GETARG_TEXT_PP(3)));
	begin_call(fcinfo, &call, true);
	dcep_trace_begin_transfer(&call, PG_GETARG_INT64(0));
	run_complete(&call, &trace);
	put_ends((ReturnSetInfo *) fcinfo->resultinfo, &trace);
	UnregisterSnapshot(call.snapshot);
	return (Datum) 0;
}
