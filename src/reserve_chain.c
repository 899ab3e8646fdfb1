/*
 * reserve_chain.c: dcep.verify_reserves(), which walks the chains of reserve entries.
 */
#include "postgres.h"

#include "common/int.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "access.h"
#include "entry.h"
#include "journal.h"
#include "keyring.h"
#include "reserve.h"

PG_FUNCTION_INFO_V1(dcep_verify_reserves);

/* Columns of the result. */
enum
{
	DEFECT_NAME,
	DEFECT_INSTITUTION,
	DEFECT_SEQ,
	DEFECT_TRANSFER,
	DEFECT_DETAIL,
	DEFECT_COLUMNS
};

/* A run of dcep.verify_reserves(). */
typedef struct Walk
{
	const DcepConfig *config;
	ReturnSetInfo *result;
	Snapshot snapshot;
	int institution;
	int64 seq; /* of the entry before */
	int64 balance;
	uint8 hash[DCEP_HASH_LEN];
} Walk;

/* Reports a defect. */
static void
report(Walk *walk, const char *name, int64 seq, int64 transfer, const char *detail)
{
	Datum values[DEFECT_COLUMNS];
	bool nulls[DEFECT_COLUMNS] = {false};

	values[DEFECT_NAME] = CStringGetTextDatum(name);
	values[DEFECT_INSTITUTION] = Int16GetDatum(walk->institution);
	values[DEFECT_SEQ] = Int64GetDatum(seq);
	values[DEFECT_TRANSFER] = Int64GetDatum(transfer);
	nulls[DEFECT_TRANSFER] = transfer == 0;
	values[DEFECT_DETAIL] = CStringGetTextDatum(detail);
	tuplestore_putvalues(walk->result->setResult, walk->result->setDesc, values, nulls);
}

/* Why the signature of an entry is no good; NULL where it is. */
static const char *
wrong_signature(Walk *walk, const DcepStoredEntry *stored, const uint8 hash[DCEP_HASH_LEN])
{
	DcepRefusal refusal;
	DcepKeptKey *kept;

	if (stored->issuer != DCEP_CENTRAL_BANK)
		return "it was not signed by the central bank";
	kept = dcep_keyring_verifier(walk->config, stored->issuer, stored->key_number,
								 dcep_pg_time(stored->entry.created_at), &refusal);
	if (kept == NULL)
		return refusal.message;
	if (dcep_key_suite(kept->public_pair) != stored->suite ||
		dcep_entry_verify(kept->public_pair, hash, stored->signature) != DCEP_SIGNATURE_VALID)
		return "the signature does not match the hash";
	return NULL;
}

/* Is the entry what was hashed, and the hash what the central bank signed? */
static void
check_content(Walk *walk, const DcepStoredEntry *stored)
{
	const DcepEntry *entry = &stored->entry;
	uint8 hash[DCEP_HASH_LEN];
	const char *wrong;

	if (dcep_suite_name(stored->suite) == NULL)
		report(walk, "damaged", entry->seq, entry->transfer, "there is no such suite");
	else if (!dcep_entry_hash(stored->suite, entry, hash))
		dcep_crypto_raise("hash a reserve entry");
	else if (memcmp(hash, stored->hash, DCEP_HASH_LEN) != 0)
		report(walk, "hash", entry->seq, entry->transfer, "the row is not what was hashed: a column was changed");
	else if ((wrong = wrong_signature(walk, stored, hash)) != NULL)
		report(walk, "signature", entry->seq, entry->transfer, wrong);
}

/* Does the entry follow the one before it? */
static void
check_link(Walk *walk, const DcepStoredEntry *stored)
{
	const DcepEntry *entry = &stored->entry;
	int64 balance;

	if (entry->seq != walk->seq + 1)
		report(walk, "gap", entry->seq, entry->transfer,
			   psprintf("the chain goes from " INT64_FORMAT " to " INT64_FORMAT, walk->seq, entry->seq));
	if (memcmp(entry->prev_hash, walk->hash, DCEP_HASH_LEN) != 0)
		report(walk, "link", entry->seq, entry->transfer, "prev_hash is not the hash of the entry before it");
	if (pg_add_s64_overflow(walk->balance, entry->amount, &balance) || balance != entry->balance)
		report(walk, "balance", entry->seq, entry->transfer, "the balance is not the one before plus the amount");
	walk->seq = entry->seq;
	walk->balance = entry->balance;
	memcpy(walk->hash, stored->hash, DCEP_HASH_LEN);
}

/* Walks one operator's entries; the account's row is in the slot. */
static void
walk_account(Walk *walk, DcepTable *accounts, DcepTable *entries)
{
	int64 seq = DatumGetInt64(dcep_column(accounts, 2));
	bytea *head = DatumGetByteaPP(dcep_column(accounts, 3));
	ScanKeyData key;
	DcepScan scan;
	DcepStoredEntry stored;

	walk->institution = DatumGetInt16(dcep_column(accounts, 1));
	walk->seq = 0;
	walk->balance = 0;
	memset(walk->hash, 0, DCEP_HASH_LEN);
	dcep_key_init(&key, 1, F_INT2EQ, InvalidOid, Int16GetDatum(walk->institution));
	scan = dcep_scan_begin(entries, DCEP_RESERVE_ENTRY_PKEY, walk->snapshot, &key, 1);
	while (dcep_scan_next(&scan, ForwardScanDirection))
	{
		CHECK_FOR_INTERRUPTS();
		dcep_reserve_read(entries, &stored);
		check_content(walk, &stored);
		check_link(walk, &stored);
	}
	dcep_scan_end(&scan);
	if (seq != walk->seq || VARSIZE_ANY_EXHDR(head) != DCEP_HASH_LEN ||
		memcmp(VARDATA_ANY(head), walk->hash, DCEP_HASH_LEN) != 0)
		report(walk, "head", walk->seq, 0, "the account's head is not its last entry");
}

/* dcep.verify_reserves() → one row a defect */
Datum
dcep_verify_reserves(PG_FUNCTION_ARGS)
{
	Walk walk = {.result = (ReturnSetInfo *) fcinfo->resultinfo};
	DcepTable *accounts;
	DcepTable *entries;
	DcepScan scan;

	if (!dcep_access_audits())
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied to verify reserves"),
						errhint("Auditors and the central bank may.")));
	walk.config = dcep_config_required();
	InitMaterializedSRF(fcinfo, 0);
	walk.snapshot = RegisterSnapshot(GetActiveSnapshot());
	accounts = dcep_table_open(DCEP_RESERVE_ACCOUNT, NULL);
	entries = dcep_table_open(DCEP_RESERVE_ENTRY, NULL);
	scan = dcep_scan_begin(accounts, DCEP_RESERVE_ACCOUNT_PKEY, walk.snapshot, NULL, 0);
	while (dcep_scan_next(&scan, ForwardScanDirection))
		walk_account(&walk, accounts, entries);
	dcep_scan_end(&scan);
	dcep_table_close(entries);
	dcep_table_close(accounts);
	UnregisterSnapshot(walk.snapshot);
	return (Datum) 0;
}
