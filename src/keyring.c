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

static HTAB *keys = NULL;

/* Frees what is kept of a key. */
static void
drop_pairs(DcepKeptKey *kept)
{
	dcep_key_free(kept->public_pair);
	dcep_signer_free(kept->signer);
	kept->public_pair = NULL;
	kept->signer = NULL;
}

/* At the end of the backend: no private key stays in memory. */
static void
wipe_keys(int code pg_attribute_unused(), Datum arg pg_attribute_unused())
{
	HASH_SEQ_STATUS scan;
	DcepKeptKey *kept;

	hash_seq_init(&scan, keys);
	while ((kept = hash_seq_search(&scan)) != NULL)
		drop_pairs(kept);
}

/* Makes the table at the first use. */
static void
prepare_table(void)
{
	HASHCTL control = {.keysize = sizeof(((DcepKeptKey *) 0)->id), .entrysize = sizeof(DcepKeptKey)};

	if (keys)
		return;
	keys = hash_create("dcep keys", 16, &control, HASH_ELEM | HASH_BLOBS);
	on_proc_exit(wipe_keys, (Datum) 0);
}

/* The kept key of a row of dcep.signing_key, with its public pair. */
static DcepKeptKey *
keep_key(const DcepSigningKey *key)
{
	DcepKeptKey *kept;
	bool found;

	prepare_table();
	kept = hash_search(keys, &(typeof(kept->id)){key->institution, key->number}, HASH_ENTER, &found);
	if (!found)
	{
		kept->public_pair = NULL;
		kept->signer = NULL;
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
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED), errmsg("public key on record cannot be used"),
				 errdetail("Institution %04d, key %d: %s.", key->institution, key->number, dcep_crypto_error())));
	return kept;
}

/* The youngest key of an institution that is good at a time. */
const DcepSigningKey *
dcep_keyring_find(const DcepConfig *config, int institution, TimestampTz at)
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

/* A key on record, its signer ready. */
DcepKeptKey *
dcep_keyring_own(const DcepSigningKey *key)
{
	DcepKeptKey *kept = keep_key(key);

	if (kept->signer == NULL)
		kept->signer = dcep_keyfile_read(key);
	return kept;
}

/* The key that an institution signs with. */
const DcepSigningKey *
dcep_keyring_signer(const DcepConfig *config, int institution, TimestampTz at, DcepKeptKey **kept)
{
	const DcepSigningKey *key = dcep_keyring_find(config, institution, at);

	if (key == NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("institution %04d has no valid signing key", institution),
						errhint("Make one with SELECT dcep.generate_key(%d, 'ed25519').", institution)));
	*kept = dcep_keyring_own(key);
	return key;
}

/* The public key of a signature, if it may be trusted. */
DcepKeptKey *
dcep_keyring_verifier(const DcepConfig *config, int institution, int number, TimestampTz at, DcepRefusal *refusal)
{
	const DcepSigningKey *key = dcep_config_key(config, institution, number);

	/* The key may have been made, and have signed this, since the copy was read. */
	if (key == NULL)
		key = dcep_config_key_on_record(institution, number);
	if (key == NULL)
	{
		dcep_refuse(refusal, ERRCODE_DCEP_KEY_UNKNOWN, "signing key is not known to this ledger");
		dcep_refusal_detail(refusal, "Institution %04d, key %d.", institution, number);
		return NULL;
	}
	if (at < key->valid_from || at >= key->valid_until)
	{
		dcep_refuse(refusal, ERRCODE_DCEP_KEY_REVOKED, "signing key was revoked or not valid when this was signed");
		dcep_refusal_detail(refusal, "Institution %04d, key %d, signed at %s.", institution, number,
							timestamptz_to_str(at));
		return NULL;
	}
	return keep_key(key);
}

/* Is this a good signature over a root? */
bool
dcep_keyring_verify_root(DcepKeptKey *kept, const uint8 root[DCEP_HASH_LEN], const uint8 signature[DCEP_SIGNATURE_LEN])
{
	DcepVerdict verdict = dcep_root_verify(kept->public_pair, root, signature);

	if (verdict == DCEP_SIGNATURE_UNDECIDED)
		dcep_crypto_raise("verify a signature");
	return verdict == DCEP_SIGNATURE_VALID;
}
