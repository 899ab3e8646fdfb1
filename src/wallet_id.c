/*
 * wallet_id.c: the type wallet_id, a wallet number of 16 digits in 64 bits.
 *
 * Every value that gets in has been checked, digits and check digit.  Its
 * order and equality are those of the integer, so that the operators are the
 * server's own for int8 (src/sql/10_types.sql).
 */
#include "types.h"

#include "libpq/pqformat.h"

PG_FUNCTION_INFO_V1(wallet_id_in);
PG_FUNCTION_INFO_V1(wallet_id_out);
PG_FUNCTION_INFO_V1(wallet_id_recv);
PG_FUNCTION_INFO_V1(wallet_id_send);
PG_FUNCTION_INFO_V1(wallet_id_from_bigint);
PG_FUNCTION_INFO_V1(wallet_id_institution);

/* Reads 16 digits, in groups or not. */
Datum
wallet_id_in(PG_FUNCTION_ARGS)
{
	char *text = PG_GETARG_CSTRING(0);
	int64_t wallet;
	const char *problem = dcep_wallet_parse(text, strlen(text), &wallet);

	if (problem != NULL)
	{
		dcep_refuse_text(DCEP_ESCONTEXT(fcinfo), "wallet_id", text, problem);
		PG_RETURN_NULL();
	}
	PG_RETURN_WALLET_ID(wallet);
}

/* Writes 16 digits. */
Datum
wallet_id_out(PG_FUNCTION_ARGS)
{
	char *text = palloc(DCEP_WALLET_DIGITS + 1);

	dcep_wallet_print(PG_GETARG_WALLET_ID(0), text);
	PG_RETURN_CSTRING(text);
}

/* Reads 8 bytes in network order. */
Datum
wallet_id_recv(PG_FUNCTION_ARGS)
{
	StringInfo message = (StringInfo) PG_GETARG_POINTER(0);
	const char *problem;
	int64_t wallet;

	if (message->len - message->cursor != 8)
		dcep_refuse_binary("wallet_id", "A wallet number is sent as 8 bytes.");
	wallet = pq_getmsgint64(message);
	problem = dcep_wallet_check(wallet);
	if (problem != NULL)
		dcep_refuse_binary("wallet_id", problem);
	PG_RETURN_WALLET_ID(wallet);
}

/* Writes 8 bytes in network order. */
Datum
wallet_id_send(PG_FUNCTION_ARGS)
{
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendint64(&message, PG_GETARG_WALLET_ID(0));
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* Casts an integer whose decimal digits are a wallet number. */
Datum
wallet_id_from_bigint(PG_FUNCTION_ARGS)
{
	int64_t number = PG_GETARG_INT64(0);
	const char *problem = dcep_wallet_check(number);

	if (problem != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("bigint %lld is not a wallet number", (long long) number), errdetail_internal("%s", problem)));
	PG_RETURN_WALLET_ID(number);
}

/* The code of the institution that keeps the wallet. */
Datum
wallet_id_institution(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(dcep_wallet_institution(PG_GETARG_WALLET_ID(0)));
}
