/*
 * keyring.h: the keys that a backend signs and verifies with.
 *
 * Public keys come from dcep.signing_key.  Who signs with a private key (signer.h)
 * is read once a backend from the key's file in the key directory, and kept
 * until the backend ends.
 */
#ifndef DCEP_KEYRING_H
#define DCEP_KEYRING_H

#include "postgres.h"

#include "config.h"
#include "crypto.h"
#include "refusal.h"
#include "signer.h"

/* A key that a backend has made ready. */
typedef struct DcepKeptKey
{
	struct
	{
		int32 institution;
		int32 number;
	} id; /* the hash key */
	int public_len;
	uint8 public_key[DCEP_PUBLIC_KEY_MAX];
	DcepKeyPair *public_pair;
	DcepSigner *signer; /* NULL until this backend signs with it */
} DcepKeptKey;

/* The key that an institution signs with at a time, or NULL. */
extern const DcepSigningKey *dcep_keyring_find(const DcepConfig *config, int institution, TimestampTz at);

/*
 * The same with its signer ready; an
 * error (55000) where it has none or its file cannot be used.
 */
extern const DcepSigningKey *dcep_keyring_signer(const DcepConfig *config, int institution, TimestampTz at,
												 DcepKeptKey **kept);

/* A key on record, its signer ready; an error (55000) where its file cannot be used. */
extern DcepKeptKey *dcep_keyring_own(const DcepSigningKey *key);

/*
 * The public key of a signature made at this time, if it may be trusted;
 * else NULL and a refusal (LG102, LG103).
 */
extern DcepKeptKey *dcep_keyring_verifier(const DcepConfig *config, int institution, int number, TimestampTz at,
										  DcepRefusal *refusal);

/* Is this a good signature over a root? */
extern bool dcep_keyring_verify_root(DcepKeptKey *kept, const uint8 root[DCEP_HASH_LEN],
									 const uint8 signature[DCEP_SIGNATURE_LEN]);

#endif
