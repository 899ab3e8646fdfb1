/*
 * spend.c: which coins a payment consumes.
 */
#include "spend.h"

#include "common/int.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#include "errcodes.h"
#include "holding.h"

/* Adds a coin to the total. */
static void
add_total(DcepSpend *spend, int64 amount)
{
	if (pg_add_s64_overflow(spend->total, amount, &spend->total))
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("sum of coins out of range")));
}

/* Takes minted coins, newest first, until the amount is covered or there are no more. */
static void
take_minted(const DcepPurse *purse, int64 amount, DcepSpend *spend)
{
	while (spend->total < amount && spend->minted_count < purse->minted_count && spend->minted_count < DCEP_INPUTS_MAX)
	{
		spend->minted_count++;
		add_total(spend, purse->minted[purse->minted_count - spend->minted_count].amount);
	}
}

/* Takes the coin in the slot. */
static void
take_stored(DcepTable *table, DcepSpend *spend)
{
	DcepStoredCoin *coin;

	if (spend->stored_count == spend->stored_room)
	{
		spend->stored_room = Max(4, spend->stored_room * 2);
		spend->stored = spend->stored ? repalloc(spend->stored, spend->stored_room * sizeof(DcepStoredCoin))
									  : palloc(spend->stored_room * sizeof(DcepStoredCoin));
	}
	coin = &spend->stored[spend->stored_count++];
	coin->id = DatumGetInt64(dcep_column(table, DCEP_COIN_ID));
	coin->amount = DatumGetInt64(dcep_column(table, DCEP_COIN_AMOUNT));
	coin->tid = table->slot->tts_tid;
	add_total(spend, coin->amount);
}

/* May the coin in the table's slot not be spent? */
static bool
is_frozen(DcepTable *table, const DcepPurse *purse, TimestampTz now)
{
	return purse->party.controls &&
		   dcep_controls_freeze(purse->party.controls, DatumGetInt64(dcep_column(table, DCEP_COIN_ID)), now);
}

/* Finds a coin by a condition on its amount and, where the amount must be that of an edge, beyond the edge. */
static bool
find_coin(DcepTable *table, int64 owner, StrategyNumber strategy, int64 amount, const DcepEdge *edge, Snapshot snapshot)
{
	ScanKeyData keys[3];

	dcep_key_bound(&keys[0], DCEP_COIN_OWNER, BTEqualStrategyNumber, owner);
	dcep_key_bound(&keys[1], DCEP_COIN_AMOUNT, strategy, amount);
	if (edge)
		dcep_key_bound(&keys[2], DCEP_COIN_ID, BTGreaterStrategyNumber, edge->id);
	return dcep_table_find(table, DCEP_COIN_PKEY, snapshot, keys, edge ? 3 : 2);
}

/* Does an amount lie where the low edge says that nothing is left? */
static bool
is_below_edge(const DcepEdge *low, int64 amount)
{
	return low->set && low->from <= amount && amount <= low->amount;
}

/* Finds the smallest coin of at least an amount. */
static bool
find_fitting(DcepTable *table, const DcepPurse *purse, int64 amount, Snapshot snapshot)
{
	int64 owner = purse->party.wallet;
	const DcepEdge *low = &purse->low;

	if (!is_below_edge(low, amount))
		return find_coin(table, owner, BTGreaterEqualStrategyNumber, amount, NULL, snapshot);
	return find_coin(table, owner, BTEqualStrategyNumber, low->amount, low, snapshot) ||
		   find_coin(table, owner, BTGreaterStrategyNumber, low->amount, NULL, snapshot);
}

/* The same in a wallet on which orders bear: passes over frozen coins. */
static bool
find_fitting_free(DcepTable *table, const DcepPurse *purse, int64 amount, TimestampTz now, Snapshot snapshot)
{
	ScanKeyData keys[2];
	DcepScan scan;
	bool found = false;

	dcep_key_bound(&keys[0], DCEP_COIN_OWNER, BTEqualStrategyNumber, purse->party.wallet);
	dcep_key_bound(&keys[1], DCEP_COIN_AMOUNT, BTGreaterEqualStrategyNumber, amount);
	scan = dcep_scan_begin(table, DCEP_COIN_PKEY, snapshot, keys, 2);
	while (!found && dcep_scan_next(&scan, ForwardScanDirection))
		found = !is_frozen(table, purse, now);
	dcep_scan_end(&scan);
	return found;
}

/* Takes the smallest coin that covers what is missing; false where no coin does. */
static bool
take_fitting(DcepTable *table, const DcepPurse *purse, int64 missing, TimestampTz now, Snapshot snapshot,
			 DcepSpend *spend)
{
	if (!(purse->party.controls ? find_fitting_free(table, purse, missing, now, snapshot)
								: find_fitting(table, purse, missing, snapshot)))
		return false;
	take_stored(table, spend);
	spend->choice = DCEP_CHOICE_FITTING;
	spend->fitted = missing;
	return true;
}

/* Takes coins along a scan, the largest first, until the amount is covered or there are no more. */
static void
take_backward(DcepTable *table, const DcepPurse *purse, ScanKey keys, int key_count, int64 amount, TimestampTz now,
			  Snapshot snapshot, DcepSpend *spend)
{
	DcepScan scan = dcep_scan_begin(table, DCEP_COIN_PKEY, snapshot, keys, key_count);

	while (spend->total < amount && spend->minted_count + spend->stored_count < DCEP_INPUTS_MAX &&
		   dcep_scan_next(&scan, BackwardScanDirection))
		if (!is_frozen(table, purse, now))
			take_stored(table, spend);
	dcep_scan_end(&scan);
}

/* Takes the largest coins in turn until the amount is covered or there are no more. */
static void
take_largest(DcepTable *table, const DcepPurse *purse, int64 amount, TimestampTz now, Snapshot snapshot,
			 DcepSpend *spend)
{
	const DcepEdge *high = &purse->high;
	ScanKeyData keys[3];

	spend->choice = DCEP_CHOICE_LARGEST;
	dcep_key_bound(&keys[0], DCEP_COIN_OWNER, BTEqualStrategyNumber, purse->party.wallet);
	if (!high->set)
	{
		take_backward(table, purse, keys, 1, amount, now, snapshot, spend);
		return;
	}
	dcep_key_bound(&keys[1], DCEP_COIN_AMOUNT, BTEqualStrategyNumber, high->amount);
	dcep_key_bound(&keys[2], DCEP_COIN_ID, BTLessStrategyNumber, high->id);
	take_backward(table, purse, keys, 3, amount, now, snapshot, spend);
	dcep_key_bound(&keys[1], DCEP_COIN_AMOUNT, BTLessStrategyNumber, high->amount);
	take_backward(table, purse, keys, 2, amount, now, snapshot, spend);
}

/* Moves the purse's edges over what is consumed. Where coins may be frozen the statement meets all again. */
static void
move_edges(DcepPurse *purse, const DcepSpend *spend)
{
	const DcepStoredCoin *last = &spend->stored[spend->stored_count - 1];

	if (purse->party.controls)
		return;
	switch (spend->choice)
	{
		case DCEP_CHOICE_NONE:
			break;
		case DCEP_CHOICE_FITTING:
			purse->low.from = is_below_edge(&purse->low, spend->fitted) ? purse->low.from : spend->fitted;
			purse->low.amount = last->amount;
			purse->low.id = last->id;
			purse->low.set = true;
			break;
		case DCEP_CHOICE_LARGEST:
			purse->high = (DcepEdge){true, 0, last->amount, last->id};
			break;
		case DCEP_CHOICE_SMALLEST:
			purse->low = (DcepEdge){true, 0, last->amount, last->id};
			break;
	}
}

/* Takes the smallest coins in turn, at most so many. */
static void
take_smallest(DcepTable *table, const DcepPurse *purse, int max, TimestampTz now, Snapshot snapshot, DcepSpend *spend)
{
	DcepScan scan = dcep_holding_scan(table, snapshot, purse->party.wallet);

	spend->choice = DCEP_CHOICE_SMALLEST;
	while (spend->stored_count < max && dcep_scan_next(&scan, ForwardScanDirection))
		if (!is_frozen(table, purse, now))
			take_stored(table, spend);
	dcep_scan_end(&scan);
	ExecClearTuple(table->slot);
}

/* What came from disk is verified before it is spent. */
static bool
verify_stored(DcepStatement *statement, const DcepConfig *config, const DcepPurse *purse, Snapshot snapshot,
			  const DcepSpend *spend, DcepRefusal *refusal)
{
	bool sound = true;

	for (int i = 0; sound && i < spend->stored_count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		sound = dcep_coin_verify(config, &statement->journal, snapshot, spend->stored[i].id, purse->party.wallet,
								 spend->stored[i].amount, refusal);
	}
	dcep_journal_release(&statement->journal);
	return sound;
}

/* Refuses because the coins do not cover the amount, or too many would be needed. */
static bool
refuse_coins(const DcepPurse *purse, int64 amount, TimestampTz now, const DcepSpend *spend, DcepRefusal *refusal)
{
	const DcepControl *freeze = dcep_controls_find(purse->party.controls, DCEP_CONTROL_FREEZE_COINS, now);
	char digits[DCEP_WALLET_DIGITS + 1];

	dcep_wallet_print(purse->party.wallet, digits);
	if (spend->minted_count + spend->stored_count >= DCEP_INPUTS_MAX)
	{
		dcep_refuse(refusal, ERRCODE_PROGRAM_LIMIT_EXCEEDED, "payment would consume too many coins");
		dcep_refusal_detail(refusal, "The %d largest coins of wallet %s are worth " INT64_FORMAT ".", DCEP_INPUTS_MAX,
							digits, spend->total);
		return dcep_refusal_hint(refusal, "Pay in several smaller amounts.");
	}
	if (freeze)
	{
		dcep_refuse(refusal, ERRCODE_DCEP_AMOUNT_HELD, "amount is held");
		dcep_refusal_detail(refusal,
							"Coins of wallet %s are frozen; the others are worth " INT64_FORMAT
							", the payment needs " INT64_FORMAT ".",
							digits, spend->total, amount);
		return dcep_refusal_hint(refusal,
								 "Order " INT64_FORMAT " of supervisor %04d freezes them; see dcep.order_status.",
								 freeze->order, freeze->supervisor);
	}
	dcep_refuse(refusal, ERRCODE_DCEP_INSUFFICIENT_FUNDS, "insufficient funds");
	return dcep_refusal_detail(refusal, "Wallet %s holds " INT64_FORMAT ", the payment needs " INT64_FORMAT ".", digits,
							   spend->total, amount);
}

/* Gathers coins of a purse until they cover an amount, or there are no more. */
static void
gather_coins(DcepTable *table, const DcepPurse *purse, int64 amount, TimestampTz now, Snapshot snapshot,
			 DcepSpend *spend)
{
	memset(spend, 0, sizeof(DcepSpend));
	take_minted(purse, amount, spend);
	if (spend->total < amount && !take_fitting(table, purse, amount - spend->total, now, snapshot, spend))
		take_largest(table, purse, amount, now, snapshot, spend);
	ExecClearTuple(table->slot);
}

/* Do a purse's coins cover an amount? */
bool
dcep_spend_covers(DcepStatement *statement, const DcepPurse *purse, int64 amount, Snapshot snapshot)
{
	DcepSpend spend;

	/* Only orders ask for the time. */
	gather_coins(statement->purses.coin, purse, amount, purse->party.controls ? GetCurrentTimestamp() : 0, snapshot,
				 &spend);
	if (spend.stored)
		pfree(spend.stored);
	return spend.total >= amount;
}

/* Does a payer keep what orders hold? */
bool
dcep_spend_keeps_hold(DcepStatement *statement, const DcepOrder *order, DcepPurse *payer, TimestampTz now,
					  Snapshot snapshot, DcepRefusal *refusal)
{
	const DcepControls *controls = payer->party.controls;
	int64 held = dcep_controls_held(controls, now);

	return held == 0 || dcep_rules_hold(order, held,
										dcep_purse_balance(&statement->purses, payer, snapshot) -
											dcep_controls_frozen(controls, statement->purses.coin, payer->party.wallet,
																 now, snapshot),
										refusal);
}

/* Chooses coins that cover an amount. */
bool
dcep_spend_select(DcepStatement *statement, const DcepConfig *config, DcepPurse *purse, int64 amount, TimestampTz now,
				  Snapshot snapshot, DcepSpend *spend, DcepRefusal *refusal)
{
	gather_coins(statement->purses.coin, purse, amount, now, snapshot, spend);
	if (spend->total < amount && (purse->low.set || purse->high.set))
	{
		purse->low.set = purse->high.set = false;
		gather_coins(statement->purses.coin, purse, amount, now, snapshot, spend);
	}
	if (spend->total < amount)
		return refuse_coins(purse, amount, now, spend, refusal);
	return verify_stored(statement, config, purse, snapshot, spend, refusal);
}

/* Chooses the smallest coins. */
bool
dcep_spend_smallest(DcepStatement *statement, const DcepConfig *config, DcepPurse *purse, int max, TimestampTz now,
					Snapshot snapshot, DcepSpend *spend, DcepRefusal *refusal)
{
	Assert(max <= DCEP_INPUTS_MAX);
	memset(spend, 0, sizeof(DcepSpend));
	take_smallest(statement->purses.coin, purse, max, now, snapshot, spend);
	return verify_stored(statement, config, purse, snapshot, spend, refusal);
}

/* Ids of the chosen coins. */
int64 *
dcep_spend_inputs(const DcepPurse *purse, const DcepSpend *spend, uint32 *count)
{
	int64 *inputs = palloc((spend->minted_count + spend->stored_count) * sizeof(int64));
	uint32 n = 0;

	for (int i = 1; i <= spend->minted_count; i++)
		inputs[n++] = purse->minted[purse->minted_count - i].id;
	for (int i = 0; i < spend->stored_count; i++)
		inputs[n++] = spend->stored[i].id;
	*count = n;
	return inputs;
}

/* Consumes the chosen coins. */
void
dcep_spend_consume(DcepStatement *statement, DcepPurse *purse, DcepSpend *spend)
{
	purse->minted_count -= spend->minted_count;
	if (spend->stored_count > 0)
		move_edges(purse, spend);
	for (int i = 0; i < spend->stored_count; i++)
	{
		dcep_table_delete(statement->purses.coin, &spend->stored[i].tid);
		statement->purses.wrote = true;
	}
}
