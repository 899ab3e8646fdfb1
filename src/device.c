/*
 * device.c: keys of the devices that wallets' holders pay with.
 *
 * dcep.add_device_key() and dcep.revoke_device_key() hold the wallet's lock, as a
 * payment does: the keys that a payment reads are those that hold at its time.
 * They are current facts, whatever the transaction's snapshot.
 */
#include "device.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "argument.h"
#include "crypto.h"
#include "errcodes.h"
#include "journal.h"
#include "types.h"

PG_FUNCTION_INFO_V1(dcep_read_device_key);
PG_FUNCTION_INFO_V1(dcep_instruction_bytes);
PG_FUNCTION_INFO_V1(dcep_device_signed);

/* Columns of dcep.device_key. */
enum
{
	DEVICE_WALLET = 1,
	DEVICE_NUMBER,
	DEVICE_SUITE,
	DEVICE_PUBLIC_KEY,
	DEVICE_VALID_FROM,
	DEVICE_REVOKED_AT
};

/* The key in the slot. */
static DcepKeyPair *
read_key(DcepTable *table)
{
	bytea *public_key = DatumGetByteaPP(dcep_column(table, DEVICE_PUBLIC_KEY));
	DcepKeyPair *key = dcep_key_from_public(dcep_suite_by_name(TextDatumGetCString(dcep_column(table, DEVICE_SUITE))),
											(const uint8 *) VARDATA_ANY(public_key), VARSIZE_ANY_EXHDR(public_key));

	if (key == NULL)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("device key on record cannot be used"),
						errdetail("%s.", dcep_crypto_error())));
	return key;
}

/* Does the key in the slot hold at a time? */
static bool
holds(DcepTable *table, TimestampTz at)
{
	bool is_null;
	Datum revoked_at = slot_getattr(table->slot, DEVICE_REVOKED_AT, &is_null);

	return DatumGetTimestampTz(dcep_column(table, DEVICE_VALID_FROM)) <= at &&
		   (is_null || at < DatumGetTimestampTz(revoked_at));
}

/* Has the key in the slot signed a message? */
static bool
has_signed(DcepTable *table, const uint8 *message, size_t len, const uint8 signature[DCEP_SIGNATURE_LEN])
{
	DcepKeyPair *key = read_key(table);
	DcepVerdict verdict = dcep_verify(key, message, len, signature);

	dcep_key_free(key);
	if (verdict == DCEP_SIGNATURE_UNDECIDED)
		dcep_crypto_raise("verify a device's signature");
	return verdict == DCEP_SIGNATURE_VALID;
}

/* Has a key of the wallet that holds at a time signed a message? */
static bool
is_signed(int64 wallet, const uint8 *message, size_t len, const uint8 signature[DCEP_SIGNATURE_LEN], TimestampTz at)
{
	DcepTable *table = dcep_table_open(DCEP_DEVICE_KEY, NULL);
	Snapshot newest = RegisterSnapshot(GetLatestSnapshot());
	DcepScan scan = dcep_scan_number(table, DCEP_DEVICE_KEY_PKEY, newest, wallet);
	bool found = false;

	while (!found && dcep_scan_next(&scan, ForwardScanDirection))
		found = holds(table, at) && has_signed(table, message, len, signature);
	dcep_scan_end(&scan);
	dcep_table_close(table);
	UnregisterSnapshot(newest);
	return found;
}

/* A signature as it is kept, from that or from DER; false where it is neither. 64 bytes are never taken for DER. */
static bool
read_signature(DcepText given, uint8 signature[DCEP_SIGNATURE_LEN])
{
	if (given.len != DCEP_SIGNATURE_LEN)
		return dcep_signature_from_der((const uint8 *) given.data, given.len, signature);
	memcpy(signature, given.data, DCEP_SIGNATURE_LEN);
	return true;
}

/* The bytes that a device signs of a payment, palloc'd. */
static uint8 *
instruction_bytes(const DcepConfig *config, const DcepContext *context, size_t *len)
{
	uint8 *bytes;

	*len = dcep_instruction_length(context);
	bytes = palloc(*len);
	dcep_instruction_put(config->currency, context, bytes);
	return bytes;
}

/* Why an instruction is not one that the payer's device has signed; NULL where it is. */
static const char *
find_fault(const DcepConfig *config, const DcepContext *context, DcepText given, TimestampTz at,
		   uint8 signature[DCEP_SIGNATURE_LEN])
{
	size_t len;
	uint8 *message;
	bool matches;

	if (given.data == NULL)
		return "The wallet pays on signed instructions only, and this one has no signature.";
	if (context->key.data == NULL)
		return "A signed instruction has an idempotency key, so that it is executed once.";
	if (!read_signature(given, signature))
		return "A signature has 64 bytes, or is DER.";
	message = instruction_bytes(config, context, &len);
	matches = is_signed(context->payer, message, len, signature, at);
	pfree(message);
	return matches ? NULL : "The signature is not one of this instruction by a key that holds for the wallet.";
}

/* Has the payer's device signed? */
bool
dcep_device_check(const DcepConfig *config, const DcepContext *context, DcepText signature, TimestampTz at,
				  DcepText *kept, DcepRefusal *refusal)
{
	uint8 *bytes = palloc(DCEP_SIGNATURE_LEN);
	const char *fault = find_fault(config, context, signature, at, bytes);

	*kept = (DcepText){(const char *) bytes, DCEP_SIGNATURE_LEN};
	if (fault == NULL)
		return true;
	dcep_refuse(refusal, ERRCODE_DCEP_NOT_SIGNED_BY_DEVICE, "payment instruction is not signed by the payer's device");
	dcep_refusal_detail(refusal, "%s", fault);
	return dcep_refusal_hint(refusal, "The device signs what dcep.instruction_bytes() returns; its signature goes with "
									  "dcep.transfer(), or into the column device_signature.");
}

/* dcep.read_device_key(bytea) → (suite, public_key): a PEM public key, or a raw one */
Datum
dcep_read_device_key(PG_FUNCTION_ARGS)
{
	static const char pem_start[] = "-----BEGIN";
	bytea *given = PG_GETARG_BYTEA_PP(0);
	size_t len = VARSIZE_ANY_EXHDR(given);
	bool is_pem = len >= strlen(pem_start) && memcmp(VARDATA_ANY(given), pem_start, strlen(pem_start)) == 0;
	DcepKeyPair *key = is_pem ? dcep_key_from_public_pem(VARDATA_ANY(given), len)
							  : dcep_key_from_raw((const uint8 *) VARDATA_ANY(given), len);
	uint8 public_key[DCEP_PUBLIC_KEY_MAX];
	TupleDesc desc;
	Datum values[2];
	bool nulls[2] = {false};

	if (key == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the public key cannot be used"),
				 errdetail("%s.", dcep_crypto_error()),
				 errhint("It is a PEM file as openssl pkey -pubout prints it, or in hexadecimal or base64 the 32 bytes "
						 "of an Ed25519 key or the 65 of an uncompressed point of P-256 or SM2.")));
	values[0] = CStringGetTextDatum(dcep_suite_name(dcep_key_suite(key)));
	values[1] = dcep_bytes_datum(public_key, (int) dcep_key_public(key, public_key));
	dcep_key_free(key);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "dcep.read_device_key() was called wrongly");
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* dcep.instruction_bytes(payer, payee, amount, key, memo, kind, token) → bytea */
Datum
dcep_instruction_bytes(PG_FUNCTION_ARGS)
{
	const DcepConfig *config = dcep_config_required();
	DcepContext context = {.key = DCEP_OPTIONAL_TEXT(3), .memo = DCEP_OPTIONAL_TEXT(4), .token = DCEP_OPTIONAL_TEXT(6)};
	uint8 *bytes;
	size_t len;

	dcep_require_arguments(fcinfo, 0, 1, "payer");
	dcep_require_arguments(fcinfo, 2, 1, "amount");
	dcep_require_arguments(fcinfo, 3, 1, "key");
	dcep_require_arguments(fcinfo, 5, 1, "kind");
	context.kind = dcep_config_kind(config, PG_GETARG_OID(5));
	if (PG_ARGISNULL(1) == PG_ARGISNULL(6) || (context.kind == DCEP_KIND_TOKEN) == PG_ARGISNULL(6))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("an instruction names a payee, or of kind token a token instead")));
	if (context.token.data && context.token.len != sizeof(int64) && context.token.len != DCEP_TOKEN_PROOF_LEN)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a token has 8 bytes"),
						errhint("dcep.otp_token_send() makes them of a token.")));
	context.payer = PG_GETARG_INT64(0);
	context.payee = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT64(1);
	context.amount = PG_GETARG_INT64(2);
	bytes = instruction_bytes(config, &context, &len);
	PG_RETURN_DATUM(dcep_bytes_datum(bytes, (int) len));
}

/* dcep.device_signed(wallet, message, signature, at) → boolean */
Datum
dcep_device_signed(PG_FUNCTION_ARGS)
{
	bytea *message = PG_GETARG_BYTEA_PP(1);
	uint8 signature[DCEP_SIGNATURE_LEN];

	PG_RETURN_BOOL(read_signature(dcep_text(PG_GETARG_DATUM(2), false), signature) &&
				   is_signed(PG_GETARG_WALLET_ID(0), (const uint8 *) VARDATA_ANY(message), VARSIZE_ANY_EXHDR(message),
							 signature, PG_GETARG_TIMESTAMPTZ(3)));
}
