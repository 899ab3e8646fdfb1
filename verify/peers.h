/*
 * peers.h: what another node has exported, compared with the journal.
 */
#ifndef VERIFY_PEERS_H
#define VERIFY_PEERS_H

#include "crossings.h"
#include "options.h"
#include "totals.h"

/*
 * Verifies that both nodes have the same messages between them, and that what the registry
 * has on record of the operator's holding is what its wallets hold, for every folder of
 * the options.
 */
extern void peers_verify(const Crossings *crossings, const Totals *totals, const Table *holdings,
						 const Options *options);

#endif
