/*
 * crypto.h: hashes, signatures and keys by OpenSSL, and but for token_key.c the only file that calls it.
 *
 * Plain C without PostgreSQL.  Functions that can fail return false (or NULL)
 * and leave the reason for dcep_crypto_error().  OpenSSL's error queue is empty
 * before and after every call.  Private keys live in OpenSSL's memory alone;
 * buffers that held secret bytes are wiped with OPENSSL_cleanse.
 *
 * Not for threads: digest contexts are kept and used again.
 */
#ifndef DCEP_CRYPTO_H
#define DCEP_CRYPTO_H

#include "codec.h"

#define DCEP_PUBLIC_KEY_MAX 65 /* uncompressed point; Ed25519 keys have 32 bytes */
#define DCEP_PEM_MAX 1024

/* A stretch of bytes; hashes take several so that nothing is copied together first. */
typedef struct DcepBytes
{
	const void *data;
	size_t len;
} DcepBytes;

typedef struct DcepKeyPair DcepKeyPair; /* a public key, and perhaps its private half */

typedef enum DcepVerdict
{
	DCEP_SIGNATURE_VALID,
	DCEP_SIGNATURE_INVALID,
	DCEP_SIGNATURE_UNDECIDED /* OpenSSL failed: dcep_crypto_error() says why */
} DcepVerdict;

/* "ed25519", "sm2", "p256", or NULL. */
extern const char *dcep_suite_name(int suite);
/* The suite of a name, or 0. */
extern int dcep_suite_by_name(const char *name);

/* Why the last call failed; empty when it did not. */
extern const char *dcep_crypto_error(void);
/* Leaves a reason for dcep_crypto_error() and returns false: for the modules above, whose callers look there too. */
extern bool dcep_crypto_fail(const char *what);

/* H of the suite (SHA-256; SM3 for SM2) over the concatenation of the pieces. */
extern bool dcep_hash(int suite, const DcepBytes *pieces, int count, uint8_t out[DCEP_HASH_LEN]);

/* Hash functions that an HMAC can be asked for with. */
typedef enum DcepDigest
{
	DCEP_DIGEST_SHA1,
	DCEP_DIGEST_SHA256,
	DCEP_DIGEST_SHA512
} DcepDigest;

#define DCEP_DIGEST_MAX 64 /* bytes of the longest of them */

/* HMAC with one of these; the number of bytes written, 0 on failure. */
extern size_t dcep_hmac_by(DcepDigest digest, const void *key, size_t key_len, const void *data, size_t len,
						   uint8_t out[DCEP_DIGEST_MAX]);
/* HMAC-SHA-256. */
extern bool dcep_hmac(const void *key, size_t key_len, const void *data, size_t len, uint8_t out[DCEP_HASH_LEN]);

/* Random bytes, good enough for secrets. */
extern bool dcep_random(void *out, size_t len);

extern DcepKeyPair *dcep_key_generate(int suite);
extern DcepKeyPair *dcep_key_from_public(int suite, const uint8_t *bytes, size_t len);
/* PKCS#8 PEM without passphrase; the suite is read off the key. */
extern DcepKeyPair *dcep_key_from_pem(const char *pem, size_t len);
/* A public key as SubjectPublicKeyInfo in PEM; the suite is read off the key. */
extern DcepKeyPair *dcep_key_from_public_pem(const char *pem, size_t len);
/* A key pair of an OpenSSL key (EVP_PKEY), which it takes over: for token_key.c. */
extern DcepKeyPair *dcep_key_wrap(void *pkey);
/* A raw public key of which nobody says the suite: its length and its curve tell. */
extern DcepKeyPair *dcep_key_from_raw(const uint8_t *bytes, size_t len);
extern int dcep_key_suite(const DcepKeyPair *key);
extern bool dcep_key_is_private(const DcepKeyPair *key);
/* Writes the raw public key, returns its length. */
extern size_t dcep_key_public(const DcepKeyPair *key, uint8_t out[DCEP_PUBLIC_KEY_MAX]);
/* Writes the private key as PKCS#8 PEM with a NUL; returns its length, 0 on failure. The caller wipes `out`. */
extern size_t dcep_key_to_pem(const DcepKeyPair *key, char out[DCEP_PEM_MAX]);
extern void dcep_key_free(DcepKeyPair *key); /* wipes the private half; NULL is allowed */

/* Ed25519: RFC 8032. P-256 and SM2: raw r||s over the suite's hash of the message (SM2 with the default identifier). */
extern bool dcep_sign(DcepKeyPair *key, const void *message, size_t len, uint8_t signature[DCEP_SIGNATURE_LEN]);
extern DcepVerdict dcep_verify(DcepKeyPair *key, const void *message, size_t len,
							   const uint8_t signature[DCEP_SIGNATURE_LEN]);

/* Turns DER, as other programs write signatures of the curves, into r||s; false when it is not the shortest DER of two such integers. */
extern bool dcep_signature_from_der(const uint8_t *der, size_t len, uint8_t signature[DCEP_SIGNATURE_LEN]);

/*
 * Signs and verifies a hash: the message is a tag, which says what the hash is of
 * so that no signature passes for one of another kind, and the hash.
 */
extern bool dcep_sign_hash(DcepKeyPair *key, const char tag[DCEP_TAG_LEN], const uint8_t hash[DCEP_HASH_LEN],
						   uint8_t signature[DCEP_SIGNATURE_LEN]);
extern DcepVerdict dcep_verify_hash(DcepKeyPair *key, const char tag[DCEP_TAG_LEN], const uint8_t hash[DCEP_HASH_LEN],
									const uint8_t signature[DCEP_SIGNATURE_LEN]);

/* Equal in constant time. */
extern bool dcep_equal(const void *a, const void *b, size_t len);
/* Wipes memory so that no compiler removes it. */
extern void dcep_wipe(void *data, size_t len);

#endif
