/*
 * spend.c: which coins a payment consumes.
 */
#include "spend.h"

#include "common/int.h"
#include "miscadmin.h"

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

/* Takes the smallest coin that covers what is missing; false where no coin does. */
static bool
take_fitting(DcepTable *table, const DcepPurse *purse, int64 missing, Snapshot snapshot, DcepSpend *spend)
{
	int64 owner = purse->party.wallet;
	const DcepEdge *low = &purse->low;
	bool found = is_below_edge(low, missing)
					 ? find_coin(table, owner, BTEqualStrategyNumber, low->amount, low, snapshot) ||
						   find_coin(table, owner, BTGreaterStrategyNumber, low->amount, NULL, snapshot)
					 : find_coin(table, owner, BTGreaterEqualStrategyNumber, missing, NULL, snapshot);

	if (!found)
		return false;
	take_stored(table, spend);
	spend->choice = DCEP_CHOICE_FITTING;
	spend->fitted = missing;
	return true;
}

/* Takes coins along a scan, the largest first, until the amount is covered or there are no more. */
static void
take_backward(DcepTable *table, ScanKey keys, int key_count, int64 amount, Snapshot snapshot, DcepSpend *spend)
{
	DcepScan scan = dcep_scan_begin(table, DCEP_COIN_PKEY, snapshot, keys, key_count);

	while (spend->total < amount && spend->minted_count + spend->stored_count < DCEP_INPUTS_MAX &&
		   dcep_scan_next(&scan, BackwardScanDirection))
		take_stored(table, spend);
	dcep_scan_end(&scan);
}

/* Takes the largest coins in turn until the amount is covered or there are no more. */
static void
take_largest(DcepTable *table, const DcepPurse *purse, int64 amount, Snapshot snapshot, DcepSpend *spend)
{
	const DcepEdge *high = &purse->high;
	ScanKeyData keys[3];

	spend->choice = DCEP_CHOICE_LARGEST;
	dcep_key_bound(&keys[0], DCEP_COIN_OWNER, BTEqualStrategyNumber, purse->party.wallet);
	if (!high->set)
	{
		take_backward(table, keys, 1, amount, snapshot, spend);
		return;
	}
	dcep_key_bound(&keys[1], DCEP_COIN_AMOUNT, BTEqualStrategyNumber, high->amount);
	dcep_key_bound(&keys[2], DCEP_COIN_ID, BTLessStrategyNumber, high->id);
	take_backward(table, keys, 3, amount, snapshot, spend);
	dcep_key_bound(&keys[1], DCEP_COIN_AMOUNT, BTLessStrategyNumber, high->amount);
	take_backward(table, keys, 2, amount, snapshot, spend);
}

/* Moves the purse's edges over what is consumed. */
static void
move_edges(DcepPurse *purse, const DcepSpend *spend)
{
	const DcepStoredCoin *last = &spend->stored[spend->stored_count - 1];

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
take_smallest(DcepTable *table, int64 owner, int max, Snapshot snapshot, DcepSpend *spend)
{
	DcepScan scan = dcep_holding_scan(table, snapshot, owner);

	spend->choice = DCEP_CHOICE_SMALLEST;
	while (spend->stored_count < max && dcep_scan_next(&scan, ForwardScanDirection))
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
refuse_coins(const DcepPurse *purse, int64 amount, const DcepSpend *spend, DcepRefusal *refusal)
{
	char digits[DCEP_WALLET_DIGITS + 1];

	dcep_wallet_print(purse->party.wallet, digits);
	if (spend->minted_count + spend->stored_count >= DCEP_INPUTS_MAX)
	{
		dcep_refuse(refusal, ERRCODE_PROGRAM_LIMIT_EXCEEDED, "payment would consume too many coins");
		dcep_refusal_detail(refusal, "The %d largest coins of wallet %s are worth " INT64_FORMAT ".", DCEP_INPUTS_MAX,
							digits, spend->total);
		return dcep_refusal_hint(refusal, "Pay in several smaller amounts.");
	}
	dcep_refuse(refusal, ERRCODE_DCEP_INSUFFICIENT_FUNDS, "insufficient funds");
	return dcep_refusal_detail(refusal, "Wallet %s holds " INT64_FORMAT ", the payment needs " INT64_FORMAT ".", digits,
							   spend->total, amount);
}

/* Gathers coins of a purse until they cover an amount, or there are no more. */
static void
gather_coins(DcepTable *table, const DcepPurse *purse, int64 amount, Snapshot snapshot, DcepSpend *spend)
{
	memset(spend, 0, sizeof(DcepSpend));
	take_minted(purse, amount, spend);
	if (spend->total < amount && !take_fitting(table, purse, amount - spend->total, snapshot, spend))
		take_largest(table, purse, amount, snapshot, spend);
	ExecClearTuple(table->slot);
}

/* Do a purse's coins cover an amount? */
bool
dcep_spend_covers(DcepStatement *statement, const DcepPurse *purse, int64 amount, Snapshot snapshot)
{
	DcepSpend spend;

	gather_coins(statement->purses.coin, purse, amount, snapshot, &spend);
	if (spend.stored)
		pfree(spend.stored);
	return spend.total >= amount;
}

/* Chooses coins that cover an amount. */
bool
dcep_spend_select(DcepStatement *statement, const DcepConfig *config, DcepPurse *purse, int64 amount, Snapshot snapshot,
				  DcepSpend *spend, DcepRefusal *refusal)
{
	gather_coins(statement->purses.coin, purse, amount, snapshot, spend);
	if (spend->total < amount && (purse->low.set || purse->high.set))
	{
		purse->low.set = purse->high.set = false;
		gather_coins(statement->purses.coin, purse, amount, snapshot, spend);
	}
	if (spend->total < amount)
		return refuse_coins(purse, amount, spend, refusal);
	return verify_stored(statement, config, purse, snapshot, spend, refusal);
}

/* Chooses the smallest coins. */
bool
dcep_spend_smallest(DcepStatement *statement, const DcepConfig *config, DcepPurse *purse, int max, Snapshot snapshot,
					DcepSpend *spend, DcepRefusal *refusal)
{
	Assert(max <= DCEP_INPUTS_MAX);
	memset(spend, 0, sizeof(DcepSpend));
	take_smallest(statement->purses.coin, purse->party.wallet, max, snapshot, spend);
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
