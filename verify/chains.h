/*
 * chains.h: the hash chains of payers.
 */
#ifndef VERIFY_CHAINS_H
#define VERIFY_CHAINS_H

#include "ledger.h"

/* Walks the chains, and compares their ends with those on record, where the export has these. */
extern void chains_verify(Ledger *ledger);

#endif
