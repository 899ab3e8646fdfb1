/*
 * allowance.h: does the central bank's statement allow it?
 */
#ifndef SIGNER_ALLOWANCE_H
#define SIGNER_ALLOWANCE_H

#include "request.h"

/* Is a statement in force for the key of a request? */
extern bool allowance_statement(Case *judged);

/* Is the payer of a transfer one of the vaults whose payouts are counted? */
extern bool allowance_pays_out(const Quota *quota, const Item *item);

/* Do the limits allow what the request mints and pays out? */
extern bool allowance_check(Case *judged);

#endif
