/*
 * consolidate.h: many coins of a wallet exchanged for one.
 *
 * dcep.consolidate() and dcep.consolidate_all() run ordinary INSERTs into
 * dcep.transfer, of kind consolidate, and hang beside each how it is to be done.
 */
#ifndef DCEP_CONSOLIDATE_H
#define DCEP_CONSOLIDATE_H

#include "statement.h"

/* How the consolidations of the INSERT that is about to begin are done; the statement takes it over. */
extern DcepConsolidation dcep_consolidation_take(void);

/* Says why a wallet was passed over. */
extern void dcep_consolidation_warn(const DcepRefusal *refusal);

#endif
