/*
 * since.c: dcep.transfers_since(), which says what the log of an earlier size has not.
 *
 * These are the transfers at later places of the log, and those that are not in
 * it yet.  The latter are above the watermark: so nothing older is looked at.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "config.h"
#include "journal.h"
#include "log.h"

PG_FUNCTION_INFO_V1(dcep_transfers_since);
PG_FUNCTION_INFO_V1(dcep_transfers_since_support);

/* One id of the result. */
static void
put_id(ReturnSetInfo *result, int64 id)
{
	Datum value = Int64GetDatum(id);
	bool is_null = false;

	tuplestore_putvalues(result->setResult, result->setDesc, &value, &is_null);
}

/* What is in the log from a place on. A tile that cannot be read is for dcep.verify_log() to report. */
static void
put_sealed(ReturnSetInfo *result, DcepLog *log, int64 size)
{
	ScanKeyData keys[2];
	DcepScan scan;

	dcep_key_init(&keys[0], 1, F_INT2EQ, InvalidOid, Int16GetDatum(0));
	dcep_key_bound(&keys[1], 2, BTGreaterEqualStrategyNumber, size / DCEP_TILE_HASHES);
	scan = dcep_scan_begin(log->tiles, DCEP_LOG_TILE_PKEY, log->snapshot, keys, lengthof(keys));
	while (dcep_scan_next(&scan, ForwardScanDirection))
	{
		CHECK_FOR_INTERRUPTS();
		if (dcep_tile_parse(log->tiles, &log->tile) != NULL)
			continue;
		for (int i = 0; i < log->tile.count; i++)
			if (log->tile.index * DCEP_TILE_HASHES + i >= size)
				put_id(result, log->tile.id[i]);
	}
	dcep_scan_end(&scan);
	log->tile.count = 0;
}

/* What is in the journal and not in the log. */
static void
put_unsealed(ReturnSetInfo *result, DcepLog *log, int64 watermark)
{
	DcepTable *journal = dcep_table_open(DCEP_TRANSFER, NULL);
	ScanKeyData key;
	DcepScan scan;

	dcep_key_bound(&key, 1, BTGreaterStrategyNumber, watermark);
	scan = dcep_scan_begin(journal, DCEP_TRANSFER_PKEY, log->snapshot, &key, 1);
	while (dcep_scan_next(&scan, ForwardScanDirection))
	{
		int64 id = DatumGetInt64(dcep_column(journal, DCEP_TRANSFER_ID));

		CHECK_FOR_INTERRUPTS();
		if (dcep_log_find(log, id) < 0)
			put_id(result, id);
	}
	dcep_scan_end(&scan);
	dcep_table_close(journal);
}

/* dcep.transfers_since(size) → ids of the transfers that the log of this size has not */
Datum
dcep_transfers_since(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Snapshot snapshot = RegisterSnapshot(GetActiveSnapshot());
	DcepLog log;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	dcep_log_open(&log, snapshot);
	put_sealed(result, &log, PG_GETARG_INT64(0));
	put_unsealed(result, &log, dcep_log_state(snapshot).watermark);
	dcep_log_close(&log);
	UnregisterSnapshot(snapshot);
	return (Datum) 0;
}

/* How many that will be, ids that no transfer has counted. */
static double
estimate_rows(int64 size)
{
	DcepLogState state = dcep_log_state(GetActiveSnapshot());

	return (double) (state.size - Min(size, state.size)) +
		   (double) Max(0, dcep_sequence_last(DCEP_TRANSFER_ID_SEQ) - state.watermark);
}

/* dcep.transfers_since_support(): how many rows, where the size is known when the query is planned */
Datum
dcep_transfers_since_support(PG_FUNCTION_ARGS)
{
	SupportRequestRows *request = (SupportRequestRows *) PG_GETARG_POINTER(0);
	Const *size;

	if (!IsA(request, SupportRequestRows) || !IsA(request->node, FuncExpr))
		PG_RETURN_POINTER(NULL);
	size = linitial(((FuncExpr *) request->node)->args);
	if (!IsA(size, Const) || size->constisnull || !ActiveSnapshotSet())
		PG_RETURN_POINTER(NULL);
	request->rows = Max(1.0, estimate_rows(DatumGetInt64(size->constvalue)));
	PG_RETURN_POINTER(request);
}
