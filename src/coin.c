/*
 * coin.c: coins as their holders see them: signed, and alive or not.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "access.h"
#include "errcodes.h"
#include "holding.h"
#include "journal.h"
#include "keyring.h"
#include "rules.h"
#include "types.h"

PG_FUNCTION_INFO_V1(dcep_coins);
PG_FUNCTION_INFO_V1(dcep_minted_coin);
PG_FUNCTION_INFO_V1(dcep_balance);
PG_FUNCTION_INFO_V1(dcep_available);
PG_FUNCTION_INFO_V1(dcep_held_now);
PG_FUNCTION_INFO_V1(dcep_verify_coin);
PG_FUNCTION_INFO_V1(dcep_check_coin);
PG_FUNCTION_INFO_V1(dcep_coin_state);

/* Of dcep.wallet. */
#define WALLET_CLASS 3
#define WALLET_FLAGS 4

/* --- a wallet's coins -------------------------------------------------------- */

/* A wallet as its holder's questions need it. */
typedef struct Holder
{
	int64 wallet;
	int flags;
	DcepControls *controls; /* NULL where no order bears on it */
} Holder;

/* Finds a wallet; false where there is none. */
static bool
find_holder(int64 wallet, Snapshot snapshot, Holder *holder)
{
	DcepTable *table = dcep_table_open(DCEP_WALLET, NULL);
	bool found = dcep_table_find_number(table, DCEP_WALLET_PKEY, snapshot, wallet);

	*holder = (Holder){.wallet = wallet};
	if (found)
	{
		holder->flags = DatumGetInt32(dcep_column(table, WALLET_FLAGS));
		holder->controls =
			dcep_controls_read(dcep_config_required(), wallet, DatumGetInt16(dcep_column(table, WALLET_CLASS)),
							   (holder->flags & DCEP_FLAG_CONTROLLED) != 0);
	}
	dcep_table_close(table);
	return found;
}

/* The same; an error where the caller may not see it or it does not exist. */
static Holder
require_wallet(int64 wallet)
{
	char digits[DCEP_WALLET_DIGITS + 1];
	Holder holder;

	dcep_access_require_wallet(wallet);
	if (find_holder(wallet, GetActiveSnapshot(), &holder))
		return holder;
	dcep_wallet_print(wallet, digits);
	ereport(ERROR,
			(errcode(ERRCODE_DCEP_NO_SUCH_WALLET), errmsg("wallet does not exist"), errdetail("Wallet %s.", digits)));
}

/* Sum of a wallet's live coins. */
static int64
sum_coins(int64 wallet, Snapshot snapshot)
{
	DcepTable *table = dcep_table_open(DCEP_COIN, NULL);
	int64 sum = dcep_holding_sum(table, snapshot, wallet);

	dcep_table_close(table);
	return sum;
}

/* May the wallet pay nothing at all? */
static bool
is_blocked(const Holder *holder, TimestampTz now)
{
	return (holder->flags & DCEP_FLAG_NO_DEBIT) || dcep_controls_no_debit(holder->controls, now);
}

/* dcep.balance(wallet) → bigint */
Datum
dcep_balance(PG_FUNCTION_ARGS)
{
	int64 wallet = PG_GETARG_WALLET_ID(0);

	(void) require_wallet(wallet);
	PG_RETURN_INT64(sum_coins(wallet, GetActiveSnapshot()));
}

/* dcep.available(wallet) → bigint: less what is frozen or held */
Datum
dcep_available(PG_FUNCTION_ARGS)
{
	Holder holder = require_wallet(PG_GETARG_WALLET_ID(0));
	TimestampTz now = GetCurrentTimestamp();
	DcepTable *coins;
	int64 sum;
	int64 held;

	if (is_blocked(&holder, now))
		PG_RETURN_INT64(0);
	coins = dcep_table_open(DCEP_COIN, NULL);
	sum = dcep_holding_sum(coins, GetActiveSnapshot(), holder.wallet) -
		  dcep_controls_frozen(holder.controls, coins, holder.wallet, now, GetActiveSnapshot());
	dcep_table_close(coins);
	held = dcep_controls_held(holder.controls, now);
	PG_RETURN_INT64(held < sum ? sum - held : 0);
}

/* dcep.held_now(wallet) → bigint: whatever the transaction's own snapshot shows */
Datum
dcep_held_now(PG_FUNCTION_ARGS)
{
	Snapshot newest = RegisterSnapshot(GetLatestSnapshot());
	int64 held = sum_coins(PG_GETARG_WALLET_ID(0), newest);

	UnregisterSnapshot(newest);
	PG_RETURN_INT64(held);
}

/* --- signed coins ------------------------------------------------------------ */

/* The signed coin of an id, verified; an error where it is none. */
static Datum
load_signed_coin(const DcepConfig *config, DcepJournal *journal, Snapshot snapshot, int64 id)
{
	DcepSignedCoin coin;
	uint8 bytes[DCEP_COIN_MAX_LEN];

	dcep_journal_coin(config, journal, snapshot, id, &coin);
	return dcep_signed_coin_datum(bytes, dcep_signed_coin_put(&coin, bytes));
}

/* dcep.minted_coin(coin id) → signed_coin, whatever became of it since */
Datum
dcep_minted_coin(PG_FUNCTION_ARGS)
{
	DcepJournal journal;
	Datum coin;

	dcep_journal_open(&journal, false);
	coin = load_signed_coin(dcep_config_required(), &journal, GetActiveSnapshot(), PG_GETARG_INT64(0));
	dcep_journal_close(&journal);
	return coin;
}

/* dcep.coins(wallet) → setof signed_coin */
Datum
dcep_coins(PG_FUNCTION_ARGS)
{
	const DcepConfig *config = dcep_config_required();
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	int64 wallet = PG_GETARG_WALLET_ID(0);
	DcepJournal journal;
	DcepTable *table;
	DcepScan scan;
	MemoryContext scratch;

	(void) require_wallet(wallet);
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	dcep_journal_open(&journal, false);
	table = dcep_table_open(DCEP_COIN, NULL);
	scan = dcep_holding_scan(table, GetActiveSnapshot(), wallet);
	scratch = AllocSetContextCreate(CurrentMemoryContext, "dcep coins", ALLOCSET_DEFAULT_SIZES);
	while (dcep_scan_next(&scan, ForwardScanDirection))
	{
		int64 id = DatumGetInt64(dcep_column(table, DCEP_COIN_ID));
		MemoryContext caller = MemoryContextSwitchTo(scratch);
		Datum coin;
		bool is_null = false;

		CHECK_FOR_INTERRUPTS();
		coin = load_signed_coin(config, &journal, GetActiveSnapshot(), id);
		MemoryContextSwitchTo(caller);
		tuplestore_putvalues(result->setResult, result->setDesc, &coin, &is_null);
		MemoryContextReset(scratch);
	}
	dcep_scan_end(&scan);
	dcep_table_close(table);
	dcep_journal_close(&journal);
	return (Datum) 0;
}

/* Does the signature of a presented coin hold? LG102, LG103 where its key cannot be trusted. */
static bool
is_signed(const DcepConfig *config, const DcepSignedCoin *coin, DcepRefusal *refusal)
{
	DcepKeptKey *kept = dcep_keyring_verifier(config, coin->coin.issuer, (int) coin->coin.key_number,
											  dcep_pg_time(coin->coin.minted_at), refusal);
	uint8 root[DCEP_HASH_LEN];

	if (kept == NULL)
		return false;
	refusal->sqlstate = ERRCODE_DCEP_SIGNATURE_INVALID;
	if (dcep_key_suite(kept->public_pair) != coin->coin.suite)
		return false;
	if (!dcep_signed_coin_root(coin, root))
		dcep_crypto_raise("hash a coin");
	return dcep_keyring_verify_root(kept, root, coin->signature);
}

/* dcep.verify(signed_coin) → boolean: the signature alone */
Datum
dcep_verify_coin(PG_FUNCTION_ARGS)
{
	DcepSignedCoin coin;
	DcepRefusal refusal = {0};

	dcep_signed_coin_from_datum(PG_GETARG_DATUM(0), &coin);
	if (is_signed(dcep_config_required(), &coin, &refusal))
		PG_RETURN_BOOL(true);
	if (refusal.sqlstate != ERRCODE_DCEP_SIGNATURE_INVALID)
		dcep_refusal_raise(&refusal);
	PG_RETURN_BOOL(false);
}

/* Is a coin of this ledger's currency? */
static bool
is_of_ledger(const DcepConfig *config, const DcepSignedCoin *coin)
{
	return memcmp(coin->coin.currency, config->currency, DCEP_CURRENCY_LEN) == 0 &&
		   coin->coin.exponent == config->exponent;
}

/* dcep.check(signed_coin) → the coin itself, or an error that says what is wrong with it */
Datum
dcep_check_coin(PG_FUNCTION_ARGS)
{
	const DcepConfig *config = dcep_config_required();
	DcepSignedCoin coin;
	DcepRefusal refusal = {0};

	dcep_signed_coin_from_datum(PG_GETARG_DATUM(0), &coin);
	if (!is_of_ledger(config, &coin))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("coin is of another currency"),
						errdetail("The coin is of %.3s with %d decimal digits, the ledger of %.3s with %d.",
								  coin.coin.currency, coin.coin.exponent, config->currency, config->exponent)));
	if (!is_signed(config, &coin, &refusal))
	{
		if (refusal.sqlstate != ERRCODE_DCEP_SIGNATURE_INVALID)
			dcep_refusal_raise(&refusal);
		ereport(ERROR, (errcode(ERRCODE_DCEP_SIGNATURE_INVALID), errmsg("coin signature invalid"),
						errdetail("The coin's bytes are not what institution %04d signed with key %u.",
								  coin.coin.issuer, coin.coin.key_number)));
	}
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

/* --- the state of a presented coin ------------------------------------------- */

/* Is there a transfer that minted exactly this coin? */
static bool
is_minted(const DcepConfig *config, const DcepSignedCoin *coin, Snapshot snapshot)
{
	DcepJournal journal;
	DcepTransfer transfer;
	uint8 hash[DCEP_HASH_LEN];
	bool found;

	dcep_journal_open(&journal, false);
	found = dcep_transfer_find(config, &journal, snapshot, coin->coin.id >> 1, &transfer);
	if (!dcep_signed_coin_transfer_hash(coin, hash))
		dcep_crypto_raise("hash a coin");
	dcep_journal_close(&journal);
	return found && memcmp(hash, transfer.hash, DCEP_HASH_LEN) == 0;
}

/* Is the coin live? */
static bool
is_live(const DcepCoin *coin, Snapshot snapshot)
{
	DcepTable *table = dcep_table_open(DCEP_COIN, NULL);
	bool found = dcep_holding_has(table, snapshot, coin->owner, coin->amount, coin->id);

	dcep_table_close(table);
	return found;
}

/* Is the coin frozen, or may its owner not pay? */
static bool
is_frozen(const DcepCoin *coin, Snapshot snapshot)
{
	TimestampTz now = GetCurrentTimestamp();
	Holder holder;

	return find_holder(coin->owner, snapshot, &holder) &&
		   (is_blocked(&holder, now) || dcep_controls_freeze(holder.controls, coin->id, now));
}

/* dcep.coin_state(signed_coin) → live, spent, frozen, unknown or forged */
Datum
dcep_coin_state(PG_FUNCTION_ARGS)
{
	const DcepConfig *config = dcep_config_required();
	Snapshot snapshot = GetActiveSnapshot();
	DcepSignedCoin coin;
	DcepRefusal refusal = {0};
	const char *state;

	dcep_signed_coin_from_datum(PG_GETARG_DATUM(0), &coin);
	if (!is_of_ledger(config, &coin))
		state = "unknown";
	else if (!is_signed(config, &coin, &refusal))
		state = "forged";
	else if (!is_minted(config, &coin, snapshot))
		state = "unknown";
	else if (!is_live(&coin.coin, snapshot))
		state = "spent";
	else
		state = is_frozen(&coin.coin, snapshot) ? "frozen" : "live";
	PG_RETURN_TEXT_P(cstring_to_text(state));
}
