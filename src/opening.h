/*
 * opening.h: how a coin opens to the one signature of its transfer.
 *
 * A transfer is signed once, over a hash of its two coins and its context.
 * A coin carries the other two hashes, so that it verifies alone.
 *
 *   coin_hash     = H(0x00 || coin bytes 0..59)      absent coin: H(0x00)
 *   context_hash  = H(0x01 || context)
 *   transfer_hash = H(0x02 || coin_hash(payee's) || coin_hash(change) || context_hash)
 *   blinding      = first 16 bytes of H(0x03 || coin id mod 2 || context)
 *   node          = H(0x04 || left || right)         the tree over a signed batch
 *
 * Plain C on top of codec and crypto.  The functions fail only where OpenSSL
 * does; dcep_crypto_error() then says why.
 */
#ifndef DCEP_OPENING_H
#define DCEP_OPENING_H

#include "crypto.h"

/* What all coins of a transfer have in common. */
typedef struct DcepMint
{
	int suite;
	int issuer;
	uint32_t key_number;
	char currency[DCEP_CURRENCY_LEN];
	int exponent;
} DcepMint;

/* Which of the two coins; also the lowest bit of the coin's id. */
#define DCEP_COIN_PAYEE 0
#define DCEP_COIN_CHANGE 1

/* A transfer's hashes, and what its coins need beside them. */
typedef struct DcepOpening
{
	DcepCoin coin[2]; /* amount 0: no such coin */
	uint8_t coin_hash[2][DCEP_HASH_LEN];
	uint8_t context_hash[DCEP_HASH_LEN];
	uint8_t transfer_hash[DCEP_HASH_LEN];
} DcepOpening;

/*
 * Computes the opening of a transfer. The payee's coin is `context->amount` to
 * `context->payee`, unless `burns` (a redemption mints nothing for the payee);
 * the change coin is `change` to `context->payer`, absent when 0.
 */
extern bool dcep_opening_compute(const DcepMint *mint, const DcepContext *context, int64_t change, bool burns,
								 DcepOpening *opening);

/* Puts together one coin of an opening, signed alone. */
extern void dcep_opening_coin(const DcepOpening *opening, int which, const uint8_t signature[DCEP_SIGNATURE_LEN],
							  DcepSignedCoin *coin);

/* transfer_hash and batch root of a signed coin, from its own bytes. */
extern bool dcep_signed_coin_transfer_hash(const DcepSignedCoin *coin, uint8_t out[DCEP_HASH_LEN]);
extern bool dcep_signed_coin_root(const DcepSignedCoin *coin, uint8_t out[DCEP_HASH_LEN]);

/* From a transfer_hash to the root of its batch, by the suite, the place and the path that a coin of it has. */
extern bool dcep_batch_climb(const DcepSignedCoin *place, uint8_t hash[DCEP_HASH_LEN]);

/* Root of a batch of transfer_hashes (RFC 9162 shape, the hashes themselves as leaves); count > 0. */
extern bool dcep_batch_root(int suite, const uint8_t (*leaves)[DCEP_HASH_LEN], uint32_t count,
							uint8_t out[DCEP_HASH_LEN]);
/* Inclusion path of one leaf; `path` holds dcep_path_length(index, count) hashes. */
extern bool dcep_batch_path(int suite, const uint8_t (*leaves)[DCEP_HASH_LEN], uint32_t count, uint32_t index,
							uint8_t (*path)[DCEP_HASH_LEN]);

/* Signs, or verifies, the 16 bytes "dcep transfer v1" and a root. */
extern bool dcep_root_sign(DcepKeyPair *key, const uint8_t root[DCEP_HASH_LEN], uint8_t signature[DCEP_SIGNATURE_LEN]);
extern DcepVerdict dcep_root_verify(DcepKeyPair *key, const uint8_t root[DCEP_HASH_LEN],
									const uint8_t signature[DCEP_SIGNATURE_LEN]);

#endif
