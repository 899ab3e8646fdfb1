/*
 * transfers.h: each transfer by itself: its hash, its signatures.
 */
#ifndef VERIFY_TRANSFERS_H
#define VERIFY_TRANSFERS_H

#include "ledger.h"

/* Reads and verifies all transfers, and leaves the records and their orders. The batches have been read. */
extern void transfers_verify(Ledger *ledger);

#endif
