/*
 * batch.c: one signature over many transfers of a statement.
 */
#include "batch.h"

#include "opening.h"

/* Columns of dcep.signed_batch. */
enum
{
	BATCH_ID = 1,
	BATCH_ISSUER,
	BATCH_SUITE,
	BATCH_KEY_NUMBER,
	BATCH_LEAVES,
	BATCH_SIGNATURE,
	BATCH_COLUMNS = BATCH_SIGNATURE
};

/* Takes a batch out of its row. */
static const char *
read_batch(DcepTable *batches, DcepBatch *batch)
{
	bytea *leaves = DatumGetByteaPP(dcep_column(batches, BATCH_LEAVES));
	bytea *signature = DatumGetByteaPP(dcep_column(batches, BATCH_SIGNATURE));
	uint32 len = VARSIZE_ANY_EXHDR(leaves);

	if (len == 0 || len % DCEP_HASH_LEN != 0 || len > sizeof(batch->leaf))
		return "its batch has leaves of a wrong length";
	if (VARSIZE_ANY_EXHDR(signature) != DCEP_SIGNATURE_LEN)
		return "its batch has a signature of a wrong length";
	batch->id = DatumGetInt64(dcep_column(batches, BATCH_ID));
	batch->issuer = DatumGetInt16(dcep_column(batches, BATCH_ISSUER));
	batch->suite = DatumGetInt16(dcep_column(batches, BATCH_SUITE));
	batch->key_number = DatumGetInt32(dcep_column(batches, BATCH_KEY_NUMBER));
	batch->size = len / DCEP_HASH_LEN;
	memcpy(batch->leaf, VARDATA_ANY(leaves), len);
	memcpy(batch->signature, VARDATA_ANY(signature), DCEP_SIGNATURE_LEN);
	return NULL;
}

/* Finds a batch by id. */
const char *
dcep_batch_find(DcepTable *batches, Snapshot snapshot, int64 id, DcepBatch *batch)
{
	const char *wrong;

	if (!dcep_table_find_number(batches, DCEP_SIGNED_BATCH_PKEY, snapshot, id))
		return "its batch is missing";
	wrong = read_batch(batches, batch);
	ExecClearTuple(batches->slot);
	return wrong;
}

/* Inserts a batch. */
void
dcep_batch_insert(DcepTable *batches, const DcepBatch *batch)
{
	Datum values[BATCH_COLUMNS];
	bool nulls[BATCH_COLUMNS] = {false};

	values[BATCH_ID - 1] = Int64GetDatum(batch->id);
	values[BATCH_ISSUER - 1] = Int16GetDatum(batch->issuer);
	values[BATCH_SUITE - 1] = Int16GetDatum(batch->suite);
	values[BATCH_KEY_NUMBER - 1] = Int32GetDatum(batch->key_number);
	values[BATCH_LEAVES - 1] = dcep_bytes_datum(batch->leaf[0], (int) batch->size * DCEP_HASH_LEN);
	values[BATCH_SIGNATURE - 1] = dcep_bytes_datum(batch->signature, DCEP_SIGNATURE_LEN);
	dcep_table_insert(batches, values, nulls);
}

/* Root of the tree over the leaves. */
static void
compute_root(const DcepBatch *batch, uint8 root[DCEP_HASH_LEN])
{
	if (!dcep_batch_root(batch->suite, batch->leaf, batch->size, root))
		dcep_crypto_raise("hash a batch");
}

/* Remembers a batch by its leaves, which are quicker to compare than to hash into a root. */
static void
compute_digest(const DcepKeptKey *kept, const DcepBatch *batch, uint8 digest[DCEP_HASH_LEN])
{
	dcep_known_digest(kept->public_key, kept->public_len, batch->leaf, batch->size * DCEP_HASH_LEN, batch->signature,
					  digest);
}

/* Signs a batch. */
void
dcep_batch_sign(DcepKeptKey *kept, DcepBatch *batch, DcepShown *shown)
{
	uint8 root[DCEP_HASH_LEN];
	uint8 digest[DCEP_HASH_LEN];

	compute_root(batch, root);
	dcep_signer_sign_root(kept->signer, root, shown, batch->signature);
	compute_digest(kept, batch, digest);
	dcep_known_add(digest);
}

/* Is the signature of a batch good? */
bool
dcep_batch_verify(DcepKeptKey *kept, const DcepBatch *batch, DcepEffort effort)
{
	uint8 root[DCEP_HASH_LEN];
	uint8 digest[DCEP_HASH_LEN];

	compute_digest(kept, batch, digest);
	if (effort == DCEP_UNLESS_KNOWN && dcep_known_has(digest))
		return true;
	compute_root(batch, root);
	if (!dcep_keyring_verify_root(kept, root, batch->signature))
		return false;
	dcep_known_add(digest);
	return true;
}

/* Gives a coin its place in the batch. */
void
dcep_batch_place(const DcepBatch *batch, uint32 index, DcepSignedCoin *coin)
{
	coin->batch_index = index;
	coin->batch_size = batch->size;
	coin->path_len = dcep_path_length(index, batch->size);
	if (!dcep_batch_path(batch->suite, batch->leaf, batch->size, index, coin->path))
		dcep_crypto_raise("hash a batch");
}
