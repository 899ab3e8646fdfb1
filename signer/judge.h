/*
 * judge.h: what is signed, and what is refused.
 *
 * A transfer is signed if it consumes coins of its payer that a known key has
 * signed and that are worth what it mints (cover.h), or if the registry's message
 * asks for it (delivery.h); what is not covered so counts against the central
 * bank's quota, as an issue does.  The signer computes every hash
 * itself from what it is shown.
 */
#ifndef SIGNER_JUDGE_H
#define SIGNER_JUDGE_H

#include "store.h"
#include "wire.h"

/* Answers a request. What it has signed is in the log by then, but may not be written: the answer must wait for that. */
extern void judge_request(Store *store, int type, DcepReader request, Buffer *answer);

#endif
