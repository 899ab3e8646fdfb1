/*
 * control.c: supervisors' orders as they bear on one wallet.
 */
#include "control.h"

#include "common/int.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "array.h"
#include "holding.h"
#include "table.h"

/* Columns of dcep.control_effect. */
enum
{
	EFFECT_TARGET = 1,
	EFFECT_ORDER_ID,
	EFFECT_COIN,
	EFFECT_VALID_FROM,
	EFFECT_VALID_UNTIL,
	EFFECT_AMOUNT,
	EFFECT_COUNTERPARTY,
	EFFECT_FROM_SECOND,
	EFFECT_UNTIL_SECOND,
	EFFECT_KIND,
	EFFECT_SUPERVISOR
};

/* Takes over the row in the slot. */
static void
read_effect(DcepTable *table, DcepControl *control)
{
	control->kind = DatumGetInt16(dcep_column(table, EFFECT_KIND));
	control->supervisor = DatumGetInt16(dcep_column(table, EFFECT_SUPERVISOR));
	control->order = DatumGetInt64(dcep_column(table, EFFECT_ORDER_ID));
	control->coin = DatumGetInt64(dcep_column(table, EFFECT_COIN));
	control->valid_from = DatumGetTimestampTz(dcep_column(table, EFFECT_VALID_FROM));
	control->valid_until = DatumGetTimestampTz(dcep_column(table, EFFECT_VALID_UNTIL));
	control->amount = DatumGetInt64(dcep_column(table, EFFECT_AMOUNT));
	control->counterparty = DatumGetInt64(dcep_column(table, EFFECT_COUNTERPARTY));
	control->from_second = DatumGetInt32(dcep_column(table, EFFECT_FROM_SECOND));
	control->until_second = DatumGetInt32(dcep_column(table, EFFECT_UNTIL_SECOND));
}

/* Adds the effects on one target. */
static void
add_effects(DcepTable *table, Snapshot snapshot, int64 target, DcepControls *controls)
{
	DcepScan scan = dcep_scan_number(table, DCEP_CONTROL_EFFECT_PKEY, snapshot, target);

	while (dcep_scan_next(&scan, ForwardScanDirection))
		read_effect(table, dcep_array_append((void **) &controls->control, &controls->count, sizeof(DcepControl)));
	dcep_scan_end(&scan);
}

/* The effects on a wallet. */
DcepControls *
dcep_controls_read(const DcepConfig *config, int64 wallet, int class, bool has_own)
{
	int64 class_target = dcep_config_controlled_class(config, dcep_wallet_institution(wallet), class);
	DcepControls *controls;
	DcepTable *table;
	Snapshot newest;

	if (!has_own && class_target == 0)
		return NULL;
	controls = palloc0(sizeof(DcepControls));
	newest = RegisterSnapshot(GetLatestSnapshot());
	table = dcep_table_open(DCEP_CONTROL_EFFECT, NULL);
	if (has_own)
		add_effects(table, newest, wallet, controls);
	if (class_target != 0)
		add_effects(table, newest, class_target, controls);
	dcep_table_close(table);
	UnregisterSnapshot(newest);
	return controls;
}

/* Is it in force? */
bool
dcep_control_is_in_force(const DcepControl *control, TimestampTz now)
{
	return control->valid_from <= now && now < control->valid_until;
}

/* The first effect of a kind that is in force. */
const DcepControl *
dcep_controls_find(const DcepControls *controls, int kind, TimestampTz now)
{
	for (int i = 0; controls && i < controls->count; i++)
		if (controls->control[i].kind == kind && dcep_control_is_in_force(&controls->control[i], now))
			return &controls->control[i];
	return NULL;
}

/* The one of a kind with the smallest amount, of those in force. */
const DcepControl *
dcep_controls_strictest(const DcepControls *controls, int kind, TimestampTz now)
{
	const DcepControl *strictest = NULL;

	for (int i = 0; controls && i < controls->count; i++)
	{
		const DcepControl *control = &controls->control[i];

		if (control->kind == kind && dcep_control_is_in_force(control, now) &&
			(strictest == NULL || control->amount < strictest->amount))
			strictest = control;
	}
	return strictest;
}

/* The first that forbids the wallet to pay. */
const DcepControl *
dcep_controls_no_debit(const DcepControls *controls, TimestampTz now)
{
	const DcepControl *found = dcep_controls_find(controls, DCEP_CONTROL_NO_DEBIT, now);

	return found ? found : dcep_controls_find(controls, DCEP_CONTROL_FREEZE, now);
}

/* The first that forbids it to receive. */
const DcepControl *
dcep_controls_no_credit(const DcepControls *controls, TimestampTz now)
{
	const DcepControl *found = dcep_controls_find(controls, DCEP_CONTROL_NO_CREDIT, now);

	return found ? found : dcep_controls_find(controls, DCEP_CONTROL_FREEZE, now);
}

/* What is held; holds of several orders add up, and no sum is more than everything. */
int64
dcep_controls_held(const DcepControls *controls, TimestampTz now)
{
	int64 held = 0;

	for (int i = 0; controls && i < controls->count; i++)
		if (controls->control[i].kind == DCEP_CONTROL_HOLD_AMOUNT &&
			dcep_control_is_in_force(&controls->control[i], now) &&
			pg_add_s64_overflow(held, controls->control[i].amount, &held))
			return PG_INT64_MAX;
	return held;
}

/* Is this coin frozen? The index has a wallet's coins in no order across orders, and they are few. */
bool
dcep_controls_freeze(const DcepControls *controls, int64 coin, TimestampTz now)
{
	for (int i = 0; controls && i < controls->count; i++)
		if (controls->control[i].coin == coin && controls->control[i].kind == DCEP_CONTROL_FREEZE_COINS &&
			dcep_control_is_in_force(&controls->control[i], now))
			return true;
	return false;
}

/* What live coins of a wallet orders freeze; a coin that several freeze counts once. */
int64
dcep_controls_frozen(const DcepControls *controls, DcepTable *coins, int64 wallet, TimestampTz now, Snapshot snapshot)
{
	int64 frozen = 0;

	for (int i = 0; controls && i < controls->count; i++)
	{
		const DcepControl *control = &controls->control[i];
		const DcepControls before = {i, controls->control};

		if (control->kind == DCEP_CONTROL_FREEZE_COINS && dcep_control_is_in_force(control, now) &&
			!dcep_controls_freeze(&before, control->coin, now) &&
			dcep_holding_has(coins, snapshot, wallet, control->amount, control->coin))
			frozen += control->amount;
	}
	ExecClearTuple(coins->slot);
	return frozen;
}
