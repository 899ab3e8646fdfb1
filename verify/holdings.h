/*
 * holdings.h: what the wallets of each node hold, by messages.
 */
#ifndef VERIFY_HOLDINGS_H
#define VERIFY_HOLDINGS_H

#include "crossings.h"
#include "totals.h"

/*
 * An operator's node: its live coins are what messages of the registry brought less what
 * left and did not come back. The registry: the holdings on record are what messages make
 * them, and with what is under way they are what was issued and not redeemed. Says how much it is.
 */
extern void holdings_verify(const Crossings *crossings, const Totals *totals, const Table *holdings);

#endif
