/*
 * otp.h: one-time passwords: a number of few digits out of a shared secret and
 * something that moves, a counter or the time.
 *
 * HOTP (RFC 4226), TOTP (RFC 6238), the dynamic password of GM/T 0021 with SM3,
 * and the payment token that a wallet and its server compute in step
 * (docs/format.md).  Plain C without PostgreSQL.
 *
 * Functions return false where OpenSSL failed: dcep_crypto_error() says why.
 */
#ifndef DCEP_OTP_H
#define DCEP_OTP_H

#include "crypto.h"

#define DCEP_OTP_DIGITS_MIN 6
#define DCEP_OTP_DIGITS_MAX 8
#define DCEP_OTP_SECRET_MIN 16	  /* bytes: both standards want 128 bits */
#define DCEP_OTP_CHALLENGE_MIN 4  /* bytes, by GM/T 0021 */
#define DCEP_OTP_CHALLENGE_MAX 64 /* bytes; ours */
#define DCEP_TOKEN_STEP 60		  /* seconds for which a wallet shows a token */
#define DCEP_TOKEN_STEP_US (INT64CONST(1000000) * DCEP_TOKEN_STEP)

/* The hash function of an algorithm's name, "sha1", "sha256" or "sha512"; false where it is none of them. */
extern bool dcep_otp_algorithm(const char *name, DcepDigest *digest);

/* The password of a counter; TOTP is that of a time step's number. `digits` lies between the two limits. */
extern bool dcep_otp_hotp(DcepDigest digest, const void *secret, size_t len, uint64_t counter, int digits,
						  char out[DCEP_OTP_DIGITS_MAX + 1]);

/* GM/T 0021 with SM3; `t` is the time's or the step's number, used as it stands. */
extern bool dcep_otp_sm3(const void *key, size_t len, uint64_t t, uint32_t counter, const char *challenge,
						 size_t challenge_len, int digits, char out[DCEP_OTP_DIGITS_MAX + 1]);

/* The payment token of a step: 18 digits, the first two 28. */
extern bool dcep_otp_token(const uint8_t secret[DCEP_HASH_LEN], uint64_t step, int64_t *token);

#endif
