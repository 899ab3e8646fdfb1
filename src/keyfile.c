/*
 * keyfile.c: private keys as files.
 *
 * A file that others could read or replace is refused, not repaired: whoever
 * set it up must know that the key may have leaked.
 */
#include "keyfile.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/xact.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "access.h"
#include "refusal.h"
#include "table.h"

PG_FUNCTION_INFO_V1(dcep_generate_key);

char *dcep_key_directory = NULL;

/* Path of the key directory, palloc'd. */
static char *
key_directory(void)
{
	return is_absolute_path(dcep_key_directory) ? pstrdup(dcep_key_directory)
												: psprintf("%s/%s", DataDir, dcep_key_directory);
}

/* Path of the file of a key, palloc'd. */
static char *
key_path(const DcepSigningKey *key)
{
	DcepBytes piece = {key->public_key, (size_t) key->public_len};
	uint8 digest[DCEP_HASH_LEN];
	StringInfoData path;

	if (!dcep_hash(DCEP_SUITE_ED25519, &piece, 1, digest))
		dcep_crypto_raise("name a key file");
	initStringInfo(&path);
	appendStringInfo(&path, "%s/%04d-%d-", key_directory(), key->institution, key->number);
	for (int i = 0; i < 16; i++)
		appendStringInfo(&path, "%02x", digest[i]);
	appendStringInfoString(&path, ".pem");
	return path.data;
}

/* Refuses to go on without a usable private key. */
static _Noreturn void
raise_unusable(const DcepSigningKey *key, const char *path, const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 key->institution == DCEP_KEYS_OF_LOG
				 ? errmsg("private key %d of the log cannot be used", key->number)
				 : errmsg("private key %d of institution %04d cannot be used", key->number, key->institution),
			 errdetail_log("File \"%s\": %s.", path, why), errdetail("%s.", why),
			 errhint("The server needs the key's PEM file in dcep.key_directory, a regular file owned by the server's "
					 "user with mode 0600. Without it nothing can be signed; reading and verifying go on.")));
	pg_unreachable();
}

/* Opens a key file that nobody else can read or replace. */
static int
open_key_file(const DcepSigningKey *key, const char *path)
{
	struct stat status;
	int file = OpenTransientFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | PG_BINARY);

	if (file < 0)
		raise_unusable(key, path, psprintf("The file cannot be opened: %s", strerror(errno)));
	if (fstat(file, &status) != 0)
		raise_unusable(key, path, psprintf("The file cannot be examined: %s", strerror(errno)));
	if (!S_ISREG(status.st_mode))
		raise_unusable(key, path, "The file is not a regular file");
	if (status.st_uid != geteuid())
		raise_unusable(key, path, "The file belongs to another user");
	if (status.st_mode & (S_IRWXG | S_IRWXO))
		raise_unusable(key, path,
					   psprintf("The file has mode %04o, so that others could read or replace it",
								(unsigned) status.st_mode & 07777));
	return file;
}

/* Does a private key belong to the public key on record? */
static bool
is_private_half(DcepKeyPair *pair, const DcepSigningKey *key)
{
	uint8 public_key[DCEP_PUBLIC_KEY_MAX];

	return dcep_key_suite(pair) == key->suite && dcep_key_is_private(pair) &&
		   dcep_key_public(pair, public_key) == (size_t) key->public_len &&
		   memcmp(public_key, key->public_key, key->public_len) == 0;
}

/* Reads the private half of a key. */
DcepKeyPair *
dcep_keyfile_read(const DcepSigningKey *key)
{
	char *path = key_path(key);
	int file = open_key_file(key, path);
	char pem[DCEP_PEM_MAX];
	ssize_t len = read(file, pem, sizeof(pem));
	DcepKeyPair *pair = len > 0 ? dcep_key_from_pem(pem, (size_t) len) : NULL;

	dcep_wipe(pem, sizeof(pem));
	CloseTransientFile(file);
	if (pair == NULL)
		raise_unusable(key, path, "The file holds no private key in PEM form without a passphrase");
	if (!is_private_half(pair, key))
	{
		dcep_key_free(pair);
		raise_unusable(key, path, "The file's key does not belong to the public key on record");
	}
	return pair;
}

/* Makes the key directory where it is missing. */
static void
make_key_directory(void)
{
	char *path = key_directory();

	if (mkdir(path, S_IRWXU) != 0 && errno != EEXIST)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not create the key directory: %m"),
						errhint("The setting dcep.key_directory must name a directory that the server may write.")));
}

/* Writes the file of a new key, durably; never over another. */
static void
write_key_file(const DcepSigningKey *key, DcepKeyPair *pair)
{
	char pem[DCEP_PEM_MAX];
	char *path = key_path(key);
	size_t len;
	int file;
	bool written;

	make_key_directory();
	file = OpenTransientFilePerm(path, O_CREAT | O_EXCL | O_WRONLY | PG_BINARY, S_IRUSR | S_IWUSR);
	if (file < 0)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not create a key file: %m"),
						errhint("The setting dcep.key_directory must name a directory that the server may write.")));
	len = dcep_key_to_pem(pair, pem);
	written = len > 0 && write(file, pem, len) == (ssize_t) len && pg_fsync(file) == 0;
	dcep_wipe(pem, sizeof(pem));
	CloseTransientFile(file);
	if (!written)
	{
		unlink(path);
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not write a key file: %m")));
	}
	fsync_fname(key_directory(), true);
}

/* Makes a key. */
void
dcep_keyfile_create(DcepSigningKey *key)
{
	DcepKeyPair *pair = dcep_key_generate(key->suite);

	if (pair == NULL)
		dcep_crypto_raise("generate a key");
	key->public_len = (int) dcep_key_public(pair, key->public_key);
	PG_TRY();
	{
		write_key_file(key, pair);
	}
	PG_FINALLY();
	{
		dcep_key_free(pair);
	}
	PG_END_TRY();
}

/* The number after the last that an institution has used. */
static int
next_number(const DcepConfig *config, int institution)
{
	int last = 0;

	for (int i = 0; i < config->key_count; i++)
		if (config->key[i].institution == institution)
			last = Max(last, config->key[i].number);
	return last + 1;
}

/* Puts a public key on record. */
static void
insert_signing_key(const DcepSigningKey *key)
{
	EState *estate = CreateExecutorState();
	DcepTable *table = dcep_table_open(DCEP_SIGNING_KEY, estate);
	Datum values[8];
	bool nulls[8] = {false, false, false, false, false, false, true, true};

	values[0] = Int16GetDatum(key->institution);
	values[1] = Int32GetDatum(key->number);
	values[2] = CStringGetTextDatum(dcep_suite_name(key->suite));
	values[3] = dcep_bytes_datum(key->public_key, key->public_len);
	values[4] = TimestampTzGetDatum(key->valid_from);
	values[5] = TimestampTzGetDatum(DT_NOEND);
	dcep_table_insert(table, values, nulls);
	CacheInvalidateRelcache(table->rel);
	CommandCounterIncrement(); /* a second key in the same statement must see this one */
	dcep_table_close(table);
	FreeExecutorState(estate);
}

/* Checks who asks for a key, and for whom. */
static void
check_key_request(const DcepConfig *config, int code, const char *suite)
{
	const DcepInstitution *institution = dcep_config_institution(config, code);

	if (!dcep_access_acts_for(code) && !dcep_access_acts_for(DCEP_CENTRAL_BANK))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("permission denied to make a key for institution %04d", code)));
	if (institution == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("institution %04d does not exist", code),
						errhint("Enroll it first with dcep.enroll_institution().")));
	if (dcep_suite_by_name(suite) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("signature suite \"%s\" does not exist", suite),
				 errhint("The suites are ed25519, sm2 and p256.")));
}

/* dcep.generate_key(code, suite) → key number */
Datum
dcep_generate_key(PG_FUNCTION_ARGS)
{
	DcepSigningKey key = {0};
	const DcepConfig *config;
	int code;
	char *suite;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("institution and suite must not be null")));
	PreventCommandIfReadOnly("dcep.generate_key()");
	code = PG_GETARG_INT32(0);
	suite = text_to_cstring(PG_GETARG_TEXT_PP(1));
	check_key_request(dcep_config_required(), code, suite);
	/* Two at once must not take the same number. */
	LockRelationOid(dcep_relation_oid(DCEP_SIGNING_KEY), ShareRowExclusiveLock);
	config = dcep_config_required();
	key.institution = code;
	key.suite = dcep_suite_by_name(suite);
	key.number = next_number(config, code);
	key.valid_from = GetCurrentTimestamp();
	dcep_keyfile_create(&key);
	insert_signing_key(&key);
	PG_RETURN_INT32(key.number);
}
