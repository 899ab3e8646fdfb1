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

/* The text that stands in docs/format.md, NULL on failure. */
extern const char *vectors_text(void);

#endif
