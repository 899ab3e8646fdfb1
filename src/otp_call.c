/*
 * otp_call.c: one-time passwords as SQL asks for them.
 *
 * A password confirms a payment over an amount that the wallet's holder sets; who asks for it keeps the secret, for
 * nothing of these functions is stored.  Messages repeat neither secrets nor passwords.
 */
#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "argument.h"
#include "otp.h"
#include "refusal.h"

PG_FUNCTION_INFO_V1(dcep_hotp);
PG_FUNCTION_INFO_V1(dcep_totp);
PG_FUNCTION_INFO_V1(dcep_sm3_otp);
PG_FUNCTION_INFO_V1(dcep_otp_uri);

#define UNIX_EPOCH_SECONDS ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)
#define NAME_MAX_LEN 100 /* bytes of an account or issuer in a URI */

/* A secret of sufficient length. */
static const bytea *
get_secret(FunctionCallInfo fcinfo, int n, const char *name)
{
	const bytea *secret = PG_GETARG_BYTEA_PP(n);

	if (VARSIZE_ANY_EXHDR(secret) < DCEP_OTP_SECRET_MIN)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s is too short", name),
						errdetail("It must have at least %d bytes.", DCEP_OTP_SECRET_MIN)));
	return secret;
}

/* A number of digits within the limits. */
static int
get_digits(FunctionCallInfo fcinfo, int n)
{
	int digits = dcep_require_at_least("digits", PG_GETARG_INT32(n), DCEP_OTP_DIGITS_MIN);

	return dcep_require_at_most("digits", digits, DCEP_OTP_DIGITS_MAX);
}

/* A hash function, by its name. */
static DcepDigest
get_algorithm(FunctionCallInfo fcinfo, int n)
{
	const char *name = text_to_cstring(PG_GETARG_TEXT_PP(n));
	DcepDigest digest;

	if (!dcep_otp_algorithm(name, &digest))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("algorithm must be sha1, sha256 or sha512"),
						errdetail("It is \"%s\".", name)));
	return digest;
}

/* A counter, or a time, that is not negative. */
static int64
check_number(const char *name, int64 number)
{
	if (number < 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must not be negative", name),
						errdetail("It is " INT64_FORMAT ".", number)));
	return number;
}

/* The seconds of a time since 1970. */
static int64
unix_seconds(TimestampTz at)
{
	if (TIMESTAMP_NOT_FINITE(at) || at < -UNIX_EPOCH_SECONDS * USECS_PER_SEC)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("time has no time step"),
						errdetail("Time steps begin in 1970, and infinity has none.")));
	return (at + UNIX_EPOCH_SECONDS * USECS_PER_SEC) / USECS_PER_SEC;
}

/* A password as text. */
static Datum
make_password(bool done, const char *digits)
{
	if (!done)
		dcep_crypto_raise("compute a one-time password");
	return CStringGetTextDatum(digits);
}

/* dcep.hotp(secret, counter, digits) → text */
Datum
dcep_hotp(PG_FUNCTION_ARGS)
{
	const bytea *secret = get_secret(fcinfo, 0, "secret");
	int64 counter = check_number("counter", PG_GETARG_INT64(1));
	int digits = get_digits(fcinfo, 2);
	char out[DCEP_OTP_DIGITS_MAX + 1];

	return make_password(dcep_otp_hotp(DCEP_DIGEST_SHA1, VARDATA_ANY(secret), VARSIZE_ANY_EXHDR(secret),
									   (uint64_t) counter, digits, out),
						 out);
}

/* dcep.totp(secret, at, algorithm, digits, step) → text */
Datum
dcep_totp(PG_FUNCTION_ARGS)
{
	const bytea *secret = get_secret(fcinfo, 0, "secret");
	int64 seconds = unix_seconds(PG_GETARG_TIMESTAMPTZ(1));
	DcepDigest digest = get_algorithm(fcinfo, 2);
	int digits = get_digits(fcinfo, 3);
	int step = dcep_require_at_least("step", PG_GETARG_INT32(4), 1);
	char out[DCEP_OTP_DIGITS_MAX + 1];

	return make_password(
		dcep_otp_hotp(digest, VARDATA_ANY(secret), VARSIZE_ANY_EXHDR(secret), (uint64_t) (seconds / step), digits, out),
		out);
}

/* dcep.sm3_otp(key, t, counter, challenge, digits) → text */
Datum
dcep_sm3_otp(PG_FUNCTION_ARGS)
{
	const bytea *key = get_secret(fcinfo, 0, "key");
	int64 t = check_number("time", PG_GETARG_INT64(1));
	int64 counter = check_number("counter", PG_GETARG_INT32(2));
	const text *challenge = PG_GETARG_TEXT_PP(3);
	size_t len = VARSIZE_ANY_EXHDR(challenge);
	int digits = get_digits(fcinfo, 4);
	char out[DCEP_OTP_DIGITS_MAX + 1];

	if (len < DCEP_OTP_CHALLENGE_MIN || len > DCEP_OTP_CHALLENGE_MAX)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("challenge must have %d to %d bytes", DCEP_OTP_CHALLENGE_MIN, DCEP_OTP_CHALLENGE_MAX),
						errdetail("It has %zu.", len)));
	return make_password(dcep_otp_sm3(VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key), (uint64_t) t, (uint32_t) counter,
									  VARDATA_ANY(challenge), len, digits, out),
						 out);
}

/* --- otpauth:// ---------------------------------------------------------------- */

/* Appends bytes in base32 (RFC 4648) without padding. */
static void
append_base32(StringInfo out, const uint8 *bytes, size_t len)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	uint32 bits = 0;
	int held = 0;

	for (size_t i = 0; i < len; i++)
	{
		bits = bits << 8 | bytes[i];
		for (held += 8; held >= 5; held -= 5)
			appendStringInfoChar(out, alphabet[bits >> (held - 5) & 31]);
	}
	if (held > 0)
		appendStringInfoChar(out, alphabet[bits << (5 - held) & 31]);
}

/* Appends a name, everything but letters and digits of ASCII as %XX. */
static void
append_escaped(StringInfo out, const text *name, const char *what)
{
	const uint8 *bytes = (const uint8 *) VARDATA_ANY(name);
	size_t len = VARSIZE_ANY_EXHDR(name);

	if (len == 0 || len > NAME_MAX_LEN)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("%s must have 1 to %d bytes", what, NAME_MAX_LEN), errdetail("It has %zu.", len)));
	for (size_t i = 0; i < len; i++)
	{
		if (bytes[i] < 0x80 && isalnum(bytes[i]))
			appendStringInfoChar(out, (char) bytes[i]);
		else
			appendStringInfo(out, "%%%02X", bytes[i]);
	}
}

/* dcep.otp_uri(secret, account, issuer, algorithm, digits, step) → text */
Datum
dcep_otp_uri(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {
		[DCEP_DIGEST_SHA1] = "SHA1", [DCEP_DIGEST_SHA256] = "SHA256", [DCEP_DIGEST_SHA512] = "SHA512"};
	const bytea *secret = get_secret(fcinfo, 0, "secret");
	DcepDigest digest = get_algorithm(fcinfo, 3);
	int digits = get_digits(fcinfo, 4);
	int step = dcep_require_at_least("step", PG_GETARG_INT32(5), 1);
	StringInfoData uri;

	initStringInfo(&uri);
	appendStringInfoString(&uri, "otpauth://totp/");
	append_escaped(&uri, PG_GETARG_TEXT_PP(2), "issuer");
	appendStringInfoChar(&uri, ':');
	append_escaped(&uri, PG_GETARG_TEXT_PP(1), "account");
	appendStringInfoString(&uri, "?secret=");
	append_base32(&uri, (const uint8 *) VARDATA_ANY(secret), VARSIZE_ANY_EXHDR(secret));
	appendStringInfoString(&uri, "&issuer=");
	append_escaped(&uri, PG_GETARG_TEXT_PP(2), "issuer");
	appendStringInfo(&uri, "&algorithm=%s&digits=%d&period=%d", names[digest], digits, step);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(uri.data, uri.len));
}
