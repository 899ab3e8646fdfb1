/*
 * journal.c: a transfer as it stands in the journal.
 */
#include "journal.h"

#include "access/attnum.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/timestamp.h"

#include "errcodes.h"
#include "keyring.h"

/* As of dcep.transfer_id_seq: a coin's id is up to twice that and one. */
#define DCEP_TRANSFER_ID_MAX INT64CONST(4611686018427387903)

/* PostgreSQL counts from 2000, the coin from 1970. */
#define EPOCH_SHIFT (INT64CONST(86400000000) * (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE))

int64
dcep_unix_time(TimestampTz at)
{
	return at + EPOCH_SHIFT;
}

TimestampTz
dcep_pg_time(int64 unix_time)
{
	return unix_time - EPOCH_SHIFT;
}

/* The text, or the bytes, of a text or bytea datum that may be null: both look alike. */
DcepText
dcep_text(Datum value, bool is_null)
{
	DcepText result = {NULL, 0};

	if (!is_null)
	{
		text *packed = DatumGetTextPP(value);

		result.data = VARDATA_ANY(packed);
		result.len = VARSIZE_ANY_EXHDR(packed);
	}
	return result;
}

/* A text or bytea datum, or null. */
Datum
dcep_text_datum(DcepText text, bool *is_null)
{
	*is_null = text.data == NULL;
	return *is_null ? (Datum) 0 : PointerGetDatum(cstring_to_text_with_len(text.data, (int) text.len));
}

/* Reads the ids of the consumed coins. */
static bool
read_inputs(Datum value, DcepContext *context)
{
	ArrayType *array = DatumGetArrayTypeP(value);

	if (ARR_ELEMTYPE(array) != INT8OID || ARR_NDIM(array) > 1 || ARR_HASNULL(array))
		return false;
	context->input_count = (uint32) ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
	context->inputs = (const int64 *) ((char *) array + ARR_OVERHEAD_NONULLS(ARR_NDIM(array)));
	return true;
}

/* Are these two texts the same? */
bool
dcep_text_same(DcepText a, DcepText b)
{
	if (a.data == NULL || b.data == NULL)
		return a.data == b.data;
	return a.len == b.len && memcmp(a.data, b.data, a.len) == 0;
}

/* Are these the same payment token? The salt behind it is passed over. */
bool
dcep_token_same(DcepText a, DcepText b)
{
	return a.data == NULL || b.data == NULL ? a.data == b.data : dcep_equal(a.data, b.data, sizeof(int64));
}

#define VALUE(column) values[AttrNumberGetAttrOffset(column)]
#define IS_NULL(column) nulls[AttrNumberGetAttrOffset(column)]

/* Reads the columns of fixed width that the hash covers, the texts, and what the payer's side has shown. */
static void
read_context(const DcepConfig *config, const Datum *values, const bool *nulls, DcepContext *context)
{
	context->seq = DatumGetInt64(VALUE(DCEP_TRANSFER_SEQ));
	context->id = DatumGetInt64(VALUE(DCEP_TRANSFER_ID));
	context->kind = dcep_config_kind(config, DatumGetObjectId(VALUE(DCEP_TRANSFER_KIND)));
	context->payer = DatumGetInt64(VALUE(DCEP_TRANSFER_PAYER));
	context->payee = DatumGetInt64(VALUE(DCEP_TRANSFER_PAYEE));
	context->amount = DatumGetInt64(VALUE(DCEP_TRANSFER_AMOUNT));
	context->created_at = dcep_unix_time(DatumGetTimestampTz(VALUE(DCEP_TRANSFER_CREATED_AT)));
	context->key = dcep_text(VALUE(DCEP_TRANSFER_KEY), IS_NULL(DCEP_TRANSFER_KEY));
	context->memo = dcep_text(VALUE(DCEP_TRANSFER_MEMO), IS_NULL(DCEP_TRANSFER_MEMO));
	context->token = dcep_text(VALUE(DCEP_TRANSFER_TOKEN), IS_NULL(DCEP_TRANSFER_TOKEN));
	context->device_signature =
		dcep_text(VALUE(DCEP_TRANSFER_DEVICE_SIGNATURE), IS_NULL(DCEP_TRANSFER_DEVICE_SIGNATURE));
}

/* Has a payment to a token its token, and no other one; and is a device's signature one by its length? */
static bool
instruction_fits(const DcepContext *context)
{
	bool has_token = context->token.data != NULL;

	return has_token == (context->kind == DCEP_KIND_TOKEN) &&
		   (!has_token || context->token.len == DCEP_TOKEN_PROOF_LEN) &&
		   (context->device_signature.data == NULL || context->device_signature.len == DCEP_SIGNATURE_LEN);
}

/* Are the numbers such as payments have? Whoever altered a row may have put anything there. */
static bool
in_range(const DcepTransfer *transfer)
{
	const DcepContext *context = &transfer->context;

	return context->id > 0 && context->id <= DCEP_TRANSFER_ID_MAX && context->seq > 0 && context->amount > 0 &&
		   transfer->change >= 0 && transfer->issuer >= 1 && transfer->issuer <= 9999 && transfer->key_number > 0;
}

/* Reads how a row was signed: alone, or in a batch. */
static bool
read_signature(const Datum *values, const bool *nulls, DcepTransfer *transfer)
{
	bool alone = IS_NULL(DCEP_TRANSFER_BATCH);

	if (IS_NULL(DCEP_TRANSFER_BATCH_INDEX) != alone || IS_NULL(DCEP_TRANSFER_SIGNATURE) == alone)
		return false;
	transfer->batch = alone ? 0 : DatumGetInt64(VALUE(DCEP_TRANSFER_BATCH));
	transfer->batch_index = alone ? 0 : DatumGetInt16(VALUE(DCEP_TRANSFER_BATCH_INDEX));
	if (alone)
		return dcep_bytes_read(VALUE(DCEP_TRANSFER_SIGNATURE), transfer->signature, DCEP_SIGNATURE_LEN);
	memset(transfer->signature, 0, DCEP_SIGNATURE_LEN);
	return transfer->batch > 0 && transfer->batch_index >= 0;
}

/* Columns that no row is without. */
static bool
has_required(const bool *nulls)
{
	for (int column = 1; column <= DCEP_TRANSFER_HASH; column++)
		if (IS_NULL(column) && column != DCEP_TRANSFER_BATCH && column != DCEP_TRANSFER_BATCH_INDEX)
			return false;
	return true;
}

/* Reads a row. */
const char *
dcep_transfer_parse(const DcepConfig *config, const Datum *values, const bool *nulls, DcepTransfer *transfer)
{
	if (!has_required(nulls))
		return "a computed column is null";
	if (TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(VALUE(DCEP_TRANSFER_CREATED_AT))))
		return "created_at is not a time";
	read_context(config, values, nulls, &transfer->context);
	transfer->change = DatumGetInt64(VALUE(DCEP_TRANSFER_CHANGE));
	transfer->suite = DatumGetInt16(VALUE(DCEP_TRANSFER_SUITE));
	transfer->issuer = DatumGetInt16(VALUE(DCEP_TRANSFER_ISSUER));
	transfer->key_number = DatumGetInt32(VALUE(DCEP_TRANSFER_KEY_NUMBER));
	if (!in_range(transfer))
		return "a number is out of range";
	if (!instruction_fits(&transfer->context))
		return "its token or its device's signature is not one";
	if (!read_inputs(VALUE(DCEP_TRANSFER_INPUTS), &transfer->context))
		return "inputs is not a one-dimensional array of bigint without nulls";
	if (!dcep_bytes_read(VALUE(DCEP_TRANSFER_PREV_HASH), transfer->context.prev_hash, DCEP_HASH_LEN) ||
		!dcep_bytes_read(VALUE(DCEP_TRANSFER_HASH), transfer->hash, DCEP_HASH_LEN))
		return "a hash does not have 32 bytes";
	if (!read_signature(values, nulls, transfer))
		return "it has neither a signature of 64 bytes nor a place in a batch, or both";
	if (dcep_suite_name(transfer->suite) == NULL)
		return "there is no such suite";
	return NULL;
}

/* Reads a row that must be readable. */
void
dcep_transfer_read(const DcepConfig *config, const Datum *values, const bool *nulls, DcepTransfer *transfer)
{
	const char *wrong = dcep_transfer_parse(config, values, nulls, transfer);

	if (wrong)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED), errmsg("row of dcep.transfer is damaged"),
				 errdetail("Transfer " INT64_FORMAT ": %s.",
						   IS_NULL(DCEP_TRANSFER_ID) ? (int64) 0 : DatumGetInt64(VALUE(DCEP_TRANSFER_ID)), wrong),
				 errhint("Stored rows were altered outside dcep. Run SELECT * FROM dcep.audit().")));
}

/* A bigint[] datum of the consumed coin ids. */
static Datum
write_inputs(const DcepContext *context)
{
	Size size = ARR_OVERHEAD_NONULLS(1) + context->input_count * sizeof(int64);
	ArrayType *array;

	if (context->input_count == 0)
		return PointerGetDatum(construct_empty_array(INT8OID));
	array = palloc0(size);
	SET_VARSIZE(array, size);
	array->ndim = 1;
	array->elemtype = INT8OID;
	ARR_DIMS(array)[0] = (int) context->input_count;
	ARR_LBOUND(array)[0] = 1;
	memcpy((char *) array + ARR_OVERHEAD_NONULLS(1), context->inputs, context->input_count * sizeof(int64));
	return PointerGetDatum(array);
}

/* Fills the columns of a row. */
void
dcep_transfer_write(const DcepConfig *config, const DcepTransfer *transfer, Datum *values, bool *nulls)
{
	const DcepContext *context = &transfer->context;

	memset(nulls, false, DCEP_TRANSFER_COLUMNS * sizeof(bool));
	VALUE(DCEP_TRANSFER_ID) = Int64GetDatum(context->id);
	VALUE(DCEP_TRANSFER_PAYER) = Int64GetDatum(context->payer);
	VALUE(DCEP_TRANSFER_PAYEE) = Int64GetDatum(context->payee);
	VALUE(DCEP_TRANSFER_AMOUNT) = Int64GetDatum(context->amount);
	VALUE(DCEP_TRANSFER_CHANGE) = Int64GetDatum(transfer->change);
	VALUE(DCEP_TRANSFER_CREATED_AT) = TimestampTzGetDatum(dcep_pg_time(context->created_at));
	VALUE(DCEP_TRANSFER_SEQ) = Int64GetDatum(context->seq);
	VALUE(DCEP_TRANSFER_KIND) = ObjectIdGetDatum(config->kind_oid[context->kind]);
	VALUE(DCEP_TRANSFER_KEY_NUMBER) = Int32GetDatum(transfer->key_number);
	VALUE(DCEP_TRANSFER_ISSUER) = Int16GetDatum(transfer->issuer);
	VALUE(DCEP_TRANSFER_SUITE) = Int16GetDatum(transfer->suite);
	VALUE(DCEP_TRANSFER_INPUTS) = write_inputs(context);
	VALUE(DCEP_TRANSFER_PREV_HASH) = dcep_bytes_datum(context->prev_hash, DCEP_HASH_LEN);
	VALUE(DCEP_TRANSFER_HASH) = dcep_bytes_datum(transfer->hash, DCEP_HASH_LEN);
	IS_NULL(DCEP_TRANSFER_SIGNATURE) = transfer->batch != 0;
	IS_NULL(DCEP_TRANSFER_BATCH) = IS_NULL(DCEP_TRANSFER_BATCH_INDEX) = transfer->batch == 0;
	VALUE(DCEP_TRANSFER_BATCH) = Int64GetDatum(transfer->batch);
	VALUE(DCEP_TRANSFER_BATCH_INDEX) = Int16GetDatum(transfer->batch_index);
	VALUE(DCEP_TRANSFER_SIGNATURE) =
		transfer->batch ? (Datum) 0 : dcep_bytes_datum(transfer->signature, DCEP_SIGNATURE_LEN);
	VALUE(DCEP_TRANSFER_KEY) = dcep_text_datum(context->key, &IS_NULL(DCEP_TRANSFER_KEY));
	VALUE(DCEP_TRANSFER_MEMO) = dcep_text_datum(context->memo, &IS_NULL(DCEP_TRANSFER_MEMO));
	VALUE(DCEP_TRANSFER_TOKEN) = dcep_text_datum(context->token, &IS_NULL(DCEP_TRANSFER_TOKEN));
	VALUE(DCEP_TRANSFER_DEVICE_SIGNATURE) =
		dcep_text_datum(context->device_signature, &IS_NULL(DCEP_TRANSFER_DEVICE_SIGNATURE));
}

/* Copies what outlives the row. */
DcepTransfer
dcep_transfer_keep(const DcepTransfer *transfer)
{
	const DcepText absent = {NULL, 0};
	DcepTransfer kept = *transfer;

	kept.context.key = kept.context.memo = kept.context.token = kept.context.device_signature = absent;
	kept.context.inputs = NULL;
	kept.context.input_count = 0;
	return kept;
}

/* The institution that signs a transfer. */
int
dcep_transfer_signer(const DcepConfig *config, const DcepContext *context)
{
	return dcep_wallet_institution(dcep_config_is_here(config, context->payer) ? context->payer : context->payee);
}

/* Computes the opening of a transfer. */
void
dcep_transfer_open(const DcepConfig *config, const DcepTransfer *transfer, DcepOpening *opening)
{
	DcepMint mint = {.suite = transfer->suite,
					 .issuer = transfer->issuer,
					 .key_number = (uint32) transfer->key_number,
					 .exponent = config->exponent};

	memcpy(mint.currency, config->currency, DCEP_CURRENCY_LEN);
	if (!dcep_opening_compute(&mint, &transfer->context, transfer->change, transfer->context.kind == DCEP_KIND_REDEEM,
							  opening))
		dcep_crypto_raise("hash a transfer");
}

/* --- the journal as a table -------------------------------------------------- */

/* Opens the journal. */
void
dcep_journal_open(DcepJournal *journal, bool count_batches)
{
	journal->context = CurrentMemoryContext;
	journal->transfers = dcep_table_open(DCEP_TRANSFER, NULL);
	journal->batches = NULL;
	journal->batch.id = 0;
	journal->sound = count_batches ? dcep_idset_create() : NULL;
}

/* Closes it. */
void
dcep_journal_close(DcepJournal *journal)
{
	if (journal->batches)
		dcep_table_close(journal->batches);
	dcep_table_close(journal->transfers);
}

/* Lets go of the row that was read last. */
void
dcep_journal_release(DcepJournal *journal)
{
	ExecClearTuple(journal->transfers->slot);
}

/* Reads a batch into journal->batch, unless it is there. Returns NULL, or what is wrong with it. */
static const char *
load_batch(DcepJournal *journal, Snapshot snapshot, int64 id)
{
	const char *wrong;

	if (journal->batch.id == id)
		return NULL;
	if (journal->batches == NULL)
	{
		MemoryContext caller = MemoryContextSwitchTo(journal->context);

		journal->batches = dcep_table_open(DCEP_SIGNED_BATCH, NULL);
		MemoryContextSwitchTo(caller);
	}
	wrong = dcep_batch_find(journal->batches, snapshot, id, &journal->batch);
	if (wrong)
		journal->batch.id = 0;
	return wrong;
}

/* A batch by id. */
const DcepBatch *
dcep_journal_batch(DcepJournal *journal, Snapshot snapshot, int64 id)
{
	const char *wrong = load_batch(journal, snapshot, id);

	if (wrong)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("signed batch is damaged"),
						errdetail("Batch " INT64_FORMAT ": %s.", id, wrong)));
	return &journal->batch;
}

/* Reads the row in the journal's slot. */
void
dcep_journal_read(const DcepConfig *config, DcepJournal *journal, DcepTransfer *transfer)
{
	TupleTableSlot *slot = journal->transfers->slot;

	slot_getallattrs(slot);
	dcep_transfer_read(config, slot->tts_values, slot->tts_isnull, transfer);
}

/* Finds a row by id. */
bool
dcep_transfer_find(const DcepConfig *config, DcepJournal *journal, Snapshot snapshot, int64 id, DcepTransfer *transfer)
{
	if (!dcep_table_find_number(journal->transfers, DCEP_TRANSFER_PKEY, snapshot, id))
		return false;
	dcep_journal_read(config, journal, transfer);
	return true;
}

/* Finds a row by its payer's idempotency key. */
bool
dcep_transfer_find_key(const DcepConfig *config, DcepJournal *journal, Snapshot snapshot, int64 payer, DcepText key,
					   DcepTransfer *transfer)
{
	ScanKeyData keys[2];
	Datum text_datum = PointerGetDatum(cstring_to_text_with_len(key.data, (int) key.len));

	dcep_key_number(&keys[0], 1, payer);
	dcep_key_init(&keys[1], 2, F_TEXTEQ, C_COLLATION_OID, text_datum);
	if (!dcep_table_find(journal->transfers, DCEP_TRANSFER_PAYER_KEY, snapshot, keys, 2))
		return false;
	dcep_journal_read(config, journal, transfer);
	return true;
}

/* --- digests, and what this server knows to be good ----------------------------- */

#define COLUMNS_ON_STACK 1024
#define COLUMNS_TAIL_LEN (8 + 8 + 4 + 4 + 4 + 4 + DCEP_HASH_LEN)

/* All columns but the signature, in bytes: in `on_stack` where they fit, else palloc'd. */
static uint8 *
put_columns(const DcepTransfer *transfer, uint8 on_stack[COLUMNS_ON_STACK], size_t *len)
{
	size_t context_len = dcep_context_length(&transfer->context);
	uint8 *bytes;
	uint8 *at;

	*len = context_len + COLUMNS_TAIL_LEN;
	bytes = *len <= COLUMNS_ON_STACK ? on_stack : palloc(*len);
	dcep_context_put(&transfer->context, bytes);
	at = dcep_put_u64(bytes + context_len, (uint64) transfer->change);
	at = dcep_put_u64(at, (uint64) transfer->batch);
	at = dcep_put_u32(at, (uint32) transfer->batch_index);
	at = dcep_put_u32(at, (uint32) transfer->suite);
	at = dcep_put_u32(at, (uint32) transfer->issuer);
	at = dcep_put_u32(at, (uint32) transfer->key_number);
	memcpy(at, transfer->hash, DCEP_HASH_LEN);
	return bytes;
}

/* A number that differs where any column differs. */
uint64
dcep_transfer_digest(const DcepTransfer *transfer)
{
	uint8 on_stack[COLUMNS_ON_STACK];
	size_t len;
	uint8 *bytes = put_columns(transfer, on_stack, &len);
	uint64 digest = hash_bytes_extended(bytes, (int) len, 0);

	if (bytes != on_stack)
		pfree(bytes);
	return hash_bytes_extended(transfer->signature, DCEP_SIGNATURE_LEN, digest);
}

/* What a transfer is remembered by: a hash of all of its columns and of the key. */
void
dcep_transfer_known_digest(const DcepKeptKey *kept, const DcepTransfer *transfer, uint8 digest[DCEP_HASH_LEN])
{
	uint8 on_stack[COLUMNS_ON_STACK];
	size_t len;
	uint8 *bytes = put_columns(transfer, on_stack, &len);

	dcep_known_digest(kept->public_key, kept->public_len, bytes, len, transfer->signature, digest);
	if (bytes != on_stack)
		pfree(bytes);
}

/* Remembers a transfer that is good. */
void
dcep_transfer_remember(const DcepKeptKey *kept, const DcepTransfer *transfer)
{
	uint8 digest[DCEP_HASH_LEN];

	dcep_transfer_known_digest(kept, transfer, digest);
	dcep_known_add(digest);
}

/* Is a transfer, as its row stands, known to be good? */
static bool
is_known(const DcepKeptKey *kept, const DcepTransfer *transfer)
{
	uint8 digest[DCEP_HASH_LEN];

	dcep_transfer_known_digest(kept, transfer, digest);
	return dcep_known_has(digest);
}

/* --- verification ------------------------------------------------------------ */

/* Refuses a transfer whose stored bytes are not what was signed. */
static bool
refuse_signature(DcepRefusal *refusal, int64 id, const char *why)
{
	dcep_refuse(refusal, ERRCODE_DCEP_SIGNATURE_INVALID, "coin signature invalid");
	dcep_refusal_detail(refusal, "Transfer " INT64_FORMAT ": %s.", id, why);
	return dcep_refusal_hint(refusal, "Stored rows were altered outside dcep. Run SELECT * FROM dcep.audit().");
}

/* Is the hash of a transfer under a good signature of its batch? NULL, or why not. The batch is then in the journal. */
static const char *
wrong_in_batch(DcepJournal *journal, Snapshot snapshot, const DcepTransfer *transfer, DcepKeptKey *kept,
			   DcepEffort effort)
{
	DcepBatch *batch = &journal->batch;
	const char *wrong = load_batch(journal, snapshot, transfer->batch);

	if (wrong)
		return wrong;
	if (batch->issuer != transfer->issuer || batch->suite != transfer->suite ||
		batch->key_number != transfer->key_number)
		return "its batch was signed with another key";
	if ((uint32) transfer->batch_index >= batch->size ||
		memcmp(batch->leaf[transfer->batch_index], transfer->hash, DCEP_HASH_LEN) != 0)
		return "its batch has another hash in its place";
	if (journal->sound && dcep_idset_has(journal->sound, batch->id))
		return NULL;
	if (!dcep_batch_verify(kept, batch, effort))
		return "the signature does not match its batch";
	if (journal->sound && effort == DCEP_ANEW)
		dcep_idset_add(journal->sound, batch->id);
	return NULL;
}

/* Is the hash of a transfer under a good signature? NULL, or why not. */
static const char *
wrong_signature(DcepJournal *journal, Snapshot snapshot, const DcepTransfer *transfer, DcepKeptKey *kept,
				DcepEffort effort)
{
	if (transfer->batch)
		return wrong_in_batch(journal, snapshot, transfer, kept, effort);
	return dcep_keyring_verify_root(kept, transfer->hash, transfer->signature)
			   ? NULL
			   : "the signature does not match the hash";
}

/* The key that must have signed a transfer, if it may be trusted; else NULL and a refusal. */
static DcepKeptKey *
find_verifier(const DcepConfig *config, const DcepTransfer *transfer, DcepRefusal *refusal)
{
	const DcepContext *context = &transfer->context;
	DcepKeptKey *kept = dcep_keyring_verifier(config, transfer->issuer, transfer->key_number,
											  dcep_pg_time(context->created_at), refusal);

	if (kept == NULL)
		return NULL;
	if (dcep_key_suite(kept->public_pair) != transfer->suite)
		refuse_signature(refusal, context->id, "the suite is not that of its key");
	else if (transfer->issuer != dcep_transfer_signer(config, context))
		refuse_signature(refusal, context->id, "it was not signed by the payer's institution");
	else
		return kept;
	return NULL;
}

/* Verifies a transfer's hash and signature with its key. */
static bool
verify_with(DcepKeptKey *kept, const DcepConfig *config, DcepJournal *journal, Snapshot snapshot,
			const DcepTransfer *transfer, DcepEffort effort, DcepOpening *opening, DcepRefusal *refusal)
{
	const char *wrong;

	dcep_transfer_open(config, transfer, opening);
	if (memcmp(opening->transfer_hash, transfer->hash, DCEP_HASH_LEN) != 0)
		return refuse_signature(refusal, transfer->context.id, "the hash does not match the row");
	if (effort == DCEP_UNLESS_KNOWN && transfer->batch == 0 && is_known(kept, transfer))
		return true;
	wrong = wrong_signature(journal, snapshot, transfer, kept, effort);
	if (wrong)
		return refuse_signature(refusal, transfer->context.id, wrong);
	if (effort == DCEP_UNLESS_KNOWN)
		dcep_transfer_remember(kept, transfer);
	return true;
}

/* Verifies a transfer's hash and signature. */
bool
dcep_transfer_verify(const DcepConfig *config, DcepJournal *journal, Snapshot snapshot, const DcepTransfer *transfer,
					 DcepEffort effort, DcepOpening *opening, DcepRefusal *refusal)
{
	DcepKeptKey *kept = find_verifier(config, transfer, refusal);

	return kept && verify_with(kept, config, journal, snapshot, transfer, effort, opening, refusal);
}

/* Are these the owner and the amount of the coin that a transfer minted under this id? */
static bool
is_minted(const DcepTransfer *transfer, int64 id, int64 owner, int64 amount)
{
	const DcepContext *context = &transfer->context;

	if ((id & 1) == DCEP_COIN_CHANGE)
		return owner == context->payer && amount == transfer->change;
	return owner == context->payee && amount == context->amount && context->kind != DCEP_KIND_REDEEM;
}

/*
 * Verifies a live coin against the transfer that minted it.  Where this server
 * knows the row to the last bit, the hashes and the signature that it was
 * verified by need not be computed again.
 */
bool
dcep_coin_verify(const DcepConfig *config, DcepJournal *journal, Snapshot snapshot, int64 id, int64 owner, int64 amount,
				 DcepRefusal *refusal)
{
	DcepTransfer transfer;
	DcepOpening opening;
	DcepKeptKey *kept;

	if (id <= 1 || !dcep_transfer_find(config, journal, snapshot, id >> 1, &transfer))
	{
		dcep_refuse(refusal, ERRCODE_DCEP_SIGNATURE_INVALID, "coin signature invalid");
		return dcep_refusal_detail(refusal, "Coin " INT64_FORMAT " was minted by no transfer.", id);
	}
	kept = find_verifier(config, &transfer, refusal);
	if (kept == NULL)
		return false;
	if (!is_known(kept, &transfer) &&
		!verify_with(kept, config, journal, snapshot, &transfer, DCEP_UNLESS_KNOWN, &opening, refusal))
		return false;
	if (!is_minted(&transfer, id, owner, amount))
		return refuse_signature(refusal, id >> 1, "the coin's owner or amount is not what was signed");
	return true;
}

/* The signed coin of a transfer that has been verified, so that its batch is in the journal. */
void
dcep_transfer_coin(const DcepJournal *journal, const DcepTransfer *transfer, const DcepOpening *opening, int which,
				   DcepSignedCoin *coin)
{
	Assert(transfer->batch == 0 || transfer->batch == journal->batch.id);
	dcep_opening_coin(opening, which, transfer->batch ? journal->batch.signature : transfer->signature, coin);
	if (transfer->batch)
		dcep_batch_place(&journal->batch, (uint32) transfer->batch_index, coin);
}

/* How a transfer was signed. */
void
dcep_transfer_place(DcepJournal *journal, Snapshot snapshot, const DcepTransfer *transfer, DcepSignedCoin *place)
{
	const DcepBatch *batch = NULL;

	place->batch_index = 0;
	place->batch_size = 1;
	place->path_len = 0;
	if (transfer->batch)
	{
		batch = dcep_journal_batch(journal, snapshot, transfer->batch);
		dcep_batch_place(batch, (uint32) transfer->batch_index, place);
	}
	memcpy(place->signature, batch ? batch->signature : transfer->signature, DCEP_SIGNATURE_LEN);
}

/* The signed coin of an id, verified. */
void
dcep_journal_coin(const DcepConfig *config, DcepJournal *journal, Snapshot snapshot, int64 id, DcepSignedCoin *coin)
{
	DcepTransfer transfer;
	DcepOpening opening;
	DcepRefusal refusal;

	if (id <= 1 || !dcep_transfer_find(config, journal, snapshot, id >> 1, &transfer))
		ereport(ERROR, (errcode(ERRCODE_DCEP_SIGNATURE_INVALID), errmsg("coin signature invalid"),
						errdetail("Coin " INT64_FORMAT " was minted by no transfer.", id)));
	if (!dcep_transfer_verify(config, journal, snapshot, &transfer, DCEP_UNLESS_KNOWN, &opening, &refusal))
		dcep_refusal_raise(&refusal);
	if (opening.coin[id & 1].amount == 0)
		ereport(ERROR, (errcode(ERRCODE_DCEP_SIGNATURE_INVALID), errmsg("coin signature invalid"),
						errdetail("Coin " INT64_FORMAT " was not minted by its transfer.", id)));
	dcep_transfer_coin(journal, &transfer, &opening, (int) (id & 1), coin);
}
