/*
 * spends.h: what became of each coin.
 */
#ifndef VERIFY_SPENDS_H
#define VERIFY_SPENDS_H

#include "totals.h"

/* Verifies that each coin was minted, and is live or was consumed once; and that transfers add up. Counts what lives. */
extern void spends_verify(Ledger *ledger, Totals *totals);

#endif
