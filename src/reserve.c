/*
 * reserve.c: the operators' reserve accounts at the central bank.
 */
#include "reserve.h"

#include "access/xact.h"
#include "common/int.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "access.h"
#include "entry.h"
#include "errcodes.h"
#include "journal.h"
#include "keyring.h"
#include "table.h"

PG_FUNCTION_INFO_V1(dcep_deposit_reserve);
PG_FUNCTION_INFO_V1(dcep_withdraw_reserve);

/* Columns of dcep.reserve_account and dcep.reserve_entry. */
enum
{
	ACCOUNT_INSTITUTION = 1,
	ACCOUNT_SEQ,
	ACCOUNT_HEAD,
	ACCOUNT_COLUMNS = ACCOUNT_HEAD
};

enum
{
	ENTRY_INSTITUTION = 1,
	ENTRY_SEQ,
	ENTRY_AMOUNT,
	ENTRY_BALANCE,
	ENTRY_TRANSFER,
	ENTRY_CREATED_AT,
	ENTRY_ISSUER,
	ENTRY_SUITE,
	ENTRY_KEY_NUMBER,
	ENTRY_PREV_HASH,
	ENTRY_HASH,
	ENTRY_SIGNATURE,
	ENTRY_REFERENCE,
	ENTRY_COLUMNS = ENTRY_REFERENCE
};

/* An operator's account, locked. */
typedef struct Account
{
	DcepTable *account;
	DcepTable *entries;
	ItemPointerData tid;
	int64 seq;
	int64 balance;
	uint8 head[DCEP_HASH_LEN];
} Account;

/* Copies a bytea column that must have a certain length. */
static void
read_bytes(DcepTable *entries, int column, uint8 *to, int len)
{
	bytea *bytes = DatumGetByteaPP(dcep_column(entries, (AttrNumber) column));

	if ((int) VARSIZE_ANY_EXHDR(bytes) != len)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED), errmsg("row of dcep.reserve_entry is damaged"),
				 errdetail("Column %d has %d bytes instead of %d.", column, (int) VARSIZE_ANY_EXHDR(bytes), len)));
	memcpy(to, VARDATA_ANY(bytes), len);
}

/* Reads the row in the table's slot. */
void
dcep_reserve_read(DcepTable *entries, DcepStoredEntry *stored)
{
	DcepEntry *entry = &stored->entry;
	bool is_null;
	Datum value;

	entry->institution = DatumGetInt16(dcep_column(entries, ENTRY_INSTITUTION));
	entry->seq = DatumGetInt64(dcep_column(entries, ENTRY_SEQ));
	entry->amount = DatumGetInt64(dcep_column(entries, ENTRY_AMOUNT));
	entry->balance = DatumGetInt64(dcep_column(entries, ENTRY_BALANCE));
	value = slot_getattr(entries->slot, ENTRY_TRANSFER, &is_null);
	entry->transfer = is_null ? 0 : DatumGetInt64(value);
	entry->created_at = dcep_unix_time(DatumGetTimestampTz(dcep_column(entries, ENTRY_CREATED_AT)));
	value = slot_getattr(entries->slot, ENTRY_REFERENCE, &is_null);
	entry->reference = dcep_text(value, is_null);
	stored->issuer = DatumGetInt16(dcep_column(entries, ENTRY_ISSUER));
	stored->suite = DatumGetInt16(dcep_column(entries, ENTRY_SUITE));
	stored->key_number = DatumGetInt32(dcep_column(entries, ENTRY_KEY_NUMBER));
	read_bytes(entries, ENTRY_PREV_HASH, entry->prev_hash, DCEP_HASH_LEN);
	read_bytes(entries, ENTRY_HASH, stored->hash, DCEP_HASH_LEN);
	read_bytes(entries, ENTRY_SIGNATURE, stored->signature, DCEP_SIGNATURE_LEN);
}

/* Balance after the last entry. */
static int64
last_balance(DcepTable *entries, int institution, int64 seq)
{
	ScanKeyData keys[2];
	Snapshot snapshot;
	int64 balance;

	if (seq == 0)
		return 0;
	dcep_key_init(&keys[0], 1, F_INT2EQ, InvalidOid, Int16GetDatum(institution));
	dcep_key_number(&keys[1], 2, seq);
	snapshot = RegisterSnapshot(GetTransactionSnapshot());
	if (!dcep_table_find(entries, DCEP_RESERVE_ENTRY_PKEY, snapshot, keys, 2))
		ereport(ERROR, (errcode(ERRCODE_DCEP_CHAIN_BROKEN), errmsg("hash chain broken"),
						errdetail("Reserve entry " INT64_FORMAT " of institution %04d is missing.", seq, institution)));
	balance = DatumGetInt64(dcep_column(entries, ENTRY_BALANCE));
	UnregisterSnapshot(snapshot);
	ExecClearTuple(entries->slot);
	return balance;
}

/* Finds an operator's account; false where there is none. */
static bool
find_account(int institution, const Account *account)
{
	ScanKeyData key;
	Snapshot snapshot;
	bool found;

	dcep_key_init(&key, 1, F_INT2EQ, InvalidOid, Int16GetDatum(institution));
	snapshot = RegisterSnapshot(GetTransactionSnapshot());
	/* A code beyond int2 must not be cut down to that of another institution. */
	found = institution >= 1 && institution <= 9999 &&
			dcep_table_find(account->account, DCEP_RESERVE_ACCOUNT_PKEY, snapshot, &key, 1);
	UnregisterSnapshot(snapshot);
	return found;
}

/* Takes over the row in the slot. */
static void
load_account(int institution, Account *account)
{
	bytea *head = DatumGetByteaPP(dcep_column(account->account, ACCOUNT_HEAD));

	account->tid = account->account->slot->tts_tid;
	account->seq = DatumGetInt64(dcep_column(account->account, ACCOUNT_SEQ));
	Assert(VARSIZE_ANY_EXHDR(head) == DCEP_HASH_LEN);
	memcpy(account->head, VARDATA_ANY(head), DCEP_HASH_LEN);
	ExecClearTuple(account->account->slot);
	account->balance = last_balance(account->entries, institution, account->seq);
}

/* Locks an operator's account; false where there is none. */
static bool
lock_account(int institution, Account *account)
{
	CommandCounterIncrement(); /* an earlier entry of this statement must be seen */
	if (!find_account(institution, account))
		return false;
	dcep_row_lock(account->account);
	load_account(institution, account);
	return true;
}

/* Appends an entry that the central bank signs. */
static void
append_entry(const DcepConfig *config, Account *account, const DcepEntry *entry)
{
	DcepKeptKey *kept;
	const DcepSigningKey *key = dcep_keyring_signer(config, DCEP_CENTRAL_BANK, dcep_pg_time(entry->created_at), &kept);
	uint8 *bytes = palloc(dcep_entry_length(entry));
	uint8 hash[DCEP_HASH_LEN];
	uint8 signature[DCEP_SIGNATURE_LEN];
	Datum values[ENTRY_COLUMNS];
	bool nulls[ENTRY_COLUMNS] = {false};

	dcep_entry_put(entry, bytes);
	dcep_signer_sign_record(kept->signer, key->suite, bytes, dcep_entry_length(entry), hash, signature);
	values[ENTRY_INSTITUTION - 1] = Int16GetDatum(entry->institution);
	values[ENTRY_SEQ - 1] = Int64GetDatum(entry->seq);
	values[ENTRY_AMOUNT - 1] = Int64GetDatum(entry->amount);
	values[ENTRY_BALANCE - 1] = Int64GetDatum(entry->balance);
	values[ENTRY_TRANSFER - 1] = Int64GetDatum(entry->transfer);
	nulls[ENTRY_TRANSFER - 1] = entry->transfer == 0;
	values[ENTRY_CREATED_AT - 1] = TimestampTzGetDatum(dcep_pg_time(entry->created_at));
	values[ENTRY_ISSUER - 1] = Int16GetDatum(DCEP_CENTRAL_BANK);
	values[ENTRY_SUITE - 1] = Int16GetDatum(key->suite);
	values[ENTRY_KEY_NUMBER - 1] = Int32GetDatum(key->number);
	values[ENTRY_PREV_HASH - 1] = dcep_bytes_datum(entry->prev_hash, DCEP_HASH_LEN);
	values[ENTRY_HASH - 1] = dcep_bytes_datum(hash, DCEP_HASH_LEN);
	values[ENTRY_SIGNATURE - 1] = dcep_bytes_datum(signature, DCEP_SIGNATURE_LEN);
	values[ENTRY_REFERENCE - 1] = dcep_text_datum(entry->reference, &nulls[ENTRY_REFERENCE - 1]);
	dcep_table_insert(account->entries, values, nulls);

	values[ACCOUNT_INSTITUTION - 1] = Int16GetDatum(entry->institution);
	values[ACCOUNT_SEQ - 1] = Int64GetDatum(entry->seq);
	values[ACCOUNT_HEAD - 1] = dcep_bytes_datum(hash, DCEP_HASH_LEN);
	memset(nulls, false, sizeof(nulls));
	dcep_table_update(account->account, &account->tid, values, nulls);
	CommandCounterIncrement();
}

/* The entry that moves an amount, if the reserve covers it. */
static bool
compose_entry(const Account *account, DcepEntry *entry, DcepRefusal *refusal)
{
	if (pg_add_s64_overflow(account->balance, entry->amount, &entry->balance))
	{
		dcep_refuse(refusal, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, "reserve out of range");
		return dcep_refusal_detail(refusal, "The reserve is " INT64_FORMAT ", the deposit " INT64_FORMAT ".",
								   account->balance, entry->amount);
	}
	if (entry->balance < 0)
	{
		dcep_refuse(refusal, ERRCODE_DCEP_RESERVE_TOO_SMALL,
					entry->transfer ? "reserve does not cover the issuance" : "reserve does not cover the withdrawal");
		dcep_refusal_detail(refusal,
							"The reserve of institution %04d is " INT64_FORMAT ", the amount " INT64_FORMAT ".",
							entry->institution, account->balance, -entry->amount);
		return dcep_refusal_hint(refusal, "Pay in first with dcep.deposit_reserve().");
	}
	memcpy(entry->prev_hash, account->head, DCEP_HASH_LEN);
	entry->seq = account->seq + 1;
	entry->created_at = dcep_unix_time(GetCurrentTimestamp());
	return true;
}

/* Refuses an institution that has no account. */
static bool
refuse_account(int institution, DcepRefusal *refusal)
{
	dcep_refuse(refusal, ERRCODE_INVALID_PARAMETER_VALUE, "institution has no reserve account");
	return dcep_refusal_detail(refusal, "Institution %04d is not an operator of this ledger.", institution);
}

/* Would a payment's entry be refused, as the account stands now? */
bool
dcep_reserve_foresee(int institution, int64 amount, DcepRefusal *refusal)
{
	Account account = {.account = dcep_table_open(DCEP_RESERVE_ACCOUNT, NULL),
					   .entries = dcep_table_open(DCEP_RESERVE_ENTRY, NULL)};
	/* any number will do for a transfer that is not made: it says only that the entry would belong to one */
	DcepEntry entry = {.institution = institution, .amount = amount, .transfer = PG_INT64_MAX};
	bool good;

	if (find_account(institution, &account))
	{
		load_account(institution, &account);
		good = compose_entry(&account, &entry, refusal);
	}
	else
		good = refuse_account(institution, refusal);
	dcep_table_close(account.entries);
	dcep_table_close(account.account);
	return good;
}

/* Appends an entry to an operator's reserve chain. */
bool
dcep_reserve_post(const DcepConfig *config, int institution, int64 amount, int64 transfer, DcepText reference,
				  DcepRefusal *refusal)
{
	EState *estate = CreateExecutorState();
	Account account = {.account = dcep_table_open(DCEP_RESERVE_ACCOUNT, estate),
					   .entries = dcep_table_open(DCEP_RESERVE_ENTRY, estate)};
	DcepEntry entry = {.institution = institution, .amount = amount, .transfer = transfer, .reference = reference};
	bool posted = false;

	if (!lock_account(institution, &account))
		refuse_account(institution, refusal);
	else if (compose_entry(&account, &entry, refusal))
	{
		append_entry(config, &account, &entry);
		posted = true;
	}
	dcep_table_close(account.entries);
	dcep_table_close(account.account);
	FreeExecutorState(estate);
	return posted;
}

/* A deposit or a withdrawal, by the central bank. */
static void
move_by_hand(FunctionCallInfo fcinfo, int sign)
{
	const DcepConfig *config = dcep_config_required();
	int institution = PG_GETARG_INT32(0);
	int64 amount = PG_GETARG_INT64(1);
	DcepText reference = PG_ARGISNULL(2) ? (DcepText){NULL, 0} : dcep_text(PG_GETARG_DATUM(2), false);
	DcepRefusal refusal;

	PreventCommandIfReadOnly(sign > 0 ? "dcep.deposit_reserve()" : "dcep.withdraw_reserve()");
	if (!dcep_access_acts_for(DCEP_CENTRAL_BANK))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied to move reserves"),
						errdetail("Reserves are moved by roles that are bound to the central bank.")));
	if (amount <= 0)
		ereport(ERROR, (errcode(ERRCODE_DCEP_AMOUNT_NOT_POSITIVE), errmsg("amount must be positive"),
						errdetail("The amount is " INT64_FORMAT ".", amount)));
	if (!dcep_reserve_post(config, institution, sign * amount, 0, reference, &refusal))
		dcep_refusal_raise(&refusal);
}

/* Refuses NULL where a call needs a value. */
static void
require_arguments(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("institution and amount must not be null")));
}

/* dcep.deposit_reserve(code, amount, reference) */
Datum
dcep_deposit_reserve(PG_FUNCTION_ARGS)
{
	require_arguments(fcinfo);
	move_by_hand(fcinfo, 1);
	PG_RETURN_VOID();
}

/* dcep.withdraw_reserve(code, amount, reference) */
Datum
dcep_withdraw_reserve(PG_FUNCTION_ARGS)
{
	require_arguments(fcinfo);
	move_by_hand(fcinfo, -1);
	PG_RETURN_VOID();
}
