/*
 * seek.h: the places of rows under a number in a B-tree, without a scan.
 *
 * A scan is made for many rows and any condition: beginning one, aiming it and
 * ending it costs three times what the descent through the tree does.  A payment
 * looks four rows up by a wallet number or a transfer id.
 */
#ifndef DCEP_SEEK_H
#define DCEP_SEEK_H

#include "postgres.h"

#include "storage/itemptr.h"
#include "utils/rel.h"

#define DCEP_PLACES_MAX 16

typedef struct DcepPlaces
{
	int count;
	ItemPointerData tid[DCEP_PLACES_MAX];
} DcepPlaces;

/*
 * Finds where the rows are whose first column in the index, a bigint or a wallet
 * number that is never null, is `number`. False where the ordinary way must be
 * taken: the index is not what is known here, or has too many versions of the row.
 *
 * The places are good for a snapshot that was registered before: rows that it
 * sees are not removed. No predicate lock is taken, so that serializable
 * transactions go the ordinary way.
 */
extern bool dcep_seek(Relation index, int64 number, DcepPlaces *places);

#endif
