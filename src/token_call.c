/*
 * token_call.c: how a wallet comes by payment tokens.
 *
 * One that is online has tokens drawn for it: issue_token().  One that is not
 * always computes them in step with the server, from a secret that both have
 * (otp.h): enroll_token() hands it out.  The server accepts such tokens while
 * they are armed, for an hour at most: it enters those of all steps at once,
 * each valid for its step and the next, and nothing runs by the minute.  So
 * wallets that sleep cost nothing.
 *
 * Of a wallet's secret only a number is stored: it is a keyed hash of wallet and
 * number (secret.h).
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "access.h"
#include "argument.h"
#include "errcodes.h"
#include "journal.h"
#include "otp.h"
#include "purse.h"
#include "secret.h"
#include "token.h"
#include "types.h"

PG_FUNCTION_INFO_V1(dcep_issue_token);
PG_FUNCTION_INFO_V1(dcep_enroll_token);
PG_FUNCTION_INFO_V1(dcep_arm_tokens);
PG_FUNCTION_INFO_V1(dcep_disarm_tokens);

#define STEPS_MAX 61 /* that an hour touches */

/* Columns of dcep.token_enrolment. */
enum
{
	ENROLMENT_WALLET = 1,
	ENROLMENT_NUMBER,
	ENROLMENT_AT,
	ENROLMENT_COLUMNS = ENROLMENT_AT
};

/* A wallet that the current role acts for, that exists and is open. */
static int64
get_wallet(FunctionCallInfo fcinfo)
{
	int64 wallet = PG_GETARG_WALLET_ID(0);
	DcepRefusal refusal;

	dcep_access_require_acting(wallet);
	if (!dcep_purse_check_open(wallet, &refusal))
		dcep_refusal_raise(&refusal);
	return wallet;
}

/* A length of time of an hour at most, in microseconds. */
static int64
get_span(FunctionCallInfo fcinfo, int n, const char *name)
{
	const Interval *span = PG_GETARG_INTERVAL_P(n);

	if (span->month != 0 || span->day != 0 || span->time <= 0 || span->time > USECS_PER_HOUR)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("%s must be more than nothing and at most an hour", name)));
	return span->time;
}

/* A token that nobody can foresee. */
static int64
draw_token(void)
{
	uint8 bytes[sizeof(int64)];

	dcep_secret_random(bytes, sizeof(bytes));
	return dcep_token_compose(dcep_get_u64(bytes));
}

/* dcep.issue_token(wallet, lifetime) → otp_token */
Datum
dcep_issue_token(PG_FUNCTION_ARGS)
{
	DcepToken row = {.computed = false};
	DcepToken *others;
	DcepTable *table;
	int64 lifetime;
	int64 token;

	dcep_require_arguments(fcinfo, 0, 2, "wallet and lifetime");
	lifetime = get_span(fcinfo, 1, "lifetime");
	row.wallet = get_wallet(fcinfo);
	dcep_token_lock_holder(row.wallet);
	table = dcep_tokens_open();
	(void) dcep_token_sweep(table, row.wallet, DCEP_SWEEP_DRAWN, &others);
	row.valid_from = GetCurrentTimestamp();
	row.valid_until = row.valid_from + lifetime;
	do
		token = draw_token();
	while (!dcep_token_enter(table, token, &row, false));
	dcep_tokens_close(table);
	CommandCounterIncrement(); /* a second call of the same statement must see it */
	PG_RETURN_OTP_TOKEN(token);
}

/* --- enrolments -------------------------------------------------------------- */

/* Finds a wallet's enrolment, as it is now; its row is left locked in the table's slot. */
static bool
find_enrolment(DcepTable *table, int64 wallet)
{
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	bool found =
		dcep_table_find_number(table, DCEP_TOKEN_ENROLMENT_PKEY, snapshot, wallet) && dcep_row_lock_if_there(table);

	UnregisterSnapshot(snapshot);
	return found;
}

/* The secret of an enrolment. */
static void
compute_secret(int64 wallet, int64 number, uint8 secret[DCEP_HASH_LEN])
{
	uint8 bytes[2 * sizeof(int64)];

	dcep_put_u64(dcep_put_u64(bytes, (uint64) wallet), (uint64) number);
	dcep_secret_mac("enroll", bytes, sizeof(bytes), secret);
}

/* Enters the wallet's next enrolment and returns its number. The holder lock is held. */
static int64
enter_enrolment(int64 wallet)
{
	EState *estate = CreateExecutorState();
	DcepTable *table = dcep_table_open(DCEP_TOKEN_ENROLMENT, estate);
	const bool nulls[ENROLMENT_COLUMNS] = {false};
	Datum values[ENROLMENT_COLUMNS];
	int64 number = 1;
	bool found = find_enrolment(table, wallet);

	if (found)
		number = DatumGetInt64(dcep_column(table, ENROLMENT_NUMBER)) + 1;
	values[ENROLMENT_WALLET - 1] = Int64GetDatum(wallet);
	values[ENROLMENT_NUMBER - 1] = Int64GetDatum(number);
	values[ENROLMENT_AT - 1] = TimestampTzGetDatum(GetCurrentTimestamp());
	dcep_table_put(table, found, values, nulls);
	dcep_table_close(table);
	FreeExecutorState(estate);
	return number;
}

/* dcep.enroll_token(wallet) → secret. The one before is good for nothing any more. */
Datum
dcep_enroll_token(PG_FUNCTION_ARGS)
{
	uint8 secret[DCEP_HASH_LEN];
	DcepToken *others;
	DcepTable *table;
	int64 wallet;
	Datum result;

	dcep_require_arguments(fcinfo, 0, 1, "wallet");
	wallet = get_wallet(fcinfo);
	dcep_token_lock_holder(wallet);
	table = dcep_tokens_open();
	(void) dcep_token_sweep(table, wallet, DCEP_SWEEP_SECRET, &others);
	dcep_tokens_close(table);
	compute_secret(wallet, enter_enrolment(wallet), secret);
	CommandCounterIncrement();
	result = dcep_bytes_datum(secret, sizeof(secret));
	dcep_wipe(secret, sizeof(secret));
	return result;
}

/* The secret that a wallet was given last. The holder lock is held. */
static void
require_secret(int64 wallet, uint8 secret[DCEP_HASH_LEN])
{
	EState *estate = CreateExecutorState();
	DcepTable *table = dcep_table_open(DCEP_TOKEN_ENROLMENT, estate);

	if (!find_enrolment(table, wallet))
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("wallet has no secret for tokens"),
						errhint("Enroll it with dcep.enroll_token() and give the secret to the wallet.")));
	compute_secret(wallet, DatumGetInt64(dcep_column(table, ENROLMENT_NUMBER)), secret);
	dcep_table_close(table);
	FreeExecutorState(estate);
}

/* --- arming ------------------------------------------------------------------ */

/* The instant at which a step begins. */
static TimestampTz
step_begin(int64 step)
{
	return dcep_pg_time(step * DCEP_TOKEN_STEP_US);
}

/* Is the token of a step there already? */
static bool
has_step(const DcepToken *rows, int count, TimestampTz begin)
{
	for (int i = 0; i < count; i++)
		if (rows[i].computed && rows[i].valid_from == begin)
			return true;
	return false;
}

/* Enters the tokens of the steps from `first` to `last` that are not there. */
static void
enter_steps(DcepTable *table, int64 wallet, int64 first, int64 last)
{
	uint8 secret[DCEP_HASH_LEN];
	DcepToken *present;
	int count = dcep_token_sweep(table, wallet, DCEP_SWEEP_EXPIRED, &present);

	Assert(last - first < STEPS_MAX);
	require_secret(wallet, secret);
	for (int64 step = first; step <= last; step++)
	{
		DcepToken row = {.wallet = wallet, .valid_from = step_begin(step), .computed = true};
		int64 token;

		if (has_step(present, count, row.valid_from))
			continue;
		row.valid_until = step_begin(step + 2); /* a token is good for its step and the next */
		if (!dcep_otp_token(secret, (uint64) step, &token))
			dcep_crypto_raise("compute a payment token");
		(void) dcep_token_enter(table, token, &row, true);
	}
	dcep_wipe(secret, sizeof(secret));
}

/* dcep.arm_tokens(wallet, duration) → until when */
Datum
dcep_arm_tokens(PG_FUNCTION_ARGS)
{
	DcepTable *table;
	int64 wallet;
	int64 duration;
	int64 now;
	int64 last;

	dcep_require_arguments(fcinfo, 0, 2, "wallet and duration");
	duration = get_span(fcinfo, 1, "duration");
	wallet = get_wallet(fcinfo);
	dcep_token_lock_holder(wallet);
	now = dcep_unix_time(GetCurrentTimestamp());
	last = (now + duration - 1) / DCEP_TOKEN_STEP_US;
	table = dcep_tokens_open();
	enter_steps(table, wallet, now / DCEP_TOKEN_STEP_US, last);
	dcep_tokens_close(table);
	CommandCounterIncrement();
	PG_RETURN_TIMESTAMPTZ(step_begin(last + 1));
}

/* dcep.disarm_tokens(wallet): none of its tokens is good any more. */
Datum
dcep_disarm_tokens(PG_FUNCTION_ARGS)
{
	DcepToken *others;
	DcepTable *table;
	int64 wallet;

	dcep_require_arguments(fcinfo, 0, 1, "wallet");
	wallet = PG_GETARG_WALLET_ID(0);
	dcep_access_require_acting(wallet);
	dcep_token_lock_holder(wallet);
	table = dcep_tokens_open();
	(void) dcep_token_sweep(table, wallet, DCEP_SWEEP_DRAWN | DCEP_SWEEP_COMPUTED, &others);
	dcep_tokens_close(table);
	CommandCounterIncrement();
	PG_RETURN_VOID();
}
