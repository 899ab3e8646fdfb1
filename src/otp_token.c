/*
 * otp_token.c: the type otp_token, a payment token of 18 digits in 64 bits.
 *
 * Who knows a token can be paid with it, so a refused one is repeated nowhere:
 * not in the message, and not as the statement or its context in the server's
 * log.  Tokens compare in constant time and have no order, hence no index.
 */
#include "types.h"

#include "libpq/pqformat.h"

#include "crypto.h"

PG_FUNCTION_INFO_V1(otp_token_in);
PG_FUNCTION_INFO_V1(otp_token_out);
PG_FUNCTION_INFO_V1(otp_token_recv);
PG_FUNCTION_INFO_V1(otp_token_send);
PG_FUNCTION_INFO_V1(otp_token_eq);
PG_FUNCTION_INFO_V1(otp_token_ne);

/* Reads 18 digits. */
Datum
otp_token_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	int64_t token;
	const char *problem = dcep_token_parse(text, strlen(text), &token);

	if (problem != NULL)
	{
		dcep_errsave(DCEP_ESCONTEXT(fcinfo),
					 (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION), errmsg("invalid input syntax for type otp_token"),
					  errdetail_internal("%s", problem), errhidestmt(true), errhidecontext(true)));
		PG_RETURN_NULL();
	}
	PG_RETURN_OTP_TOKEN(token);
}

/* Writes 18 digits. */
Datum
otp_token_out(PG_FUNCTION_ARGS)
{
	char *text = palloc(DCEP_TOKEN_DIGITS + 1);

	dcep_token_print(PG_GETARG_OTP_TOKEN(0), text);
	PG_RETURN_CSTRING(text);
}

/* Refuses a binary token. */
static void
refuse_message(const char *problem)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION), errmsg("invalid binary representation of type otp_token"),
			 errdetail_internal("%s", problem), errhidestmt(true), errhidecontext(true)));
}

/* Reads 8 bytes in network order. */
Datum
otp_token_recv(PG_FUNCTION_ARGS)
{
	StringInfo message = (StringInfo) PG_GETARG_POINTER(0);
	const char *problem;
	int64_t token;

	if (message->len - message->cursor != 8)
		refuse_message("A payment token is sent as 8 bytes.");
	token = pq_getmsgint64(message);
	problem = dcep_token_check(token);
	if (problem != NULL)
		refuse_message(problem);
	PG_RETURN_OTP_TOKEN(token);
}

/* Writes 8 bytes in network order. */
Datum
otp_token_send(PG_FUNCTION_ARGS)
{
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendint64(&message, PG_GETARG_OTP_TOKEN(0));
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* Are two tokens the same? The time taken does not tell how alike they are. */
static bool
tokens_equal(int64_t a, int64_t b)
{
	return dcep_equal(&a, &b, sizeof(a));
}

/* The operator = of tokens. */
Datum
otp_token_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(tokens_equal(PG_GETARG_OTP_TOKEN(0), PG_GETARG_OTP_TOKEN(1)));
}

/* The operator <> of tokens. */
Datum
otp_token_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!tokens_equal(PG_GETARG_OTP_TOKEN(0), PG_GETARG_OTP_TOKEN(1)));
}
