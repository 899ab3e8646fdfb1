/*
 * token.c: the payment tokens that the server accepts.
 *
 * Rows are read with the newest snapshot whatever the isolation level: a token
 * that was issued after a transaction began can be paid to, and one that was
 * used meanwhile cannot.  Locks decide who is first.
 */
#include "token.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "crypto.h"
#include "secret.h"

/* Columns of dcep.token. */
enum
{
	TOKEN_ID = 1,
	TOKEN_WALLET,
	TOKEN_PROOF,
	TOKEN_VALID_FROM,
	TOKEN_VALID_UNTIL,
	TOKEN_USED,
	TOKEN_COMPUTED,
	TOKEN_COLUMNS = TOKEN_COMPUTED
};

/* Opens the table for writing. */
DcepTable *
dcep_tokens_open(void)
{
	return dcep_table_open(DCEP_TOKEN, CreateExecutorState());
}

/* Closes it. */
void
dcep_tokens_close(DcepTable *table)
{
	EState *estate = table->estate;

	dcep_table_close(table);
	FreeExecutorState(estate);
}

/* What stands for a token. */
static void
compute_digest(int64 token, int64 *id, int64 *proof)
{
	uint8 mac[DCEP_HASH_LEN];

	dcep_secret_mac_number("token", token, mac);
	*id = (int64) dcep_get_u64(mac);
	*proof = (int64) dcep_get_u64(mac + sizeof(int64));
}

/* Reads the row in the slot. */
static DcepToken
read_row(DcepTable *table)
{
	return (DcepToken){.id = DatumGetInt64(dcep_column(table, TOKEN_ID)),
					   .proof = DatumGetInt64(dcep_column(table, TOKEN_PROOF)),
					   .wallet = DatumGetInt64(dcep_column(table, TOKEN_WALLET)),
					   .valid_from = DatumGetTimestampTz(dcep_column(table, TOKEN_VALID_FROM)),
					   .valid_until = DatumGetTimestampTz(dcep_column(table, TOKEN_VALID_UNTIL)),
					   .used = DatumGetBool(dcep_column(table, TOKEN_USED)),
					   .computed = DatumGetBool(dcep_column(table, TOKEN_COMPUTED))};
}

/* The columns of a row. */
static void
write_row(const DcepToken *row, Datum values[TOKEN_COLUMNS])
{
	values[TOKEN_ID - 1] = Int64GetDatum(row->id);
	values[TOKEN_WALLET - 1] = Int64GetDatum(row->wallet);
	values[TOKEN_PROOF - 1] = Int64GetDatum(row->proof);
	values[TOKEN_VALID_FROM - 1] = TimestampTzGetDatum(row->valid_from);
	values[TOKEN_VALID_UNTIL - 1] = TimestampTzGetDatum(row->valid_until);
	values[TOKEN_USED - 1] = BoolGetDatum(row->used);
	values[TOKEN_COMPUTED - 1] = BoolGetDatum(row->computed);
}

/* Finds a row by its id, as it is now, and locks it; false where there is none. */
static bool
lock_row(DcepTable *table, int64 id)
{
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	bool found = dcep_table_find_number(table, DCEP_TOKEN_PKEY, snapshot, id) && dcep_row_lock_if_there(table);

	UnregisterSnapshot(snapshot);
	return found;
}

/* Locks the row of a token that is valid. */
bool
dcep_token_take(DcepTable *table, int64 token, DcepToken *row)
{
	int64 id;
	int64 proof;
	TimestampTz now;

	compute_digest(token, &id, &proof);
	if (!lock_row(table, id))
		return false;
	*row = read_row(table);
	now = GetCurrentTimestamp();
	return dcep_equal(&row->proof, &proof, sizeof(proof)) && !row->used && row->valid_from <= now &&
		   now < row->valid_until;
}

/* Notes that the row in the slot, which is locked, is used. */
void
dcep_token_use(DcepTable *table, const DcepToken *row)
{
	Datum values[TOKEN_COLUMNS];
	const bool nulls[TOKEN_COLUMNS] = {false};
	DcepToken used = *row;

	used.used = true;
	write_row(&used, values);
	dcep_table_put(table, true, values, nulls);
	CommandCounterIncrement(); /* a second payment of the same statement must see it */
}

/* Locks a wallet's tokens. */
void
dcep_token_lock_holder(int64 wallet)
{
	dcep_secret_lock(DCEP_LOCK_TOKEN_HOLDER, "token holder", wallet);
}

/* Enters a token, unless one with the same digits is there. */
bool
dcep_token_enter(DcepTable *table, int64 token, const DcepToken *row, bool revoke)
{
	Datum values[TOKEN_COLUMNS];
	const bool nulls[TOKEN_COLUMNS] = {false};
	DcepToken entered = *row;

	compute_digest(token, &entered.id, &entered.proof);
	if (!lock_row(table, entered.id))
	{
		write_row(&entered, values);
		dcep_table_insert(table, values, nulls);
		return true;
	}
	if (revoke)
	{
		entered = read_row(table);
		dcep_token_use(table, &entered);
	}
	return false;
}

/* Does a token go? */
static bool
is_swept(const DcepToken *row, int which, TimestampTz now)
{
	if (row->valid_until <= now)
		return true;
	return row->computed ? (which & DCEP_SWEEP_COMPUTED) && (!row->used || which == DCEP_SWEEP_SECRET)
						 : (which & DCEP_SWEEP_DRAWN) != 0;
}

/* All tokens of a wallet as they are now; palloc'd. */
static int
read_all(DcepTable *table, int64 wallet, DcepToken **rows)
{
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	DcepScan scan = dcep_scan_number(table, DCEP_TOKEN_WALLET, snapshot, wallet);
	int room = 8;
	int count = 0;

	*rows = palloc(room * sizeof(DcepToken));
	while (dcep_scan_next(&scan, ForwardScanDirection))
	{
		if (count == room)
			*rows = repalloc(*rows, (room *= 2) * sizeof(DcepToken));
		(*rows)[count++] = read_row(table);
	}
	dcep_scan_end(&scan);
	UnregisterSnapshot(snapshot);
	return count;
}

/* Removes tokens of a wallet, and returns the others. */
int
dcep_token_sweep(DcepTable *table, int64 wallet, int which, DcepToken **kept)
{
	TimestampTz now = GetCurrentTimestamp();
	int count = read_all(table, wallet, kept);
	int left = 0;

	for (int i = 0; i < count; i++)
	{
		DcepToken *row = &(*kept)[i];

		/* A payer may have it and be about to commit, so that it is asked again under the lock. */
		if (is_swept(row, which, now) && lock_row(table, row->id))
		{
			DcepToken current = read_row(table);

			if (is_swept(&current, which, now))
			{
				dcep_table_delete(table, &table->slot->tts_tid);
				continue;
			}
			*row = current;
		}
		(*kept)[left++] = *row;
	}
	return left;
}
