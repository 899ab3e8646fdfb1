/*
 * limits.h: does the central bank's statement allow it?
 */
#ifndef SIGNER_LIMITS_H
#define SIGNER_LIMITS_H

#include "request.h"

/* Is a statement in force for the key of a request? */
extern bool limits_statement(Case *judged);

/* Is the payer of a transfer one of the vaults whose payouts are counted? */
extern bool limits_pays_out(const Quota *quota, const Item *item);

/* Do the limits allow what the request mints and pays out? */
extern bool limits_check(Case *judged);

#endif
