/*
 * proof.c: roots and proofs of the Merkle log for SQL, and their verification.
 *
 * A proof shows hashes and a place in the log, no parties and amounts.  It is
 * given to whoever may ask for the transfer's receipt, and to auditors.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/snapmgr.h"

#include "access.h"
#include "argument.h"
#include "journal.h"
#include "log.h"
#include "receipt.h"

PG_FUNCTION_INFO_V1(dcep_log_root);
PG_FUNCTION_INFO_V1(dcep_log_place);
PG_FUNCTION_INFO_V1(dcep_inclusion_proof);
PG_FUNCTION_INFO_V1(dcep_consistency_proof);
PG_FUNCTION_INFO_V1(dcep_verify_inclusion);
PG_FUNCTION_INFO_V1(dcep_verify_consistency);

/* A size that is asked for; that of the log where none is. */
static int64
asked_size(FunctionCallInfo fcinfo, int argument)
{
	int64 size = dcep_log_state(GetActiveSnapshot()).size;

	if (PG_ARGISNULL(argument))
		return size;
	if (PG_GETARG_INT64(argument) < 0 || PG_GETARG_INT64(argument) > size)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the log has no such size"),
						errdetail("It was asked for " INT64_FORMAT " transfers and has " INT64_FORMAT ".",
								  PG_GETARG_INT64(argument), size),
						errhint("SELECT dcep.seal() brings transfers into the log that are not in it yet.")));
	return PG_GETARG_INT64(argument);
}

/* A path as one bytea. */
static Datum
path_datum(const DcepTreePath *path)
{
	return dcep_bytes_datum(path->hash[0], path->count * DCEP_HASH_LEN);
}

/* dcep.log_root(size) → hash */
Datum
dcep_log_root(PG_FUNCTION_ARGS)
{
	int64 size = asked_size(fcinfo, 0);
	uint8 root[DCEP_HASH_LEN];
	DcepLog log;

	dcep_log_open(&log, GetActiveSnapshot());
	if (!dcep_tree_root(dcep_log_node, &log, (uint64) size, root))
		dcep_crypto_raise("hash the log");
	dcep_log_close(&log);
	return dcep_bytes_datum(root, DCEP_HASH_LEN);
}

/* dcep.log_place(transfer) → place in the log; NULL where it is not in it */
Datum
dcep_log_place(PG_FUNCTION_ARGS)
{
	DcepLog log;
	int64 place;

	dcep_log_open(&log, GetActiveSnapshot());
	place = dcep_log_find(&log, PG_GETARG_INT64(0));
	dcep_log_close(&log);
	if (place < 0)
		PG_RETURN_NULL();
	PG_RETURN_INT64(place);
}

/* May the caller ask for the proof of a transfer, and is there one? */
static bool
shows(int64 id)
{
	DcepJournal journal;
	DcepTransfer transfer;
	bool shown;

	dcep_journal_open(&journal, false);
	shown = dcep_transfer_find(dcep_config_required(), &journal, GetActiveSnapshot(), id, &transfer) &&
			(dcep_access_audits() || dcep_receipt_allowed(&transfer.context));
	dcep_journal_close(&journal);
	return shown;
}

/* dcep.inclusion_proof(transfer, size) → (leaf_index, tree_size, path); NULL where there is no such transfer for the caller */
Datum
dcep_inclusion_proof(PG_FUNCTION_ARGS)
{
	TupleDesc desc;
	Datum values[3];
	bool nulls[3] = {false};
	DcepTreePath path;
	DcepLog log;
	int64 size;
	int64 place;

	dcep_require_arguments(fcinfo, 0, 1, "transfer");
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	size = asked_size(fcinfo, 1);
	if (!shows(PG_GETARG_INT64(0)))
		PG_RETURN_NULL();
	dcep_log_open(&log, GetActiveSnapshot());
	place = dcep_log_require(&log, PG_GETARG_INT64(0), size);
	if (!dcep_tree_inclusion(dcep_log_node, &log, (uint64) place, (uint64) size, &path))
		dcep_crypto_raise("hash the log");
	dcep_log_close(&log);
	values[0] = Int64GetDatum(place);
	values[1] = Int64GetDatum(size);
	values[2] = path_datum(&path);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* dcep.consistency_proof(old_size, new_size) → path */
Datum
dcep_consistency_proof(PG_FUNCTION_ARGS)
{
	DcepTreePath path;
	DcepLog log;
	int64 size;
	int64 old;

	dcep_require_arguments(fcinfo, 0, 1, "old_size");
	size = asked_size(fcinfo, 1);
	old = asked_size(fcinfo, 0);
	if (old > size)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("old_size must not be above new_size"),
						errdetail("They are " INT64_FORMAT " and " INT64_FORMAT ".", old, size)));
	dcep_log_open(&log, GetActiveSnapshot());
	if (!dcep_tree_consistency(dcep_log_node, &log, (uint64) old, (uint64) size, &path))
		dcep_crypto_raise("hash the log");
	dcep_log_close(&log);
	return path_datum(&path);
}

/* --- verification ------------------------------------------------------------------ */

/* Reads a path; false where it is none. */
static bool
get_path(Datum value, DcepTreePath *path)
{
	bytea *bytes = DatumGetByteaPP(value);
	int len = VARSIZE_ANY_EXHDR(bytes);

	if (len % DCEP_HASH_LEN != 0 || len / DCEP_HASH_LEN > DCEP_TREE_PATH_MAX)
		return false;
	path->count = len / DCEP_HASH_LEN;
	memcpy(path->hash, VARDATA_ANY(bytes), len);
	return true;
}

/* A verdict as SQL has it. */
static Datum
verdict_datum(DcepVerdict verdict)
{
	if (verdict == DCEP_SIGNATURE_UNDECIDED)
		dcep_crypto_raise("verify a proof");
	return BoolGetDatum(verdict == DCEP_SIGNATURE_VALID);
}

/* dcep.verify_inclusion(hash, leaf_index, tree_size, path, root) → boolean */
Datum
dcep_verify_inclusion(PG_FUNCTION_ARGS)
{
	uint8 hash[DCEP_HASH_LEN];
	uint8 leaf[DCEP_HASH_LEN];
	uint8 root[DCEP_HASH_LEN];
	DcepTreePath path;
	int64 index = PG_GETARG_INT64(1);
	int64 size = PG_GETARG_INT64(2);

	if (index < 0 || size < 0 || !dcep_bytes_read(PG_GETARG_DATUM(0), hash, DCEP_HASH_LEN) ||
		!get_path(PG_GETARG_DATUM(3), &path) || !dcep_bytes_read(PG_GETARG_DATUM(4), root, DCEP_HASH_LEN))
		PG_RETURN_BOOL(false);
	if (!dcep_tree_leaf(hash, DCEP_HASH_LEN, leaf))
		dcep_crypto_raise("hash a transfer");
	return verdict_datum(dcep_tree_verify_inclusion(leaf, (uint64) index, (uint64) size, &path, root));
}

/* dcep.verify_consistency(old_size, old_root, new_size, new_root, path) → boolean */
Datum
dcep_verify_consistency(PG_FUNCTION_ARGS)
{
	uint8 old_root[DCEP_HASH_LEN];
	uint8 root[DCEP_HASH_LEN];
	DcepTreePath path;
	int64 old = PG_GETARG_INT64(0);
	int64 size = PG_GETARG_INT64(2);

	if (old < 0 || size < 0 || !dcep_bytes_read(PG_GETARG_DATUM(1), old_root, DCEP_HASH_LEN) ||
		!dcep_bytes_read(PG_GETARG_DATUM(3), root, DCEP_HASH_LEN) || !get_path(PG_GETARG_DATUM(4), &path))
		PG_RETURN_BOOL(false);
	return verdict_datum(dcep_tree_verify_consistency((uint64) old, old_root, (uint64) size, root, &path));
}
