/*
 * secret.c: the ledger's secret.
 *
 * dcep.ledger_secret has one row, a check value: the secret's own HMAC of nothing
 * under the purpose "check".  It tells nothing of the secret, names its file, so
 * that several ledgers of a server do not collide, and shows whether a file that
 * somebody has put there is the one that this ledger's values were made with.
 *
 * Where the secret is made, the table is locked, so that two sessions do not
 * make one each; nobody else waits for that lock.
 */
#include "secret.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/timestamp.h"

#include "config.h"
#include "crypto.h"
#include "keydir.h"
#include "refusal.h"
#include "table.h"

PG_FUNCTION_INFO_V1(dcep_generate_secret);
PG_FUNCTION_INFO_V1(dcep_secret_mac_sql);

#define SECRET_LEN 32

/* The secret that this backend has read or made last. */
static struct
{
	bool is_known;
	uint8 check[DCEP_HASH_LEN]; /* of the ledger that it belongs to */
	uint8 bytes[SECRET_LEN];
} kept;

/* At the end of the backend: no secret stays in memory. */
static void
wipe_secret(int code pg_attribute_unused(), Datum arg pg_attribute_unused())
{
	dcep_wipe(&kept, sizeof(kept));
}

/* Keeps a secret until the backend ends. */
static void
keep(const uint8 bytes[SECRET_LEN], const uint8 check[DCEP_HASH_LEN])
{
	static bool registered = false;

	if (!registered)
		on_proc_exit(wipe_secret, (Datum) 0);
	registered = true;
	memcpy(kept.bytes, bytes, SECRET_LEN);
	memcpy(kept.check, check, DCEP_HASH_LEN);
	kept.is_known = true;
}

/* HMAC under a secret. */
static void
compute_mac(const uint8 secret[SECRET_LEN], const char *purpose, const uint8 *data, int len, uint8 mac[DCEP_HASH_LEN])
{
	size_t purpose_len = strlen(purpose) + 1; /* with its 0x00 */
	size_t message_len = purpose_len + (size_t) len;
	uint8 *message = palloc(message_len);
	bool done;

	memcpy(message, purpose, purpose_len);
	if (len > 0)
		memcpy(message + purpose_len, data, (size_t) len);
	done = dcep_hmac(secret, SECRET_LEN, message, message_len, mac);
	dcep_wipe(message, message_len);
	pfree(message);
	if (!done)
		dcep_crypto_raise("compute a keyed hash");
}

/* The check value of a secret. */
static void
compute_check(const uint8 secret[SECRET_LEN], uint8 check[DCEP_HASH_LEN])
{
	compute_mac(secret, "check", NULL, 0, check);
}

/* Path of the file of a secret, palloc'd. */
static char *
secret_path(const uint8 check[DCEP_HASH_LEN])
{
	return dcep_keydir_path(psprintf("secret-%s", dcep_keydir_digits(check)));
}

/* Refuses to go on without the ledger's secret. */
static _Noreturn void
raise_unusable(const char *path, const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("the ledger's secret cannot be used"),
			 errdetail_log("File \"%s\": %s.", path, why), errdetail("%s.", why),
			 errhint("Restore the secret's file into dcep.key_directory from a backup, a regular file owned by the "
					 "server's user with mode 0600. What was hashed with it cannot be found without it.")));
	pg_unreachable();
}

/* Reads the secret that belongs to a check value. */
static void
read_secret(const uint8 check[DCEP_HASH_LEN])
{
	char *path = secret_path(check);
	uint8 bytes[SECRET_LEN + 1] = {0};
	uint8 found[DCEP_HASH_LEN];
	const char *why;
	ssize_t len = dcep_keydir_read(path, bytes, sizeof(bytes), &why);

	if (len < 0)
		raise_unusable(path, why);
	compute_check(bytes, found);
	if (len != SECRET_LEN || !dcep_equal(found, check, DCEP_HASH_LEN))
	{
		dcep_wipe(bytes, sizeof(bytes));
		raise_unusable(path, "The file holds something else than this ledger's secret");
	}
	keep(bytes, check);
	dcep_wipe(bytes, sizeof(bytes));
}

/* Puts the check value on record. */
static void
insert_check(const uint8 check[DCEP_HASH_LEN])
{
	EState *estate = CreateExecutorState();
	DcepTable *table = dcep_table_open(DCEP_LEDGER_SECRET, estate);
	Datum values[3];
	bool nulls[3] = {false};

	values[0] = BoolGetDatum(true);
	values[1] = dcep_bytes_datum(check, DCEP_HASH_LEN);
	values[2] = TimestampTzGetDatum(GetCurrentTimestamp());
	dcep_table_insert(table, values, nulls);
	CacheInvalidateRelcache(table->rel);
	CommandCounterIncrement(); /* who asks next in this statement must see it */
	dcep_table_close(table);
	FreeExecutorState(estate);
}

/* Makes the secret. */
static void
make_secret(void)
{
	uint8 bytes[SECRET_LEN];
	uint8 check[DCEP_HASH_LEN];

	dcep_secret_random(bytes, sizeof(bytes));
	compute_check(bytes, check);
	keep(bytes, check);
	dcep_keydir_write(secret_path(check), bytes, sizeof(bytes));
	insert_check(check);
}

/* Makes the secret unless another session has just done so; true where it was made here. */
static bool
provide_secret(void)
{
	PreventCommandIfReadOnly("making the ledger's secret");
	LockRelationOid(dcep_relation_oid(DCEP_LEDGER_SECRET), ShareRowExclusiveLock);
	if (dcep_config_required()->has_secret)
		return false;
	make_secret();
	return true;
}

/* Makes sure that the secret of this ledger is the one that is kept. */
static void
require_secret(void)
{
	const DcepConfig *config = dcep_config_required();

	if (!config->has_secret)
	{
		provide_secret();
		config = dcep_config_required();
	}
	if (!kept.is_known || memcmp(kept.check, config->secret_check, DCEP_HASH_LEN) != 0)
		read_secret(config->secret_check);
}

/* HMAC under the ledger's secret. */
void
dcep_secret_mac(const char *purpose, const uint8 *data, int len, uint8 mac[DCEP_HASH_LEN])
{
	require_secret();
	compute_mac(kept.bytes, purpose, data, len, mac);
}

/* HMAC of a number. */
void
dcep_secret_mac_number(const char *purpose, int64 number, uint8 mac[DCEP_HASH_LEN])
{
	uint8 bytes[sizeof(int64)];

	dcep_put_u64(bytes, (uint64) number);
	dcep_secret_mac(purpose, bytes, sizeof(bytes), mac);
	dcep_wipe(bytes, sizeof(bytes));
}

/* Takes the lock that stands for a number. */
void
dcep_secret_lock(DcepLockKind kind, const char *purpose, int64 number)
{
	uint8 mac[DCEP_HASH_LEN];

	dcep_secret_mac_number(purpose, number, mac);
	dcep_advisory_lock(kind, dcep_get_u32(mac), dcep_get_u32(mac + 4));
}

/* Random bytes. */
void
dcep_secret_random(uint8 *to, int len)
{
	if (!dcep_random(to, (size_t) len))
		dcep_crypto_raise("draw random bytes");
}

/* dcep.generate_secret() */
Datum
dcep_generate_secret(PG_FUNCTION_ARGS)
{
	if (dcep_config_required()->has_secret || !provide_secret())
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("the ledger has a secret already"),
						errhint("It is never changed: what was hashed with it could not be found any more.")));
	PG_RETURN_VOID();
}

/* dcep.secret_mac(purpose, data) → bytea */
Datum
dcep_secret_mac_sql(PG_FUNCTION_ARGS)
{
	bytea *data = PG_GETARG_BYTEA_PP(1);
	uint8 mac[DCEP_HASH_LEN];

	dcep_secret_mac(text_to_cstring(PG_GETARG_TEXT_PP(0)), (const uint8 *) VARDATA_ANY(data),
					(int) VARSIZE_ANY_EXHDR(data), mac);
	PG_RETURN_DATUM(dcep_bytes_datum(mac, DCEP_HASH_LEN));
}
