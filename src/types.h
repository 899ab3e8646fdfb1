/*
 * types.h: the three SQL types as C code sees them, and how their bad input is reported.
 *
 * wallet_id and otp_token are 64-bit integers passed by value; signed_coin is a
 * varlena of the bytes that docs/format.md specifies.  Text and binary input go
 * through the parsers of codec.c, so that both are equally strict.
 */
#ifndef DCEP_TYPES_H
#define DCEP_TYPES_H

#include "compat.h"

#include "codec.h"

#define DatumGetWalletId(datum) DatumGetInt64(datum)
#define WalletIdGetDatum(wallet) Int64GetDatum(wallet)
#define PG_GETARG_WALLET_ID(n) DatumGetWalletId(PG_GETARG_DATUM(n))
#define PG_RETURN_WALLET_ID(wallet) return WalletIdGetDatum(wallet)

#define DatumGetOtpToken(datum) DatumGetInt64(datum)
#define OtpTokenGetDatum(token) Int64GetDatum(token)
#define PG_GETARG_OTP_TOKEN(n) DatumGetOtpToken(PG_GETARG_DATUM(n))
#define PG_RETURN_OTP_TOKEN(token) return OtpTokenGetDatum(token)

/* Bytes of a signed_coin, with either kind of varlena header. */
#define DatumGetSignedCoinPP(datum) PG_DETOAST_DATUM_PACKED(datum)
#define PG_GETARG_SIGNED_COIN_PP(n) DatumGetSignedCoinPP(PG_GETARG_DATUM(n))

/* Makes a signed_coin of validated bytes. */
extern Datum dcep_signed_coin_datum(const uint8_t *bytes, size_t len);

/* Takes a stored signed_coin apart; raises ERRCODE_DATA_CORRUPTED where its bytes are not a coin's. */
extern void dcep_signed_coin_from_datum(Datum datum, DcepSignedCoin *coin);

/* Refuses text; `shown` is what may be repeated of it, NULL when nothing may. Returns under soft errors only. */
static inline void
dcep_refuse_text(Node *escontext, const char *type, const char *shown, const char *detail)
{
	if (shown != NULL)
		dcep_errsave(escontext, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
								 errmsg("invalid input syntax for type %s: \"%s\"", type, shown),
								 errdetail_internal("%s", detail)));
	else
		dcep_errsave(escontext, (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
								 errmsg("invalid input syntax for type %s", type), errdetail_internal("%s", detail)));
}

/* Refuses a binary value. */
static inline void
dcep_refuse_binary(const char *type, const char *detail)
{
	ereport(ERROR, (errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
					errmsg("invalid binary representation of type %s", type), errdetail_internal("%s", detail)));
}

#endif
