/*
 * journal_row.h: the rows of dcep.transfer and dcep.signed_batch, taken apart.
 */
#ifndef VERIFY_JOURNAL_ROW_H
#define VERIFY_JOURNAL_ROW_H

#include "opening.h"
#include "row.h"

#define TRANSFER_COLUMNS 21
#define BATCH_COLUMNS 6
#define BATCH_LEAVES_MAX 4096 /* a batch of dcep 0.1 has 120 */

#define TRANSFER_ID_MAX INT64_C(4611686018427387903) /* a coin's id is up to twice that and one */

/* A row of dcep.transfer. Pointers in it are good as long as the row, and the next one that is read. */
typedef struct Transfer
{
	DcepContext context;
	int64_t change;
	int suite;
	int issuer;
	int key_number;
	int64_t batch; /* 0 when signed alone */
	int batch_index;
	uint8_t hash[DCEP_HASH_LEN];
	uint8_t signature[DCEP_SIGNATURE_LEN]; /* where signed alone */
	uint8_t token[DCEP_TOKEN_PROOF_LEN];
	uint8_t device_signature[DCEP_SIGNATURE_LEN];
	RowIds inputs;
} Transfer;

/* A row of dcep.signed_batch. */
typedef struct SignedBatch
{
	int64_t id;
	int issuer;
	int suite;
	int key_number;
	uint32_t size;
	uint8_t leaf[BATCH_LEAVES_MAX][DCEP_HASH_LEN];
	uint8_t signature[DCEP_SIGNATURE_LEN];
} SignedBatch;

/* Read a row. NULL, or what is wrong with it. */
extern const char *transfer_read(const Row *row, Transfer *transfer);
extern const char *batch_read(const Row *row, SignedBatch *batch);

/* The id of a transfer's row, though the rest of it is damaged; 0 where that is, too. */
extern int64_t transfer_read_id(const Row *row);
/* Only the hashes. */
extern bool transfer_read_hashes(const Row *row, uint8_t prev_hash[DCEP_HASH_LEN], uint8_t hash[DCEP_HASH_LEN]);

#endif
