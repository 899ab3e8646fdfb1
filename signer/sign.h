/*
 * sign.h: signs transfers that may be signed, and writes them into the log.
 */
#ifndef SIGNER_SIGN_H
#define SIGNER_SIGN_H

#include "request.h"

/* Signs the transfers of a request, if the quota allows it; else nothing of it has happened. */
extern bool sign_items(Case *judged);

#endif
