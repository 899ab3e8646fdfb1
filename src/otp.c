/*
 * otp.c: one-time passwords.
 */
#include "otp.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define SM3_WORDS (DCEP_HASH_LEN / 4)
#define SM3_INPUT_MIN 16 /* bytes that GM/T 0021 pads to */
#define SM3_HEAD 12		 /* bytes of time and counter */
#define TOKEN_TAG "dcep token v1"

/* Finds a hash function by its name. */
bool
dcep_otp_algorithm(const char *name, DcepDigest *digest)
{
	static const char *const names[] = {
		[DCEP_DIGEST_SHA1] = "sha1", [DCEP_DIGEST_SHA256] = "sha256", [DCEP_DIGEST_SHA512] = "sha512"};

	for (int i = DCEP_DIGEST_SHA1; i <= DCEP_DIGEST_SHA512; i++)
	{
		if (strcmp(name, names[i]) == 0)
		{
			*digest = (DcepDigest) i;
			return true;
		}
	}
	return false;
}

/* Writes the last digits of a number, zeros in front. */
static void
print_digits(uint32_t number, int digits, char out[DCEP_OTP_DIGITS_MAX + 1])
{
	assert(digits >= DCEP_OTP_DIGITS_MIN && digits <= DCEP_OTP_DIGITS_MAX);
	for (int i = digits - 1; i >= 0; i--)
	{
		out[i] = (char) ('0' + number % 10);
		number /= 10;
	}
	out[digits] = '\0';
}

/* The password of a counter: four bytes of its HMAC, from where the last half-byte points, without the sign. */
bool
dcep_otp_hotp(DcepDigest digest, const void *secret, size_t len, uint64_t counter, int digits,
			  char out[DCEP_OTP_DIGITS_MAX + 1])
{
	uint8_t message[8];
	uint8_t code[DCEP_DIGEST_MAX];
	size_t code_len;

	dcep_put_u64(message, counter);
	code_len = dcep_hmac_by(digest, secret, len, message, sizeof(message), code);
	if (code_len == 0)
		return false;
	print_digits(dcep_get_u32(code + (code[code_len - 1] & 0x0f)) & UINT32_C(0x7fffffff), digits, out);
	dcep_wipe(code, sizeof(code));
	return true;
}

/* GM/T 0021: the sum of the words of SM3(key, time, counter, challenge, zeros). */
bool
dcep_otp_sm3(const void *key, size_t len, uint64_t t, uint32_t counter, const char *challenge, size_t challenge_len,
			 int digits, char out[DCEP_OTP_DIGITS_MAX + 1])
{
	uint8_t input[SM3_HEAD + DCEP_OTP_CHALLENGE_MAX] = {0};
	size_t input_len = SM3_HEAD + challenge_len;
	DcepBytes pieces[] = {{key, len}, {input, 0}};
	uint8_t hash[DCEP_HASH_LEN];
	uint32_t sum = 0;

	assert(challenge_len <= DCEP_OTP_CHALLENGE_MAX);
	dcep_put_u32(dcep_put_u64(input, t), counter);
	memcpy(input + SM3_HEAD, challenge, challenge_len);
	pieces[1].len = input_len < SM3_INPUT_MIN ? SM3_INPUT_MIN : input_len;
	if (!dcep_hash(DCEP_SUITE_SM2, pieces, 2, hash))
		return false;
	for (int i = 0; i < SM3_WORDS; i++)
		sum += dcep_get_u32(hash + (ptrdiff_t) 4 * i);
	print_digits(sum, digits, out);
	dcep_wipe(hash, sizeof(hash));
	return true;
}

/* The payment token of a step: the first 8 bytes of HMAC-SHA-256(secret, tag, step) as 16 digits after 28. */
bool
dcep_otp_token(const uint8_t secret[DCEP_HASH_LEN], uint64_t step, int64_t *token)
{
	uint8_t message[sizeof(TOKEN_TAG) - 1 + 8];
	uint8_t code[DCEP_HASH_LEN];

	memcpy(message, TOKEN_TAG, sizeof(TOKEN_TAG) - 1);
	dcep_put_u64(message + sizeof(TOKEN_TAG) - 1, step);
	if (!dcep_hmac(secret, DCEP_HASH_LEN, message, sizeof(message), code))
		return false;
	*token = dcep_token_compose(dcep_get_u64(code));
	dcep_wipe(code, sizeof(code));
	return true;
}
