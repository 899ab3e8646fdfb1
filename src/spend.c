/*
 * spend.c: which coins a payment consumes.
 */
#include "spend.h"

#include "common/int.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"

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

/* Takes the smallest coin that covers what is missing; false where no coin does. */
static bool
take_fitting(DcepTable *table, int64 owner, int64 missing, Snapshot snapshot, DcepSpend *spend)
{
	ScanKeyData keys[2];
	FmgrInfo at_least;

	dcep_key_number(&keys[0], DCEP_COIN_OWNER, owner);
	fmgr_info(F_INT8GE, &at_least);
	ScanKeyEntryInitializeWithInfo(&keys[1], 0, DCEP_COIN_AMOUNT, BTGreaterEqualStrategyNumber, InvalidOid, InvalidOid,
								   &at_least, Int64GetDatum(missing));
	if (!dcep_table_find(table, DCEP_COIN_PKEY, snapshot, keys, 2))
		return false;
	take_stored(table, spend);
	return true;
}

/* Takes the largest coins in turn until the amount is covered or there are no more. */
static void
take_largest(DcepTable *table, int64 owner, int64 amount, Snapshot snapshot, DcepSpend *spend)
{
	DcepScan scan = dcep_holding_scan(table, snapshot, owner);

	while (spend->total < amount && spend->minted_count + spend->stored_count < DCEP_INPUTS_MAX &&
		   dcep_scan_next(&scan, BackwardScanDirection))
		take_stored(table, spend);
	dcep_scan_end(&scan);
}

/* Takes the smallest coins in turn, at most so many. */
static void
take_smallest(DcepTable *table, int64 owner, int max, Snapshot snapshot, DcepSpend *spend)
{
	DcepScan scan = dcep_holding_scan(table, snapshot, owner);

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
	int64 owner = purse->party.wallet;

	memset(spend, 0, sizeof(DcepSpend));
	take_minted(purse, amount, spend);
	if (spend->total < amount && !take_fitting(table, owner, amount - spend->total, snapshot, spend))
		take_largest(table, owner, amount, snapshot, spend);
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
	for (int i = 0; i < spend->stored_count; i++)
	{
		dcep_table_delete(statement->purses.coin, &spend->stored[i].tid);
		statement->purses.wrote = true;
	}
}
