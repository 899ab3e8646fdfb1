/*
 * reserves.h: the chains of the operators' reserve accounts.
 */
#ifndef VERIFY_RESERVES_H
#define VERIFY_RESERVES_H

#include "totals.h"

/* Verifies all entries, their chains, and that each issue and redemption has its entry. Adds up what was debited. */
extern void reserves_verify(Ledger *ledger, Totals *totals);

#endif
