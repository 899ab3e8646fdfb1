/*
 * number.c: wallet numbers that tell nothing.
 *
 * A counter turns into 11 digits by a permutation keyed with the institution's
 * secret: an alternating Feistel network over 10^5 x 10^6 (the construction of
 * NIST SP 800-38G's FF1, with HMAC-SHA-256 of pgcrypto as round function).
 * Every counter value gives another number, and numbers show neither order nor
 * how many there are.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "table.h"
#include "types.h"

PG_FUNCTION_INFO_V1(dcep_allot_number);

#define LEFT INT64CONST(100000)
#define RIGHT INT64CONST(1000000)
#define ROUNDS 10

/* pgcrypto's hmac(bytea, bytea, text), wherever pgcrypto has been installed. */
static Oid
find_hmac(void)
{
	static Oid hmac = InvalidOid;
	bool is_null;

	if (OidIsValid(hmac) && SearchSysCacheExists1(PROCOID, ObjectIdGetDatum(hmac)))
		return hmac;
	SPI_connect();
	if (SPI_execute("SELECT p.oid FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_proc p"
					" ON p.pronamespace OPERATOR(pg_catalog.=) e.extnamespace"
					" WHERE e.extname OPERATOR(pg_catalog.=) 'pgcrypto' AND p.proname OPERATOR(pg_catalog.=) 'hmac'"
					" AND p.proargtypes[0] OPERATOR(pg_catalog.=) 'pg_catalog.bytea'::pg_catalog.regtype",
					true, 1) != SPI_OK_SELECT ||
		SPI_processed != 1)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_FUNCTION), errmsg("pgcrypto's function hmac() was not found"),
						errhint("dcep needs the extension pgcrypto.")));
	hmac = DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
	SPI_finish();
	return hmac;
}

/* The round function: a number below 2^64 from the secret, the round, the institution and the other half. */
static uint64
round_value(Oid hmac, Datum secret, int institution, int round, int64 half)
{
	uint8 input[1 + 2 + 8];
	bytea *output;

	input[0] = (uint8) round;
	dcep_put_u64(dcep_put_u16(input + 1, (uint16_t) institution), (uint64_t) half);
	output = DatumGetByteaPP(
		OidFunctionCall3(hmac, dcep_bytes_datum(input, sizeof(input)), secret, CStringGetTextDatum("sha256")));
	return dcep_get_u64((const uint8 *) VARDATA_ANY(output));
}

/* dcep.allot_number(institution, counter, secret) → wallet_id */
Datum
dcep_allot_number(PG_FUNCTION_ARGS)
{
	int institution = PG_GETARG_INT32(0);
	int64 counter = PG_GETARG_INT64(1);
	Datum secret = PG_GETARG_DATUM(2);
	Oid hmac = find_hmac();
	int64 left;
	int64 right;

	if (institution < 1 || institution > 9999 || counter < 0 || counter >= DCEP_WALLET_NUMBERS)
		ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE), errmsg("wallet number out of range")));
	left = counter / RIGHT;
	right = counter % RIGHT;
	for (int round = 0; round < ROUNDS; round++)
	{
		if (round % 2 == 0)
			left = (left + (int64) (round_value(hmac, secret, institution, round, right) % (uint64) LEFT)) % LEFT;
		else
			right = (right + (int64) (round_value(hmac, secret, institution, round, left) % (uint64) RIGHT)) % RIGHT;
	}
	PG_RETURN_WALLET_ID(dcep_wallet_compose(institution, left * RIGHT + right));
}
