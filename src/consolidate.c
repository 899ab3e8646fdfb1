/*
 * consolidate.c: many coins of a wallet exchanged for one.
 *
 * A wallet that is paid a million times holds a million coins, and adding them
 * up takes as long.  Consolidation is a transfer of the wallet to itself.  It
 * holds the wallet's lock while it verifies what it consumes; so one consumes a
 * bounded number of coins, and consolidate_all() commits after each.
 */
#include "consolidate.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"

#include "argument.h"
#include "spend.h"

PG_FUNCTION_INFO_V1(dcep_consolidate);
PG_FUNCTION_INFO_V1(dcep_consolidate_all);

static const DcepConsolidation ordinary = {.max_coins = DCEP_INPUTS_MAX};
static DcepConsolidation waiting = {.max_coins = DCEP_INPUTS_MAX};

/* How the INSERT that is about to begin does it. */
DcepConsolidation
dcep_consolidation_take(void)
{
	DcepConsolidation consolidation = waiting;

	waiting = ordinary;
	return consolidation;
}

/* Says why a wallet was passed over. */
void
dcep_consolidation_warn(const DcepRefusal *refusal)
{
	ereport(WARNING, (errcode(refusal->sqlstate), errmsg("wallet was not consolidated: %s", refusal->message),
					  refusal->detail ? errdetail_internal("%s", refusal->detail) : 0));
}

/* Runs one consolidation; the number of coins consumed. SPI is connected. */
static int
consolidate_once(int64 wallet, DcepConsolidation consolidation)
{
	Oid types[] = {INT8OID};
	Datum values[] = {Int64GetDatum(wallet)};
	bool is_null;
	int consumed;

	PG_TRY();
	{
		waiting = consolidation;
		if (SPI_execute_with_args("INSERT INTO dcep.transfer (kind, payer, payee) "
								  "VALUES ('consolidate', $1::dcep.wallet_id, $1::dcep.wallet_id) "
								  "RETURNING pg_catalog.cardinality(inputs)",
								  lengthof(types), types, values, NULL, false, 0) != SPI_OK_INSERT_RETURNING)
			elog(ERROR, "could not consolidate");
	}
	PG_FINALLY();
	{
		waiting = ordinary;
	}
	PG_END_TRY();
	consumed = SPI_processed == 1
				   ? DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null))
				   : 0;
	SPI_freetuptable(SPI_tuptable);
	return consumed;
}

/* dcep.consolidate(wallet, max_coins, skip_locked) → number of coins consumed */
Datum
dcep_consolidate(PG_FUNCTION_ARGS)
{
	DcepConsolidation consolidation = ordinary;
	int consumed;

	dcep_require_arguments(fcinfo, 0, 3, "wallet, max_coins and skip_locked");
	consolidation.max_coins = Min(dcep_require_at_least("max_coins", PG_GETARG_INT32(1), 2), DCEP_INPUTS_MAX);
	consolidation.skip_locked = PG_GETARG_BOOL(2);
	SPI_connect();
	consumed = consolidate_once(PG_GETARG_INT64(0), consolidation);
	SPI_finish();
	PG_RETURN_INT32(consumed);
}

/* --- dcep.consolidate_all() ---------------------------------------------------- */

/* The wallets that have many coins, the fullest first; palloc'd. SPI is connected. */
static int64 *
find_crowded(int min_coins, int max_wallets, uint64 *count)
{
	Oid types[] = {INT4OID, INT4OID};
	Datum values[] = {Int32GetDatum(min_coins), Int32GetDatum(max_wallets)};
	int64 *wallets;
	bool is_null;

	if (SPI_execute_with_args("SELECT c.wallet::bigint FROM dcep.crowded_wallets($1, $2) AS c", lengthof(types), types,
							  values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look for wallets with many coins");
	*count = SPI_processed;
	wallets = palloc(Max(1, *count) * sizeof(int64));
	for (uint64 i = 0; i < *count; i++)
		wallets[i] = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &is_null));
	SPI_freetuptable(SPI_tuptable);
	return wallets;
}

/* Consolidates a wallet in lots, each a transaction of its own where that can be. */
static int64
consolidate_wallet(int64 wallet, bool atomic)
{
	const DcepConsolidation in_passing = {.max_coins = DCEP_INPUTS_MAX, .skip_locked = true, .lenient = true};
	int64 total = 0;
	int consumed;

	do
	{
		CHECK_FOR_INTERRUPTS();
		consumed = consolidate_once(wallet, in_passing);
		total += consumed;
		if (!atomic)
			SPI_commit();
	} while (consumed == DCEP_INPUTS_MAX);
	return total;
}

/* The procedure's one output column. */
static Datum
make_result(FunctionCallInfo fcinfo, int64 coins)
{
	TupleDesc desc;
	Datum values[] = {Int64GetDatum(coins)};
	bool nulls[] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "consolidate_all() has an unexpected result");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* CALL dcep.consolidate_all(min_coins, max_wallets, coins) */
Datum
dcep_consolidate_all(PG_FUNCTION_ARGS)
{
	bool atomic =
		fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) || castNode(CallContext, fcinfo->context)->atomic;
	int min_coins;
	int max_wallets;
	int64 *wallets;
	uint64 count;
	int64 total = 0;

	dcep_require_arguments(fcinfo, 0, 2, "min_coins and max_wallets");
	min_coins = dcep_require_at_least("min_coins", PG_GETARG_INT32(0), 2);
	max_wallets = dcep_require_at_least("max_wallets", PG_GETARG_INT32(1), 1);
	SPI_connect_ext(atomic ? 0 : SPI_OPT_NONATOMIC);
	wallets = find_crowded(min_coins, max_wallets, &count);
	if (!atomic)
		SPI_commit(); /* the search's snapshot must not hold back vacuum */
	for (uint64 i = 0; i < count; i++)
		total += consolidate_wallet(wallets[i], atomic);
	SPI_finish();
	return make_result(fcinfo, total);
}
