/*
 * signed_coin.c: the type signed_coin, a coin with the signature that backs it.
 *
 * A value is the bytes that docs/format.md specifies, checked on the way in as
 * far as they can be without a key: that the signature is valid is for
 * dcep.verify() to say.  Equal coins have equal bytes.  A stored coin is checked
 * again when it is taken apart, so that a damaged page raises an error instead
 * of showing a wrong amount.
 */
#include "types.h"

#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "crypto.h"

PG_FUNCTION_INFO_V1(signed_coin_in);
PG_FUNCTION_INFO_V1(signed_coin_out);
PG_FUNCTION_INFO_V1(signed_coin_recv);
PG_FUNCTION_INFO_V1(signed_coin_send);
PG_FUNCTION_INFO_V1(signed_coin_eq);
PG_FUNCTION_INFO_V1(signed_coin_ne);
PG_FUNCTION_INFO_V1(signed_coin_amount);
PG_FUNCTION_INFO_V1(signed_coin_owner);
PG_FUNCTION_INFO_V1(signed_coin_coin_id);
PG_FUNCTION_INFO_V1(signed_coin_transfer_id);
PG_FUNCTION_INFO_V1(signed_coin_issuer);
PG_FUNCTION_INFO_V1(signed_coin_key_number);
PG_FUNCTION_INFO_V1(signed_coin_suite);
PG_FUNCTION_INFO_V1(signed_coin_currency);
PG_FUNCTION_INFO_V1(signed_coin_minted_at);

/* Microseconds from 1970, where coins count from, to 2000, where PostgreSQL does. */
#define EPOCH_SHIFT ((int64_t) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

/* Makes a signed_coin of validated bytes. */
Datum
dcep_signed_coin_datum(const uint8_t *bytes, size_t len)
{
	struct varlena *value = palloc(VARHDRSZ + len);

	Assert(len >= DCEP_COIN_MIN_LEN && len <= DCEP_COIN_MAX_LEN);
	SET_VARSIZE(value, VARHDRSZ + len);
	memcpy(VARDATA(value), bytes, len);
	return PointerGetDatum(value);
}

/* Takes a stored coin apart, or raises an error that says it is damaged. */
void
dcep_signed_coin_from_datum(Datum datum, DcepSignedCoin *coin)
{
	struct varlena *value = DatumGetSignedCoinPP(datum);
	const char *problem = dcep_signed_coin_get((const uint8_t *) VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), coin);

	if (problem != NULL)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("stored signed_coin is damaged"),
						errdetail_internal("%s", problem)));
	if ((Pointer) value != DatumGetPointer(datum))
		pfree(value);
}

/* Reads the text form into bytes that hold DCEP_COIN_MAX_LEN + 3; answers as the parsers of codec.h do. */
static const char *
parse_coin_text(const char *text, uint8_t *bytes, size_t *len)
{
	DcepSignedCoin coin;
	size_t text_len = strlen(text);

	if (!dcep_coin_text_begins(text, text_len))
		return "A signed coin begins with \"dcep1\".";
	if (text_len > DCEP_COIN_TEXT_MAX)
		return "A signed coin has at most 1220 bytes.";
	return dcep_coin_text_get(text, text_len, bytes, len, &coin);
}

/* Reads "dcep1" and base64url. */
Datum
signed_coin_in(PG_FUNCTION_ARGS)
{
	uint8_t bytes[DCEP_COIN_MAX_LEN + 3];
	size_t len;
	const char *problem = parse_coin_text(PG_GETARG_CSTRING(0), bytes, &len);

	if (problem != NULL)
	{
		dcep_refuse_text(DCEP_ESCONTEXT(fcinfo), "signed_coin", NULL, problem);
		PG_RETURN_NULL();
	}
	return dcep_signed_coin_datum(bytes, len);
}

/* Writes "dcep1" and base64url. */
Datum
signed_coin_out(PG_FUNCTION_ARGS)
{
	struct varlena *value = PG_GETARG_SIGNED_COIN_PP(0);
	size_t len = VARSIZE_ANY_EXHDR(value);
	char *text = palloc(DCEP_COIN_PREFIX_LEN + dcep_base64url_length(len) + 1);
	size_t text_len;

	memcpy(text, DCEP_COIN_PREFIX, DCEP_COIN_PREFIX_LEN);
	text_len = dcep_base64url_put((const uint8_t *) VARDATA_ANY(value), len, text + DCEP_COIN_PREFIX_LEN);
	text[DCEP_COIN_PREFIX_LEN + text_len] = '\0';
	PG_RETURN_CSTRING(text);
}

/* Reads the bytes; they are the whole of the message. */
Datum
signed_coin_recv(PG_FUNCTION_ARGS)
{
	StringInfo message = (StringInfo) PG_GETARG_POINTER(0);
	int len = message->len - message->cursor;
	const uint8_t *bytes = (const uint8_t *) pq_getmsgbytes(message, len);
	DcepSignedCoin coin;
	const char *problem = dcep_signed_coin_get(bytes, len, &coin);

	if (problem != NULL)
		dcep_refuse_binary("signed_coin", problem);
	return dcep_signed_coin_datum(bytes, len);
}

/* Writes the bytes. */
Datum
signed_coin_send(PG_FUNCTION_ARGS)
{
	struct varlena *value = PG_GETARG_SIGNED_COIN_PP(0);
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendbytes(&message, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* Do two coins have the same bytes? */
static bool
coins_equal(const struct varlena *a, const struct varlena *b)
{
	size_t len = VARSIZE_ANY_EXHDR(a);

	return len == VARSIZE_ANY_EXHDR(b) && memcmp(VARDATA_ANY(a), VARDATA_ANY(b), len) == 0;
}

/* The operator = of coins. */
Datum
signed_coin_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(coins_equal(PG_GETARG_SIGNED_COIN_PP(0), PG_GETARG_SIGNED_COIN_PP(1)));
}

/* The operator <> of coins. */
Datum
signed_coin_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!coins_equal(PG_GETARG_SIGNED_COIN_PP(0), PG_GETARG_SIGNED_COIN_PP(1)));
}

/* The fields of a coin argument. */
static DcepCoin
get_coin_argument(FunctionCallInfo fcinfo)
{
	DcepSignedCoin coin;

	dcep_signed_coin_from_datum(PG_GETARG_DATUM(0), &coin);
	return coin.coin;
}

/* What the coin is worth, in minor units. */
Datum
signed_coin_amount(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(get_coin_argument(fcinfo).amount);
}

/* Whose coin it was minted as. */
Datum
signed_coin_owner(PG_FUNCTION_ARGS)
{
	PG_RETURN_WALLET_ID(get_coin_argument(fcinfo).owner);
}

/* The coin's number. */
Datum
signed_coin_coin_id(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(get_coin_argument(fcinfo).id);
}

/* The transfer that minted the coin. */
Datum
signed_coin_transfer_id(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(get_coin_argument(fcinfo).id / 2);
}

/* The institution that signed. */
Datum
signed_coin_issuer(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(get_coin_argument(fcinfo).issuer);
}

/* Which of the issuer's keys signed. */
Datum
signed_coin_key_number(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32((int32_t) get_coin_argument(fcinfo).key_number);
}

/* The name of the signature suite. */
Datum
signed_coin_suite(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(dcep_suite_name(get_coin_argument(fcinfo).suite)));
}

/* The letters of the currency. */
Datum
signed_coin_currency(PG_FUNCTION_ARGS)
{
	DcepCoin coin = get_coin_argument(fcinfo);

	PG_RETURN_TEXT_P(cstring_to_text_with_len(coin.currency, DCEP_CURRENCY_LEN));
}

/* When the coin was minted; the parser has seen to it that this is a timestamp. */
Datum
signed_coin_minted_at(PG_FUNCTION_ARGS)
{
	TimestampTz minted_at = get_coin_argument(fcinfo).minted_at - EPOCH_SHIFT;

	Assert(IS_VALID_TIMESTAMP(minted_at));
	PG_RETURN_TIMESTAMPTZ(minted_at);
}
