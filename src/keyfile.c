/*
 * keyfile.c: private keys as files.
 */
#include "keyfile.h"

#include <sys/stat.h>

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/string.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "access.h"
#include "argument.h"
#include "keydir.h"
#include "refusal.h"
#include "remote.h"
#include "table.h"
#include "token_key.h"

PG_FUNCTION_INFO_V1(dcep_generate_key);

#define LINE_MAX_LEN 1023 /* of a pkcs11: URI, or the path of a socket */

/* What the kinds are called in SQL, and how their files end. */
static const struct
{
	const char *name;
	const char *ending;
} kinds[] = {[DCEP_SIGNER_FILE] = {"file", "pem"},
			 [DCEP_SIGNER_PKCS11] = {"pkcs11", "p11"},
			 [DCEP_SIGNER_PROCESS] = {"process", "socket"}};

/* Path of the file of a key, palloc'd. */
static char *
key_path(const DcepSigningKey *key, DcepSignerKind kind)
{
	DcepBytes piece = {key->public_key, (size_t) key->public_len};
	uint8 digest[DCEP_HASH_LEN];

	if (!dcep_hash(DCEP_SUITE_ED25519, &piece, 1, digest))
		dcep_crypto_raise("name a key file");
	return dcep_keydir_path(
		key->institution == DCEP_KEYS_OF_WITNESS
			? psprintf("witness-%d-%s.%s", key->number, dcep_keydir_digits(digest), kinds[kind].ending)
			: psprintf("%04d-%d-%s.%s", key->institution, key->number, dcep_keydir_digits(digest), kinds[kind].ending));
}

/* Path of the file that keys of a kind get a copy of. */
static char *
pattern_path(int institution, DcepSignerKind kind)
{
	return dcep_keydir_path(psprintf("%04d.%s", institution, kinds[kind].ending));
}

/* Refuses to go on without a usable private key. */
static _Noreturn void
raise_unusable(const DcepSigningKey *key, const char *path, const char *why)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 key->institution == DCEP_KEYS_OF_LOG ? errmsg("private key %d of the log cannot be used", key->number)
			 : key->institution == DCEP_KEYS_OF_WITNESS
				 ? errmsg("private key %d of the witness cannot be used", key->number)
				 : errmsg("private key %d of institution %04d cannot be used", key->number, key->institution),
			 errdetail_log("File \"%s\": %s.", path, why), errdetail("%s.", why),
			 errhint("The server needs the key's %s file in dcep.key_directory, a regular file owned by the server's "
					 "user with mode 0600. Without it nothing can be signed; reading and verifying go on.",
					 pg_str_endswith(path, ".pem") ? "PEM" : strrchr(path, '.'))));
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

/* Reads a private key out of its file. */
static DcepKeyPair *
read_pem(const DcepSigningKey *key, const char *path)
{
	char pem[DCEP_PEM_MAX];
	const char *why;
	ssize_t len = dcep_keydir_read(path, pem, sizeof(pem), &why);
	DcepKeyPair *pair = len > 0 ? dcep_key_from_pem(pem, (size_t) len) : NULL;

	dcep_wipe(pem, sizeof(pem));
	if (len < 0)
		raise_unusable(key, path, why);
	if (pair == NULL)
		raise_unusable(key, path, "The file holds no private key in PEM form without a passphrase");
	return pair;
}

/* Reads a file of one line, palloc'd. */
static char *
read_line(const DcepSigningKey *key, const char *path)
{
	char line[LINE_MAX_LEN + 1];
	const char *why;
	ssize_t len = dcep_keydir_read(path, line, sizeof(line), &why);

	if (len < 0)
		raise_unusable(key, path, why);
	if (len > 0 && line[len - 1] == '\n')
		len--;
	if (len == 0 || len > LINE_MAX_LEN || memchr(line, '\n', (size_t) len) || memchr(line, '\0', (size_t) len))
		raise_unusable(key, path, "The file does not hold one line");
	return pnstrdup(line, (size_t) len);
}

/* Opens the key of a token. The URI names a file with the PIN, which nobody else may read either. */
static DcepKeyPair *
open_token(const DcepSigningKey *key, const char *path)
{
	char *uri = read_line(key, path);
	char pin_path[DCEP_TOKEN_KEY_PATH_MAX];
	char pin[DCEP_TOKEN_KEY_PIN_MAX] = "";
	const char *why = NULL;
	DcepKeyPair *pair;

	if (!dcep_token_key_pin_path(uri, pin_path))
		raise_unusable(key, path, dcep_crypto_error());
	if (pin_path[0] != '\0')
	{
		ssize_t len = dcep_keydir_read(pin_path, pin, sizeof(pin) - 1, &why);

		if (len < 0)
			raise_unusable(key, path, psprintf("PIN: %s", why));
		pin[len] = '\0';
		pin[strcspn(pin, "\r\n")] = '\0';
	}
	pair = dcep_token_key_open(uri, pin);
	dcep_wipe(pin, sizeof(pin));
	if (pair == NULL)
		raise_unusable(key, path, psprintf("The token does not give the key: %s", dcep_crypto_error()));
	return pair;
}

/* The kind of a key, by the file that it has. */
bool
dcep_keyfile_kind(const DcepSigningKey *key, DcepSignerKind *kind)
{
	struct stat status;

	for (*kind = DCEP_SIGNER_FILE; *kind <= DCEP_SIGNER_PROCESS; (*kind)++)
		if (lstat(key_path(key, *kind), &status) == 0 || errno != ENOENT)
			return true;
	*kind = DCEP_SIGNER_FILE;
	return false;
}

/* What a kind is called in SQL. */
const char *
dcep_keyfile_kind_name(DcepSignerKind kind)
{
	return kinds[kind].name;
}

/* A signer that is not ready yet. */
static DcepSigner *
make_signer(const DcepSigningKey *key, DcepSignerKind kind)
{
	DcepSigner *signer = calloc(1, sizeof(DcepSigner));

	if (signer == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	signer->kind = kind;
	signer->public_len = key->public_len;
	memcpy(signer->public_key, key->public_key, (size_t) key->public_len);
	return signer;
}

/* What signs with a key. */
DcepSigner *
dcep_keyfile_read(const DcepSigningKey *key)
{
	DcepSignerKind kind;
	char *path;
	DcepKeyPair *pair = NULL;
	char *socket = NULL;
	DcepSigner *signer;

	(void) dcep_keyfile_kind(key, &kind);
	path = key_path(key, kind);
	if (kind == DCEP_SIGNER_PROCESS)
		socket = read_line(key, path);
	else
		pair = kind == DCEP_SIGNER_FILE ? read_pem(key, path) : open_token(key, path);
	if (pair && !is_private_half(pair, key))
	{
		dcep_key_free(pair);
		raise_unusable(key, path, "The file's key does not belong to the public key on record");
	}
	signer = make_signer(key, kind);
	signer->pair = pair;
	signer->socket = socket ? strdup(socket) : NULL;
	return signer;
}

/* --- making keys ------------------------------------------------------------------ */

/* Writes the file of a new key pair. */
static void
write_pem(const DcepSigningKey *key, DcepKeyPair *pair)
{
	char pem[DCEP_PEM_MAX];
	size_t len = dcep_key_to_pem(pair, pem);

	if (len == 0)
		dcep_crypto_raise("write a key");
	dcep_keydir_write(key_path(key, DCEP_SIGNER_FILE), pem, len);
}

/* Makes a key pair and its file. */
static void
create_pem(DcepSigningKey *key)
{
	DcepKeyPair *pair = dcep_key_generate(key->suite);

	if (pair == NULL)
		dcep_crypto_raise("generate a key");
	key->public_len = (int) dcep_key_public(pair, key->public_key);
	PG_TRY();
	{
		write_pem(key, pair);
	}
	PG_FINALLY();
	{
		dcep_key_free(pair);
	}
	PG_END_TRY();
}

/* Takes over the key of a token: what it is, is read off it. */
static void
adopt_token(DcepSigningKey *key, const char *pattern)
{
	DcepKeyPair *pair = open_token(key, pattern);
	int suite = dcep_key_suite(pair);

	key->public_len = (int) dcep_key_public(pair, key->public_key);
	dcep_key_free(pair);
	if (suite != key->suite)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("the token's key is not of suite %s", dcep_suite_name(key->suite)),
						errdetail("It is of suite %s.", suite ? dcep_suite_name(suite) : "unknown")));
}

/* Makes a key. */
void
dcep_keyfile_create(DcepSigningKey *key, DcepSignerKind kind)
{
	char *pattern;
	char *line;

	if (kind == DCEP_SIGNER_FILE)
	{
		create_pem(key);
		return;
	}
	pattern = pattern_path(key->institution, kind);
	line = read_line(key, pattern);
	if (kind == DCEP_SIGNER_PKCS11)
		adopt_token(key, pattern);
	else
		dcep_remote_make_key(line, key);
	dcep_keydir_write(key_path(key, kind), line, strlen(line));
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

/* The kind of a name; an error where there is none. */
static DcepSignerKind
kind_by_name(const char *name)
{
	for (DcepSignerKind kind = DCEP_SIGNER_FILE; kind <= DCEP_SIGNER_PROCESS; kind++)
		if (strcmp(name, kinds[kind].name) == 0)
			return kind;
	ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("kind of key \"%s\" does not exist", name),
					errhint("The kinds are file, pkcs11 and process.")));
}

/* dcep.generate_key(code, suite, kind) → key number */
Datum
dcep_generate_key(PG_FUNCTION_ARGS)
{
	DcepSigningKey key = {0};
	DcepSignerKind kind;
	int code;
	char *suite;

	dcep_require_arguments(fcinfo, 0, 2, "institution and suite");
	dcep_require_arguments(fcinfo, 2, 1, "kind of key");
	PreventCommandIfReadOnly("dcep.generate_key()");
	code = PG_GETARG_INT32(0);
	suite = text_to_cstring(PG_GETARG_TEXT_PP(1));
	kind = kind_by_name(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	check_key_request(dcep_config_required(), code, suite);
	/* Two at once must not take the same number. */
	LockRelationOid(dcep_relation_oid(DCEP_SIGNING_KEY), ShareRowExclusiveLock);
	key.institution = code;
	key.suite = dcep_suite_by_name(suite);
	key.number = next_number(dcep_config_required(), code);
	key.valid_from = GetCurrentTimestamp();
	dcep_keyfile_create(&key, kind);
	insert_signing_key(&key);
	PG_RETURN_INT32(key.number);
}
