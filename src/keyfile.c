/*
 * keyfile.c: private keys as files.
 */
#include "keyfile.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "access.h"
#include "keydir.h"
#include "refusal.h"
#include "table.h"

PG_FUNCTION_INFO_V1(dcep_generate_key);

/* Path of the file of a key, palloc'd. */
static char *
key_path(const DcepSigningKey *key)
{
	DcepBytes piece = {key->public_key, (size_t) key->public_len};
	uint8 digest[DCEP_HASH_LEN];

	if (!dcep_hash(DCEP_SUITE_ED25519, &piece, 1, digest))
		dcep_crypto_raise("name a key file");
	return dcep_keydir_path(psprintf("%04d-%d-%s.pem", key->institution, key->number, dcep_keydir_digits(digest)));
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
	char pem[DCEP_PEM_MAX];
	const char *why;
	ssize_t len = dcep_keydir_read(path, pem, sizeof(pem), &why);
	DcepKeyPair *pair = len > 0 ? dcep_key_from_pem(pem, (size_t) len) : NULL;

	dcep_wipe(pem, sizeof(pem));
	if (len < 0)
		raise_unusable(key, path, why);
	if (pair == NULL)
		raise_unusable(key, path, "The file holds no private key in PEM form without a passphrase");
	if (!is_private_half(pair, key))
	{
		dcep_key_free(pair);
		raise_unusable(key, path, "The file's key does not belong to the public key on record");
	}
	return pair;
}

/* Writes the file of a new key. */
static void
write_key_file(const DcepSigningKey *key, DcepKeyPair *pair)
{
	char pem[DCEP_PEM_MAX];
	size_t len = dcep_key_to_pem(pair, pem);

	if (len == 0)
		dcep_crypto_raise("write a key");
	dcep_keydir_write(key_path(key), pem, len);
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

/* Puts a public key on record; the triggers of the table tell whom it concerns. */
static void
insert_signing_key(const DcepSigningKey *key)
{
	Oid types[] = {INT4OID, INT4OID, TEXTOID, BYTEAOID, TIMESTAMPTZOID};
	Datum values[] = {Int32GetDatum(key->institution), Int32GetDatum(key->number),
					  CStringGetTextDatum(dcep_suite_name(key->suite)),
					  dcep_bytes_datum(key->public_key, key->public_len), TimestampTzGetDatum(key->valid_from)};
	DcepCaller caller;

	dcep_access_enter_owner(&caller);
	SPI_connect();
	if (SPI_execute_with_args("INSERT INTO dcep.signing_key (institution, number, suite, public_key, valid_from) "
							  "VALUES ($1, $2, $3, $4, $5)",
							  lengthof(types), types, values, NULL, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not enter a key");
	SPI_finish();
	dcep_access_leave_owner(&caller);
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
