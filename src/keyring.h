/*
 * keyring.h: the keys that a backend signs and verifies with.
 *
 * Public keys come from dcep.signing_key.  A private key is read once a
 * backend from its file in the key directory and stays inside OpenSSL until
 * the backend ends.
 */
#ifndef DCEP_KEYRING_H
#define DCEP_KEYRING_H

#include "postgres.h"

#include "config.h"
#include "crypto.h"
#include "refusal.h"

/* The setting dcep.key_directory. */
extern char *dcep_key_directory;

/* The key that an institution signs with at a time; an error (55000) where it has none or its file cannot be used. */
extern const DcepSigningKey *dcep_keyring_signer(const DcepConfig *config, int institution, TimestampTz at,
												 DcepKeyPair **pair);

/*
 * May a signature of this key made at this time be trusted, and what is its
 * public key? A refusal (LG102, LG103) where not.
 */
extern bool dcep_keyring_verifier(const DcepConfig *config, int institution, int number, TimestampTz at,
								  DcepKeyPair **pair, DcepRefusal *refusal);

/*
 * Verifies a signature over a root (opening.h). Signatures that this backend
 * made or verified before are remembered by their full content, so that only
 * bytes that differ cost a computation again.
 */
extern DcepVerdict dcep_keyring_verify_root(DcepKeyPair *pair, const uint8 root[DCEP_HASH_LEN],
											const uint8 signature[DCEP_SIGNATURE_LEN]);
extern void dcep_keyring_sign_root(DcepKeyPair *pair, const uint8 root[DCEP_HASH_LEN],
								   uint8 signature[DCEP_SIGNATURE_LEN]);

/* OpenSSL failed: says so (58000). */
extern _Noreturn void dcep_crypto_raise(const char *what);

#endif
