/*
 * own_limits.c: limits that a wallet has beside those of its class.
 */
#include "own_limits.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "array.h"
#include "table.h"
#include "types.h"

PG_FUNCTION_INFO_V1(dcep_open_below);

/* Columns of dcep.wallet_limit. */
enum
{
	LIMIT_WALLET = 1,
	LIMIT_VALID_FROM,
	LIMIT_DECIDED_AT,
	LIMIT_GIVEN_BALANCE,
	LIMIT_GIVEN_DAY,
	LIMIT_GIVEN_YEAR,
	LIMIT_MAX_BALANCE,
	LIMIT_MAX_PAYMENT,
	LIMIT_MAX_DAY,
	LIMIT_MAX_YEAR
};

#define WALLET_STATUS 5 /* of dcep.wallet */

/* Takes over the row in the slot. */
static void
read_row(DcepTable *table, DcepLimit *limit)
{
	limit->valid_from = DatumGetDateADT(dcep_column(table, LIMIT_VALID_FROM));
	limit->decided_at = DatumGetTimestampTz(dcep_column(table, LIMIT_DECIDED_AT));
	limit->given_balance = DatumGetInt64(dcep_column(table, LIMIT_GIVEN_BALANCE));
	limit->given_day = DatumGetInt64(dcep_column(table, LIMIT_GIVEN_DAY));
	limit->given_year = DatumGetInt64(dcep_column(table, LIMIT_GIVEN_YEAR));
	limit->max_balance = dcep_config_limit(table, LIMIT_MAX_BALANCE);
	limit->max_payment = dcep_config_limit(table, LIMIT_MAX_PAYMENT);
	limit->max_day = dcep_config_limit(table, LIMIT_MAX_DAY);
	limit->max_year = dcep_config_limit(table, LIMIT_MAX_YEAR);
}

/* A wallet's rows. */
DcepLimits *
dcep_limits_read(int64 wallet)
{
	DcepLimits *limits = palloc0(sizeof(DcepLimits));
	Snapshot newest = RegisterSnapshot(GetLatestSnapshot());
	DcepTable *table = dcep_table_open(DCEP_WALLET_LIMIT, NULL);
	DcepScan scan = dcep_scan_number(table, DCEP_WALLET_LIMIT_PKEY, newest, wallet);

	while (dcep_scan_next(&scan, ForwardScanDirection))
		read_row(table, dcep_array_append((void **) &limits->limit, &limits->count, sizeof(DcepLimit)));
	dcep_scan_end(&scan);
	dcep_table_close(table);
	UnregisterSnapshot(newest);
	return limits;
}

/* The row that stands on a day: of the youngest day that has come, the one decided last; NULL where there is none. */
static const DcepLimit *
find_standing(const DcepLimits *limits, DateADT day)
{
	const DcepLimit *standing = NULL;

	for (int i = 0; i < limits->count; i++)
	{
		const DcepLimit *limit = &limits->limit[i];

		if (limit->valid_from <= day &&
			(standing == NULL || limit->valid_from > standing->valid_from ||
			 (limit->valid_from == standing->valid_from && limit->decided_at > standing->decided_at)))
			standing = limit;
	}
	return standing;
}

/* The smaller of two limits, less what was given away of it. */
static int64
remaining(int64 of_class, int64 own, int64 given)
{
	int64 limit = Min(of_class, own);

	return limit == DCEP_NO_LIMIT ? limit : Max(limit - given, 0);
}

/* Makes the limits of a class those of the wallet. */
void
dcep_limits_apply(const DcepLimits *limits, DateADT day, DcepClass *class)
{
	const DcepLimit *standing = find_standing(limits, day);

	if (standing == NULL)
		return;
	class->max_balance = remaining(class->max_balance, standing->max_balance, standing->given_balance);
	class->max_payment = remaining(class->max_payment, standing->max_payment, 0);
	class->max_day = remaining(class->max_day, standing->max_day, standing->given_day);
	class->max_year = remaining(class->max_year, standing->max_year, standing->given_year);
}

/* Is the wallet in the slot open? */
static bool
is_open(DcepTable *table)
{
	return strcmp(TextDatumGetCString(dcep_column(table, WALLET_STATUS)), "open") == 0;
}

/*
 * dcep.open_below(wallet): how many open sub-wallets there are right now. Read
 * with the newest snapshot, for who closes a wallet must not miss one that was
 * opened after its transaction began.
 */
Datum
dcep_open_below(PG_FUNCTION_ARGS)
{
	Snapshot newest = RegisterSnapshot(GetLatestSnapshot());
	DcepTable *table = dcep_table_open(DCEP_WALLET, NULL);
	DcepScan scan = dcep_scan_number(table, DCEP_WALLET_PARENT, newest, PG_GETARG_WALLET_ID(0));
	int open = 0;

	while (dcep_scan_next(&scan, ForwardScanDirection))
		open += is_open(table);
	dcep_scan_end(&scan);
	dcep_table_close(table);
	UnregisterSnapshot(newest);
	PG_RETURN_INT32(open);
}
