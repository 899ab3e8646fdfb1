/*
 * cover.h: are transfers covered by what they consume?
 *
 * A transfer may be signed if it consumes coins of its payer that a known key has signed and
 * that are worth what it mints. What had been consumed before counts against the quota.
 */
#ifndef SIGNER_COVER_H
#define SIGNER_COVER_H

#include "request.h"

/* The transfers of a request, and the coins that are shown beside them; false, refused, where they are none. */
extern bool cover_take_transfers(Case *judged, DcepReader *request);
extern bool cover_take_coins(Case *judged, DcepReader *request);

/* Are a transfer's numbers such as a ledger writes, and its time about ours? */
extern bool cover_check_numbers(Case *judged, const Item *item, int64_t last_id);

/* Is every transfer of the request one that may be signed, but for the quota? */
extern bool cover_check(Case *judged);

/* A transfer, by its number in the log, consumes and mints; finds what counts against the quota. */
extern void cover_move(Case *judged, Item *item, uint64_t serial);

#endif
