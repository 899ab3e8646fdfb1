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
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "crypto.h"
#include "journal.h"
#include "otp.h"
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

/* --- places in the index ------------------------------------------------------- */

/*
 * A row's id begins with a byte that says where in the index its like are: drawn
 * tokens, and computed ones by their step.  So the tokens that can be paid to now
 * lie side by side among any number that are armed for later, and so do those that
 * are drawn.  Of each payer's token there are three places to look.
 */
#define PLACE_SHIFT 56
#define PLACE_DRAWN 0
#define PLACES_OF_STEPS 255 /* more than the steps that rows can be there of */
#define PLACES 3			/* that a token can be at when it is paid to */

/* The keyed hash of a token. */
typedef struct Digest
{
	uint64 id;	 /* the first 8 bytes */
	int64 proof; /* the next */
} Digest;

static Digest
compute_digest(int64 token)
{
	uint8 mac[DCEP_HASH_LEN];

	dcep_secret_mac_number("token", token, mac);
	return (Digest){.id = dcep_get_u64(mac), .proof = (int64) dcep_get_u64(mac + sizeof(int64))};
}

/* Where the computed tokens of a step are. */
static int
place_of_step(int64 step)
{
	return 1 + (int) (step % PLACES_OF_STEPS);
}

/* The step in which an instant is. */
static int64
step_at(TimestampTz at)
{
	return dcep_unix_time(at) / DCEP_TOKEN_STEP_US;
}

/* Where a row is. */
static int
place_of(const DcepToken *row)
{
	return row->computed ? place_of_step(step_at(row->valid_from)) : PLACE_DRAWN;
}

/* The id of a token at a place. */
static int64
id_at(int place, const Digest *digest)
{
	return (int64) ((uint64) place << PLACE_SHIFT | (digest->id & ((UINT64CONST(1) << PLACE_SHIFT) - 1)));
}

/* --- rows ------------------------------------------------------------------------ */

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

/* Finds a row by its id, as it is now; false where there is none. */
static bool
find_row(DcepTable *table, int64 id)
{
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	bool found = dcep_table_find_number(table, DCEP_TOKEN_PKEY, snapshot, id);

	UnregisterSnapshot(snapshot);
	return found;
}

/* The same, and locks it. */
static bool
lock_row(DcepTable *table, int64 id)
{
	return find_row(table, id) && dcep_row_lock_if_there(table);
}

/* Marks a row as used: the one in the slot, unless somebody has changed it meanwhile. */
static bool
mark_used(DcepTable *table, const DcepToken *row)
{
	Datum values[TOKEN_COLUMNS];
	const bool nulls[TOKEN_COLUMNS] = {false};
	DcepToken used = *row;

	used.used = true;
	write_row(&used, values);
	if (!dcep_table_try_update(table, values, nulls))
		return false;
	CommandCounterIncrement(); /* a second payment of the same statement must see it */
	return true;
}

/* Can a row be paid to by who has a token with this proof? */
static bool
is_valid(const DcepToken *row, int64 proof)
{
	TimestampTz now = GetCurrentTimestamp();

	return dcep_equal(&row->proof, &proof, sizeof(proof)) && !row->used && row->valid_from <= now &&
		   now < row->valid_until;
}

/* Uses the token at one of its places, if it is there and valid once its turn has come. */
static bool
take_at(DcepTable *table, int place, const Digest *digest, DcepToken *row)
{
	int64 id = id_at(place, digest);

	while (find_row(table, id))
	{
		DcepToken found = read_row(table);

		if (!is_valid(&found, digest->proof))
			return false;
		if (mark_used(table, &found))
		{
			*row = found;
			return true;
		}
	}
	return false;
}

/* Uses a token that is valid. */
bool
dcep_token_take(DcepTable *table, int64 token, DcepToken *row)
{
	Digest digest = compute_digest(token);
	int64 step = step_at(GetCurrentTimestamp());
	/* Whoever else looks for it does so in this order, too. */
	const int places[PLACES] = {PLACE_DRAWN, place_of_step(step - 1), place_of_step(step)};
	int found = 0;

	for (int i = 0; i < PLACES; i++)
		if (take_at(table, places[i], &digest, row))
			found++;
	return found == 1; /* of two, nobody could tell whose it is */
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
	Digest digest = compute_digest(token);
	DcepToken entered = *row;

	entered.id = id_at(place_of(row), &digest);
	entered.proof = digest.proof;
	if (!lock_row(table, entered.id))
	{
		write_row(&entered, values);
		dcep_table_insert(table, values, nulls);
		return true;
	}
	if (revoke)
	{
		entered = read_row(table);
		(void) mark_used(table, &entered); /* it is locked */
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

/* Tokens of a wallet as they are now. */
typedef struct Rows
{
	DcepToken *row; /* palloc'd */
	int count;
	int room;
} Rows;

/* Adds those that are computed, or those that are drawn. */
static void
read_rows(DcepTable *table, int64 wallet, bool computed, Rows *rows)
{
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	ScanKeyData keys[2];
	DcepScan scan;

	dcep_key_init(&keys[0], 1, F_BOOLEQ, InvalidOid, BoolGetDatum(computed));
	dcep_key_number(&keys[1], 2, wallet);
	scan = dcep_scan_begin(table, DCEP_TOKEN_WALLET, snapshot, keys, lengthof(keys));
	while (dcep_scan_next(&scan, ForwardScanDirection))
	{
		if (rows->count == rows->room)
			rows->row = repalloc(rows->row, (rows->room *= 2) * sizeof(DcepToken));
		rows->row[rows->count++] = read_row(table);
	}
	dcep_scan_end(&scan);
	UnregisterSnapshot(snapshot);
}

/* Reads what a sweep is about; where nothing is given up, those that come by the dozen. */
static Rows
read_swept(DcepTable *table, int64 wallet, int which)
{
	Rows rows = {.room = 8};

	rows.row = palloc(rows.room * sizeof(DcepToken));
	if (which & DCEP_SWEEP_DRAWN)
		read_rows(table, wallet, false, &rows);
	if ((which & DCEP_SWEEP_COMPUTED) || which == DCEP_SWEEP_EXPIRED)
		read_rows(table, wallet, true, &rows);
	return rows;
}

/* Removes tokens of a wallet, and returns the others. */
int
dcep_token_sweep(DcepTable *table, int64 wallet, int which, DcepToken **kept)
{
	TimestampTz now = GetCurrentTimestamp();
	Rows rows = read_swept(table, wallet, which);
	int left = 0;

	*kept = rows.row;
	for (int i = 0; i < rows.count; i++)
	{
		DcepToken *row = &rows.row[i];

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
		rows.row[left++] = *row;
	}
	return left;
}
