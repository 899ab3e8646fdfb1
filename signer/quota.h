/*
 * quota.h: the central bank's signed statement of what an institution may mint and pay out.
 *
 * A text of lines (docs/format.md, "Quota statements"), the last of which is its
 * signature.  Whoever can read it can check it; only the key of the authority can
 * make it.
 */
#ifndef SIGNER_QUOTA_H
#define SIGNER_QUOTA_H

#include "crypto.h"

#include "buffer.h"

#define QUOTA_MAX 65536 /* bytes of a statement */
#define QUOTA_VAULTS_MAX 64
#define QUOTA_TRUSTED_MAX 256
#define QUOTA_REGISTRY_MAX 16
#define QUOTA_NO_LIMIT INT64_MAX

/* A key of another signer: one whose coins are taken, or one that the registry signs messages with. */
typedef struct TrustedKey
{
	int institution;
	uint32_t number;
	DcepKeyPair *pair;
} TrustedKey;

typedef struct Quota
{
	int64_t number; /* counts the statements; 0 where there is none */
	uint8_t hash[DCEP_HASH_LEN];
	int institution;
	char currency[DCEP_CURRENCY_LEN];
	int exponent;
	size_t key_len; /* of the one key that it is for; 0 where it is for all of the institution's */
	uint8_t key[DCEP_PUBLIC_KEY_MAX];
	int64_t valid_from; /* microseconds since 1970 */
	int64_t valid_until;
	int64_t period; /* microseconds that the limits are for; 0 where they are for ever */
	int64_t mint;
	int64_t payout;
	int vault_count;
	int64_t vault[QUOTA_VAULTS_MAX];
	int trusted_count;
	TrustedKey trusted[QUOTA_TRUSTED_MAX];
	int registry_count; /* 0 where the institution has no node of its own */
	TrustedKey registry[QUOTA_REGISTRY_MAX];
} Quota;

/* Reads a statement and verifies its signature. NULL, or what is wrong with it. */
extern const char *quota_read(const char *text, size_t len, DcepKeyPair *authority, Quota *quota);

/* Signs a text: appends the line with its signature, once the text has been read. NULL, or what is wrong. */
extern const char *quota_sign(Buffer *text, DcepKeyPair *authority);

/* Does the statement name this wallet as a vault? */
extern bool quota_has_vault(const Quota *quota, int64_t wallet);

/* Gives back the keys of a statement. */
extern void quota_free(Quota *quota);

#endif
