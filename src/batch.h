/*
 * batch.h: one signature over many transfers of a statement.
 *
 * The first payment of a statement is signed alone.  Those after it are
 * gathered into batches: one signature over the root of the tree of their
 * hashes (opening.h).  dcep.signed_batch keeps the leaves and the signature, so
 * that every coin still opens to a signature by a path of at most seven hashes.
 * A root over so few is cheap to recompute when one of the coins is spent that
 * this server does not know, and a row costs a payment less space than a
 * signature of its own.
 */
#ifndef DCEP_BATCH_H
#define DCEP_BATCH_H

#include "postgres.h"

#include "keyring.h"
#include "known.h"
#include "table.h"

#define DCEP_BATCH_MAX 120 /* transfers of a batch: two rows of it fill a page */

typedef struct DcepBatch
{
	int64 id; /* of its first transfer */
	int issuer;
	int suite;
	int key_number;
	uint32 size;
	uint8 leaf[DCEP_BATCH_MAX][DCEP_HASH_LEN];
	uint8 signature[DCEP_SIGNATURE_LEN];
} DcepBatch;

/* Finds a batch by id. Returns NULL, or what is wrong with it. */
extern const char *dcep_batch_find(DcepTable *batches, Snapshot snapshot, int64 id, DcepBatch *batch);

/* Inserts a batch. */
extern void dcep_batch_insert(DcepTable *batches, const DcepBatch *batch);

/* Signs a batch that is complete; `shown` are its transfers where the signer looks at them, else NULL. */
extern void dcep_batch_sign(DcepKeptKey *kept, DcepBatch *batch, DcepShown *shown);

/* Is the signature of a batch good? */
extern bool dcep_batch_verify(DcepKeptKey *kept, const DcepBatch *batch, DcepEffort effort);

/* Gives a coin that was put together from its opening its place in the batch. */
extern void dcep_batch_place(const DcepBatch *batch, uint32 index, DcepSignedCoin *coin);

#endif
