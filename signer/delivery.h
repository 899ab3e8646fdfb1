/*
 * delivery.h: signs what another node has paid.
 *
 * Such a payment mints here and consumes nothing here. What covers it is the registry's signed
 * message that asks for exactly this payment: a credit, or the return of a payment that came
 * back. A message mints once: asked for again, what it has minted before is made void with all
 * that followed from it, and what of that has left counts against the quota.
 */
#ifndef SIGNER_DELIVERY_H
#define SIGNER_DELIVERY_H

#include "request.h"

extern void delivery_judge(Case *judged, DcepReader *request);

#endif
