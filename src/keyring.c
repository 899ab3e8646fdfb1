/*
 * keyring.c: the keys that a backend signs and verifies with.
 *
 * A key pair is kept for the life of the backend under (institution, number)
 * and is used only while the public key on record is the one that it was made
 * from: nobody can slip another key under a number.
 */
#include "keyring.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "errcodes.h"
#include "keyfile.h"
#include "opening.h"

/* A key that is kept. */
typedef struct KeptKey
{
	struct
	{
		int32 institution;
		int32 number;
	} id; /* the hash key */
	int public_len;
	uint8 public_key[DCEP_PUBLIC_KEY_MAX];
	DcepKeyPair *public_pair;
	DcepKeyPair *private_pair; /* NULL until this backend signs with it */
} KeptKey;

/* A signature that is known to be good, by all that it depends on. */
typedef struct KnownSignature
{
	const DcepKeyPair *pair;
	uint8 root[DCEP_HASH_LEN];
	uint8 signature[DCEP_SIGNATURE_LEN];
} KnownSignature;

#define KNOWN_SIGNATURES 4096 /* a power of two; 425 kB a backend that pays */

static HTAB *keys = NULL;
static KnownSignature *known = NULL;

/* OpenSSL failed. */
void
dcep_crypto_raise(const char *what)
{
	ereport(ERROR, (errcode(ERRCODE_SYSTEM_ERROR), errmsg("could not %s", what),
					errdetail("OpenSSL says: %s.", dcep_crypto_error())));
	pg_unreachable();
}

/* Frees the pairs of a key, and with them whatever was known by their addresses. */
static void
drop_pairs(KeptKey *kept)
{
	if (known)
		memset(known, 0, KNOWN_SIGNATURES * sizeof(KnownSignature));
	dcep_key_free(kept->public_pair);
	dcep_key_free(kept->private_pair);
	kept->public_pair = NULL;
	kept->private_pair = NULL;
}

/* At the end of the backend: no private key stays in memory. */
static void
wipe_keys(int code pg_attribute_unused(), Datum arg pg_attribute_unused())
{
	HASH_SEQ_STATUS scan;
	KeptKey *kept;

	hash_seq_init(&scan, keys);
	while ((kept = hash_seq_search(&scan)) != NULL)
		drop_pairs(kept);
}

/* Makes the tables at the first use. */
static void
prepare_tables(void)
{
	HASHCTL control = {.keysize = sizeof(((KeptKey *) 0)->id), .entrysize = sizeof(KeptKey)};

	if (keys)
		return;
	known = MemoryContextAllocZero(TopMemoryContext, KNOWN_SIGNATURES * sizeof(KnownSignature));
	keys = hash_create("dcep keys", 16, &control, HASH_ELEM | HASH_BLOBS);
	on_proc_exit(wipe_keys, (Datum) 0);
}

/* The kept key of a row of dcep.signing_key, with its public pair. */
static KeptKey *
keep_key(const DcepSigningKey *key)
{
	KeptKey *kept;
	bool found;

	prepare_tables();
	kept = hash_search(keys, &(typeof(kept->id)){key->institution, key->number}, HASH_ENTER, &found);
	if (!found)
	{
		kept->public_pair = NULL;
		kept->private_pair = NULL;
		kept->public_len = 0;
	}
	if (kept->public_pair && kept->public_len == key->public_len &&
		memcmp(kept->public_key, key->public_key, key->public_len) == 0)
		return kept;
	drop_pairs(kept);
	kept->public_len = key->public_len;
	memcpy(kept->public_key, key->public_key, key->public_len);
	kept->public_pair = dcep_key_from_public(key->suite, key->public_key, key->public_len);
	if (kept->public_pair == NULL)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("public key on record cannot be used"),
						errdetail("Institution %04d, key %d: %s.", key->institution, key->number, dcep_crypto_error())));
	return kept;
}

/* The youngest key of an institution that is good at a time. */
static const DcepSigningKey *
find_signer(const DcepConfig *config, int institution, TimestampTz at)
{
	const DcepSigningKey *best = NULL;

	for (int i = 0; i < config->key_count; i++)
	{
		const DcepSigningKey *key = &config->key[i];

		if (key->institution == institution && key->valid_from <= at && at < key->valid_until &&
			(best == NULL || key->number > best->number))
			best = key;
	}
	return best;
}

/* The key that an institution signs with. */
const DcepSigningKey *
dcep_keyring_signer(const DcepConfig *config, int institution, TimestampTz at, DcepKeyPair **pair)
{
	const DcepSigningKey *key = find_signer(config, institution, at);
	KeptKey *kept;

	if (key == NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("institution %04d has no valid signing key", institution),
						errhint("Make one with SELECT dcep.generate_key(%d, 'ed25519').", institution)));
	kept = keep_key(key);
	if (kept->private_pair == NULL)
		kept->private_pair = dcep_keyfile_read(key);
	*pair = kept->private_pair;
	return key;
}

/* The public key of a signature, if it may be trusted. */
bool
dcep_keyring_verifier(const DcepConfig *config, int institution, int number, TimestampTz at, DcepKeyPair **pair,
					  DcepRefusal *refusal)
{
	const DcepSigningKey *key = dcep_config_key(config, institution, number);

	if (key == NULL)
	{
		dcep_refuse(refusal, ERRCODE_DCEP_KEY_UNKNOWN, "signing key is not known to this ledger");
		return dcep_refusal_detail(refusal, "Institution %04d, key %d.", institution, number);
	}
	if (at < key->valid_from || at >= key->valid_until)
	{
		dcep_refuse(refusal, ERRCODE_DCEP_KEY_REVOKED, "signing key was revoked or not valid when this was signed");
		return dcep_refusal_detail(refusal, "Institution %04d, key %d, signed at %s.", institution, number,
								   timestamptz_to_str(at));
	}
	*pair = keep_key(key)->public_pair;
	return true;
}

/* The place of a root among the known signatures. */
static KnownSignature *
known_place(const uint8 *root)
{
	return &known[dcep_get_u32(root) & (KNOWN_SIGNATURES - 1)];
}

/* Remembers a signature that is good. */
static void
remember_signature(const DcepKeyPair *pair, const uint8 *root, const uint8 *signature)
{
	KnownSignature *place = known_place(root);

	place->pair = pair;
	memcpy(place->root, root, DCEP_HASH_LEN);
	memcpy(place->signature, signature, DCEP_SIGNATURE_LEN);
}

/* Verifies a signature, unless the very same one was verified before. */
DcepVerdict
dcep_keyring_verify_root(DcepKeyPair *pair, const uint8 root[DCEP_HASH_LEN], const uint8 signature[DCEP_SIGNATURE_LEN])
{
	const KnownSignature *place = known_place(root);
	DcepVerdict verdict;

	if (place->pair == pair && memcmp(place->root, root, DCEP_HASH_LEN) == 0 &&
		memcmp(place->signature, signature, DCEP_SIGNATURE_LEN) == 0)
		return DCEP_SIGNATURE_VALID;
	verdict = dcep_root_verify(pair, root, signature);
	if (verdict == DCEP_SIGNATURE_UNDECIDED)
		dcep_crypto_raise("verify a signature");
	if (verdict == DCEP_SIGNATURE_VALID)
		remember_signature(pair, root, signature);
	return verdict;
}

/* Signs a root. */
void
dcep_keyring_sign_root(DcepKeyPair *pair, const uint8 root[DCEP_HASH_LEN], uint8 signature[DCEP_SIGNATURE_LEN])
{
	if (!dcep_root_sign(pair, root, signature))
		dcep_crypto_raise("sign a transfer");
}
