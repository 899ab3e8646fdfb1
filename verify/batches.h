/*
 * batches.h: signatures over many transfers.
 */
#ifndef VERIFY_BATCHES_H
#define VERIFY_BATCHES_H

#include "ledger.h"

/* Reads all batches and verifies their signatures. */
extern void batches_verify(Ledger *ledger);
/* What keeps a transfer's hash from being under its batch's signature; NULL where nothing does. */
extern const char *batches_claim(const Ledger *ledger, const Transfer *transfer);
/* Once all transfers have been read: has every leaf its transfer? */
extern void batches_close(const Ledger *ledger);

#endif
