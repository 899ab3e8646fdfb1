/*
 * crossing.h: payments between wallets of two nodes.
 *
 * The payer's node consumes the payer's coins and mints one for a wallet that it
 * does not keep: the coin is signed and hashed like any, but goes into a message
 * instead of dcep.coin.  The payee's node enters the same payment in its own
 * journal once the message has come, and mints the payee's coin there.
 */
#ifndef DCEP_CROSSING_H
#define DCEP_CROSSING_H

#include "signer.h"

/*
 * Does the INSERT that is about to begin enter what another node has paid? The registry's message that asks for it, on
 * an operator's node, is for as long as the INSERT; NULL on the registry's own.
 */
extern bool dcep_delivery_take(const DcepAsked **asked);

/* Sends payments that have left on their way; at the end of the statement that made them. */
extern void dcep_crossing_send(const int64 *transfers, int count);

#endif
