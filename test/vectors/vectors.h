/*
 * vectors.h: the test vectors of docs/format.md, made anew from the code.
 */
#ifndef DCEP_VECTORS_H
#define DCEP_VECTORS_H

#include "opening.h"

/* Reads hexadecimal digits into bytes, returns their number; the test fails on anything else. */
extern size_t vectors_unhex(const char *hex, uint8_t *out);

/* Key pair of a suite with a given private key of 32 bytes, NULL on failure. */
extern DcepKeyPair *vectors_key(int suite, const char *private_hex);

/* The transfer that all examples have in common. */
extern DcepContext vectors_context(void);
/* The payee's coin of that transfer in a batch of seven, signed with an Ed25519 key, and the root of the batch. */
extern bool vectors_batch_coin(DcepKeyPair *key, const DcepOpening *opening, DcepSignedCoin *coin,
							   uint8_t root[DCEP_HASH_LEN]);

/* Adds to the text: anything, and a line of bytes in hexadecimal digits. */
extern void vectors_add(const char *format, ...) __attribute__((format(printf, 1, 2)));
extern void vectors_add_hex(const char *name, const uint8_t *bytes, size_t len);

/* Adds the log: tree, proofs, checkpoint, cosignature, bundles. The transfer is signed with this Ed25519 key. */
extern bool vectors_add_log(const char *private_key);

/* The text that stands in docs/format.md, NULL on failure. */
extern const char *vectors_text(void);

#endif
