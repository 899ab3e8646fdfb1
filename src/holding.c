/*
 * holding.c: the live coins of a wallet, as dcep.coin has them.
 */
#include "holding.h"

#include "common/int.h"
#include "miscadmin.h"

/* Begins a scan of a wallet's coins. */
DcepScan
dcep_holding_scan(DcepTable *coins, Snapshot snapshot, int64 wallet)
{
	return dcep_scan_number(coins, DCEP_COIN_PKEY, snapshot, wallet);
}

/* Is a coin live? */
bool
dcep_holding_has(DcepTable *coins, Snapshot snapshot, int64 owner, int64 amount, int64 id)
{
	ScanKeyData keys[DCEP_COIN_COLUMNS];

	dcep_key_number(&keys[0], DCEP_COIN_OWNER, owner);
	dcep_key_number(&keys[1], DCEP_COIN_AMOUNT, amount);
	dcep_key_number(&keys[2], DCEP_COIN_ID, id);
	return dcep_table_find(coins, DCEP_COIN_PKEY, snapshot, keys, DCEP_COIN_COLUMNS);
}

/* Sum of a wallet's coins. */
int64
dcep_holding_sum(DcepTable *coins, Snapshot snapshot, int64 wallet)
{
	DcepScan scan = dcep_holding_scan(coins, snapshot, wallet);
	int64 sum = 0;

	while (dcep_scan_next(&scan, ForwardScanDirection))
	{
		CHECK_FOR_INTERRUPTS();
		if (pg_add_s64_overflow(sum, DatumGetInt64(dcep_column(coins, DCEP_COIN_AMOUNT)), &sum))
			ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("sum of coins out of range")));
	}
	dcep_scan_end(&scan);
	ExecClearTuple(coins->slot);
	return sum;
}
