/*
 * record.h: signs records of an institution's chains: acts, messages to other nodes, reserve entries.
 *
 * They are no money. But a message that tells others of a new key of the institution has them
 * take whatever that key signs: it is signed where the key is held here, or where the central
 * bank's statement trusts it.
 */
#ifndef SIGNER_RECORD_H
#define SIGNER_RECORD_H

#include "request.h"

extern void record_judge(Case *judged, DcepReader *request);

#endif
