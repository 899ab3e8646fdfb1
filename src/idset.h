/*
 * idset.h: a set of transfer ids, a bit each; and tables by ids, for what needs more than a bit.
 *
 * Ids are dense, so the set is a table of pages that are allocated when first
 * used: a ledger of ten million transfers takes 1.3 MB, and an id that somebody
 * made up takes one page.
 */
#ifndef DCEP_IDSET_H
#define DCEP_IDSET_H

#include "postgres.h"

#include "utils/hsearch.h"

typedef struct DcepIdSet DcepIdSet;

/* An empty set in the current memory context. */
extern DcepIdSet *dcep_idset_create(void);
/* Adds an id; returns false where it was there already. */
extern bool dcep_idset_add(DcepIdSet *set, int64 id);
extern bool dcep_idset_has(const DcepIdSet *set, int64 id);
/* Is every id of the one in the other? */
extern bool dcep_idset_covers(const DcepIdSet *set, const DcepIdSet *other);

/* A hash table by bigint, which an entry begins with, in the current memory context. */
extern HTAB *dcep_idtable_create(const char *name, Size entry_size);

#endif
