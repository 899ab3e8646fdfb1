/*
 * register.c: signs the acts of an institution, and proves them.
 *
 * The register itself, dcep.act, is written and read in SQL (dcep.enter_act(),
 * dcep.verify_acts()): an act is rare, and who reads the register reads it there.
 * What SQL cannot do is here: the hash and the signature of one row.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "act.h"
#include "journal.h"
#include "keyring.h"

PG_FUNCTION_INFO_V1(dcep_sign_act);
PG_FUNCTION_INFO_V1(dcep_act_defect);

/* Arguments that both functions begin with; those of dcep_act_defect() go on. */
enum
{
	ARG_INSTITUTION,
	ARG_SEQ,
	ARG_PREV_HASH,
	ARG_ID,
	ARG_ENTERED_AT,
	ARG_KIND,
	ARG_ROLE,
	ARG_CASE_NO,
	ARG_BODY,
	ARG_SUITE,
	ARG_KEY_NUMBER,
	ARG_HASH,
	ARG_SIGNATURE
};

/* Reads the act out of the arguments; false where its prev_hash is no hash. */
static bool
read_act(FunctionCallInfo fcinfo, DcepAct *act)
{
	bytea *prev_hash = PG_GETARG_BYTEA_PP(ARG_PREV_HASH);

	if (VARSIZE_ANY_EXHDR(prev_hash) != DCEP_HASH_LEN)
		return false;
	memcpy(act->prev_hash, VARDATA_ANY(prev_hash), DCEP_HASH_LEN);
	act->institution = PG_GETARG_INT32(ARG_INSTITUTION);
	act->seq = PG_GETARG_INT64(ARG_SEQ);
	act->id = PG_GETARG_INT64(ARG_ID);
	act->entered_at = dcep_unix_time(PG_GETARG_TIMESTAMPTZ(ARG_ENTERED_AT));
	act->kind = DCEP_OPTIONAL_TEXT(ARG_KIND);
	act->role = DCEP_OPTIONAL_TEXT(ARG_ROLE);
	act->case_no = DCEP_OPTIONAL_TEXT(ARG_CASE_NO);
	act->body = DCEP_OPTIONAL_TEXT(ARG_BODY);
	return true;
}

/* dcep.sign_act(…) → (suite, key_number, hash, signature): with the institution's key */
Datum
dcep_sign_act(PG_FUNCTION_ARGS)
{
	const DcepConfig *config = dcep_config_required();
	TupleDesc desc;
	DcepAct act;
	DcepKeptKey *kept;
	const DcepSigningKey *key;
	uint8 *bytes;
	uint8 hash[DCEP_HASH_LEN];
	uint8 signature[DCEP_SIGNATURE_LEN];
	Datum values[4];
	bool nulls[4] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE || !read_act(fcinfo, &act))
		elog(ERROR, "dcep.sign_act() was called wrongly");
	key = dcep_keyring_signer(config, act.institution, PG_GETARG_TIMESTAMPTZ(ARG_ENTERED_AT), &kept);
	bytes = palloc(dcep_act_length(&act));
	dcep_act_put(&act, bytes);
	dcep_signer_sign_record(kept->signer, key->suite, bytes, dcep_act_length(&act), hash, signature);
	values[0] = Int16GetDatum(key->suite);
	values[1] = Int32GetDatum(key->number);
	values[2] = dcep_bytes_datum(hash, DCEP_HASH_LEN);
	values[3] = dcep_bytes_datum(signature, DCEP_SIGNATURE_LEN);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* Why a signature over this hash is no good; NULL where it is. */
static const char *
wrong_signature(FunctionCallInfo fcinfo, const uint8 hash[DCEP_HASH_LEN])
{
	bytea *signature = PG_GETARG_BYTEA_PP(ARG_SIGNATURE);
	DcepRefusal refusal;
	DcepKeptKey *kept =
		dcep_keyring_verifier(dcep_config_required(), PG_GETARG_INT32(ARG_INSTITUTION), PG_GETARG_INT32(ARG_KEY_NUMBER),
							  PG_GETARG_TIMESTAMPTZ(ARG_ENTERED_AT), &refusal);

	if (kept == NULL)
		return refusal.message;
	if (VARSIZE_ANY_EXHDR(signature) != DCEP_SIGNATURE_LEN ||
		dcep_key_suite(kept->public_pair) != PG_GETARG_INT16(ARG_SUITE) ||
		dcep_act_verify(kept->public_pair, hash, (const uint8 *) VARDATA_ANY(signature)) != DCEP_SIGNATURE_VALID)
		return "the signature does not match the hash";
	return NULL;
}

/* dcep.act_defect(…) → text: what is wrong with an act; NULL where nothing is */
Datum
dcep_act_defect(PG_FUNCTION_ARGS)
{
	const char *wrong = NULL;
	bytea *stored = PG_GETARG_BYTEA_PP(ARG_HASH);
	uint8 hash[DCEP_HASH_LEN];
	DcepAct act;

	if (!read_act(fcinfo, &act) || dcep_suite_name(PG_GETARG_INT16(ARG_SUITE)) == NULL)
		PG_RETURN_TEXT_P(cstring_to_text("damaged: no such suite, or a hash of another length"));
	if (!dcep_act_hash(PG_GETARG_INT16(ARG_SUITE), &act, hash))
		dcep_crypto_raise("hash an act");
	if (VARSIZE_ANY_EXHDR(stored) != DCEP_HASH_LEN || memcmp(VARDATA_ANY(stored), hash, DCEP_HASH_LEN) != 0)
		wrong = "the row is not what was hashed: a column was changed";
	else
		wrong = wrong_signature(fcinfo, hash);
	if (wrong == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(wrong));
}
