/*
 * vectors.c: makes the test vectors of docs/format.md.
 *
 * One transfer in each suite, and one batch.  The keys are those of the
 * standards' own examples, so that nobody takes them for real ones.  Ed25519
 * signatures come out the same every time; those of SM2 and P-256 do not, so
 * that two that were made once are kept here and only verified.
 */
#include "vectors.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_SIZE 7
#define BATCH_INDEX 4
#define EXAMPLE_TOKEN UINT64_C(281234567890123456)

typedef struct Example
{
	int suite;
	const char *private_key;
	const char *signature;		  /* of the transfer; NULL: deterministic */
	const char *device_signature; /* of the instruction, where the key is that of the payer's device; likewise */
} Example;

static const Example examples[] = {
	{DCEP_SUITE_ED25519, "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", NULL, NULL},
	{DCEP_SUITE_SM2, "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8",
	 "a9aa8cf3a541354e21a40eada26ba862199bb775a5b1e69d2294be9fc0fa983e"
	 "e4ebcf987ca24c3648286664ed3f35ad47377b58b70e2f6311db3ad9d0a5cf28",
	 "f4904e1463a993dc01d4efc5724818cc39c70551804abdb9a3591dbc97453226"
	 "2d0ffbd4f6feb3b2428d2369ac24e4643f91ed0ff5fb30a1b2e492d8f8ecf827"},
	{DCEP_SUITE_P256, "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
	 "d6f2794dc7abee495b0934f94ffa5c4ca3d21348d6f461f3e685d38552475742"
	 "4154cb47405d72a3fef7551241858d508719ad016c9ad1e0619c21ca7f22ff67",
	 "5addc43131be929696da6f14a074f6628ee3b2464248aa2c0f20df565443a198"
	 "1fbdb44cec22db75a7f04c0b277098c3f7e83f7e4021927ad0db54f66621854d"},
};

static char text[32768];
static size_t text_len;

/* Reads hexadecimal digits into bytes, returns their number. */
size_t
vectors_unhex(const char *hex, uint8_t *out)
{
	size_t len = strlen(hex) / 2;

	for (size_t i = 0; i < len; i++)
	{
		char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};
		char *end;

		out[i] = (uint8_t) strtoul(digits, &end, 16);
		if (*end != '\0')
			abort();
	}
	return len;
}

/* Adds to the text. */
void
vectors_add(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	text_len += (size_t) vsnprintf(text + text_len, sizeof(text) - text_len, format, args);
	va_end(args);
	if (text_len >= sizeof(text))
		abort();
}

/* Adds a line of bytes in hexadecimal digits. */
void
vectors_add_hex(const char *name, const uint8_t *bytes, size_t len)
{
	vectors_add("%s = ", name);
	for (size_t i = 0; i < len; i++)
		vectors_add("%02x", bytes[i]);
	vectors_add("\n");
}

/* Adds a signed coin in its text form. */
static void
add_coin(const char *name, const DcepSignedCoin *coin)
{
	uint8_t bytes[DCEP_COIN_MAX_LEN];
	size_t len = dcep_signed_coin_put(coin, bytes);
	char encoded[DCEP_COIN_MAX_LEN * 2];

	encoded[dcep_base64url_put(bytes, len, encoded)] = '\0';
	vectors_add("%s = " DCEP_COIN_PREFIX "%s\n", name, encoded);
}

/* Key pair with a given private key, by way of the PEM that a key file would have. */
DcepKeyPair *
vectors_key(int suite, const char *private_hex)
{
	static const char *const der_prefix[] = {
		[DCEP_SUITE_ED25519] = "302e020100300506032b657004220420",
		[DCEP_SUITE_SM2] = "3041020100301306072a8648ce3d020106082a811ccf5501822d042730250201010420",
		[DCEP_SUITE_P256] = "3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420"};
	uint8_t der[128];
	char base64[256];
	char pem[512];
	size_t len = vectors_unhex(der_prefix[suite], der);

	len += vectors_unhex(private_hex, der + len);
	len = dcep_base64url_put(der, len, base64);
	for (size_t i = 0; i < len; i++)
		base64[i] = base64[i] == '-' ? '+' : base64[i] == '_' ? '/' : base64[i];
	while (len % 4 != 0)
		base64[len++] = '=';
	/* PEM has lines of 64 characters. */
	len = (size_t) snprintf(pem, sizeof(pem), "-----BEGIN PRIVATE KEY-----\n%.64s\n%.*s%s-----END PRIVATE KEY-----\n",
							base64, len > 64 ? (int) len - 64 : 0, base64 + 64, len > 64 ? "\n" : "");
	return dcep_key_from_pem(pem, len);
}

/* The transfer that all examples have in common. */
DcepContext
vectors_context(void)
{
	static const int64_t inputs[] = {41, 86};
	DcepContext context = {
		.seq = 2,
		.id = 1000,
		.kind = DCEP_KIND_TRANSFER,
		.payer = dcep_wallet_compose(2, INT64_C(99999999999)),
		.payee = dcep_wallet_compose(3, INT64_C(12345678901)),
		.amount = 1250,
		.created_at = INT64_C(1767225600123456), /* 2026-01-01 00:00:00.123456 UTC */
		.key = {"order 1", 7},
		.inputs = inputs,
		.input_count = 2,
	};

	memset(context.prev_hash, 0xab, DCEP_HASH_LEN);
	return context;
}

/* Adds the fields of the transfer in words. */
static void
add_transfer(const DcepContext *context)
{
	uint8_t bytes[512];

	vectors_add("[transfer]\n");
	vectors_add_hex("prev_hash", context->prev_hash, DCEP_HASH_LEN);
	vectors_add("seq = %lld\nid = %lld\nkind = %d\n", (long long) context->seq, (long long) context->id, context->kind);
	vectors_add("payer = %016lld\npayee = %016lld\n", (long long) context->payer, (long long) context->payee);
	vectors_add("amount = %lld\ncreated_at = %lld\n", (long long) context->amount, (long long) context->created_at);
	vectors_add("key = %s\ninputs = 41 86\nmemo is absent\nchange = 350\n", context->key.data);
	dcep_context_put(context, bytes);
	vectors_add_hex("context", bytes, dcep_context_length(context));
}

/* Adds the context of the same transfer, made to a token on an instruction that the payer's device signed. */
static void
add_instructed(DcepContext context)
{
	uint8_t bytes[512];
	char token[DCEP_TOKEN_PROOF_LEN];
	char device_signature[DCEP_SIGNATURE_LEN];

	dcep_put_u64((uint8_t *) token, EXAMPLE_TOKEN);
	memset(token + 8, 0xcd, DCEP_TOKEN_SALT_LEN);
	memset(device_signature, 0xef, DCEP_SIGNATURE_LEN);
	context.kind = DCEP_KIND_TOKEN;
	context.token = (DcepText){token, sizeof(token)};
	vectors_add("\n[token]\nkind = %d\n", context.kind);
	vectors_add_hex("token", (const uint8_t *) token, sizeof(token));
	dcep_context_put(&context, bytes);
	vectors_add_hex("context", bytes, dcep_context_length(&context));
	context.device_signature = (DcepText){device_signature, sizeof(device_signature)};
	vectors_add_hex("device_signature", (const uint8_t *) device_signature, sizeof(device_signature));
	dcep_context_put(&context, bytes);
	vectors_add_hex("signed_context", bytes, dcep_context_length(&context));
}

/* What the payer's device signs of the transfer, returns its length. */
static size_t
put_instruction(const DcepContext *context, uint8_t *out)
{
	dcep_instruction_put("CNY", context, out);
	return dcep_instruction_length(context);
}

/* Signs the instruction, or takes the signature that was kept; it must be valid either way. */
static bool
add_device_signature(const Example *example, const uint8_t *instruction, size_t len)
{
	DcepKeyPair *key = vectors_key(example->suite, example->private_key);
	uint8_t signature[DCEP_SIGNATURE_LEN];
	bool done = key != NULL;

	if (done && example->device_signature != NULL)
		vectors_unhex(example->device_signature, signature);
	else if (done)
		done = dcep_sign(key, instruction, len, signature);
	done = done && dcep_verify(key, instruction, len, signature) == DCEP_SIGNATURE_VALID;
	vectors_add_hex(dcep_suite_name(example->suite), signature, DCEP_SIGNATURE_LEN);
	dcep_key_free(key);
	return done;
}

/* Signs the example, or takes the signature that was kept; it must be valid either way. */
static bool
sign_example(const Example *example, DcepKeyPair *key, const uint8_t root[DCEP_HASH_LEN],
			 uint8_t signature[DCEP_SIGNATURE_LEN])
{
	if (example->signature != NULL)
		vectors_unhex(example->signature, signature);
	else if (!dcep_root_sign(key, root, signature))
		return false;
	return dcep_root_verify(key, root, signature) == DCEP_SIGNATURE_VALID;
}

/* The payee's coin of the same transfer as one of a batch's leaves, signed with the others; the root of that. */
bool
vectors_batch_coin(DcepKeyPair *key, const DcepOpening *opening, DcepSignedCoin *coin, uint8_t root[DCEP_HASH_LEN])
{
	uint8_t leaves[BATCH_SIZE][DCEP_HASH_LEN];
	uint8_t signature[DCEP_SIGNATURE_LEN];

	for (int i = 0; i < BATCH_SIZE; i++)
		memset(leaves[i], i, DCEP_HASH_LEN);
	memcpy(leaves[BATCH_INDEX], opening->transfer_hash, DCEP_HASH_LEN);
	if (!dcep_batch_root(DCEP_SUITE_ED25519, leaves, BATCH_SIZE, root) || !dcep_root_sign(key, root, signature))
		return false;
	dcep_opening_coin(opening, DCEP_COIN_PAYEE, signature, coin);
	coin->batch_index = BATCH_INDEX;
	coin->batch_size = BATCH_SIZE;
	coin->path_len = dcep_path_length(BATCH_INDEX, BATCH_SIZE);
	return dcep_batch_path(DCEP_SUITE_ED25519, leaves, BATCH_SIZE, BATCH_INDEX, coin->path);
}

/* Adds that batch. */
static bool
add_batch(DcepKeyPair *key, const DcepOpening *opening)
{
	uint8_t root[DCEP_HASH_LEN];
	DcepSignedCoin coin;

	if (!vectors_batch_coin(key, opening, &coin, root))
		return false;
	vectors_add("\n[batch]\nsize = %d\nindex = %d\n", BATCH_SIZE, BATCH_INDEX);
	for (int i = 0; i < coin.path_len; i++)
		vectors_add_hex("path", coin.path[i], DCEP_HASH_LEN);
	vectors_add_hex("root", root, DCEP_HASH_LEN);
	vectors_add_hex("signature", coin.signature, DCEP_SIGNATURE_LEN);
	add_coin("payee_coin", &coin);
	return true;
}

/* Adds one suite's hashes, signature and coins. */
static bool
add_suite(const Example *example, const DcepContext *context)
{
	DcepMint mint = {example->suite, 2, 1, {'C', 'N', 'Y'}, 2};
	DcepKeyPair *key = vectors_key(example->suite, example->private_key);
	uint8_t public_key[DCEP_PUBLIC_KEY_MAX];
	uint8_t body[DCEP_COIN_BODY_LEN];
	uint8_t signature[DCEP_SIGNATURE_LEN];
	DcepOpening opening;
	DcepSignedCoin coin;
	bool done = key != NULL && dcep_opening_compute(&mint, context, 350, false, &opening) &&
				sign_example(example, key, opening.transfer_hash, signature);

	if (done)
	{
		vectors_add("\n[%s]\nprivate_key = %s\n", dcep_suite_name(example->suite), example->private_key);
		vectors_add_hex("public_key", public_key, dcep_key_public(key, public_key));
		vectors_add_hex("context_hash", opening.context_hash, DCEP_HASH_LEN);
		dcep_coin_put_body(&opening.coin[DCEP_COIN_PAYEE], body);
		vectors_add_hex("payee_body", body, DCEP_COIN_BODY_LEN);
		vectors_add_hex("payee_hash", opening.coin_hash[DCEP_COIN_PAYEE], DCEP_HASH_LEN);
		dcep_coin_put_body(&opening.coin[DCEP_COIN_CHANGE], body);
		vectors_add_hex("change_body", body, DCEP_COIN_BODY_LEN);
		vectors_add_hex("change_hash", opening.coin_hash[DCEP_COIN_CHANGE], DCEP_HASH_LEN);
		vectors_add_hex("transfer_hash", opening.transfer_hash, DCEP_HASH_LEN);
		vectors_add_hex("signature", signature, DCEP_SIGNATURE_LEN);
		dcep_opening_coin(&opening, DCEP_COIN_PAYEE, signature, &coin);
		add_coin("payee_coin", &coin);
		dcep_opening_coin(&opening, DCEP_COIN_CHANGE, signature, &coin);
		add_coin("change_coin", &coin);
		done = example->suite != DCEP_SUITE_ED25519 || add_batch(key, &opening);
	}
	dcep_key_free(key);
	return done;
}

/* Adds the instruction of the transfer, signed with each key, and that of the payment to a token. */
static bool
add_instructions(DcepContext context)
{
	uint8_t bytes[512];
	char token[8];
	size_t len = put_instruction(&context, bytes);

	vectors_add("\n[instruction]\n");
	vectors_add_hex("instruction", bytes, len);
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
	{
		if (!add_device_signature(&examples[i], bytes, len))
			return false;
	}
	dcep_put_u64((uint8_t *) token, EXAMPLE_TOKEN);
	context.kind = DCEP_KIND_TOKEN;
	context.token = (DcepText){token, sizeof(token)};
	context.memo = (DcepText){"", 0};
	vectors_add_hex("token_instruction", bytes, put_instruction(&context, bytes));
	return true;
}

/* The text that stands in docs/format.md. */
const char *
vectors_text(void)
{
	DcepContext context = vectors_context();

	text_len = 0;
	add_transfer(&context);
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
	{
		if (!add_suite(&examples[i], &context))
			return NULL;
	}
	add_instructed(context);
	return add_instructions(context) && vectors_add_log(examples[0].private_key) ? text : NULL;
}
