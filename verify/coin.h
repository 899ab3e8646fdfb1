/*
 * coin.h: a signed coin as text, and its signature.
 */
#ifndef VERIFY_COIN_H
#define VERIFY_COIN_H

#include "codec.h"
#include "keys.h"

/* Reads a coin's text. NULL, or what is wrong with it. */
extern const char *coin_read(DcepSpan text, DcepSignedCoin *coin);
/* Verifies a coin's signature. NULL, or why not, and the check that it fails. */
extern const char *coin_verify(const Keys *signers, const DcepSignedCoin *coin, const char **check);

#endif
