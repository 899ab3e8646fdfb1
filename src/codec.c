/*
 * codec.c: the bytes of dcep.
 *
 * Whatever is hashed, signed or kept in a coin is written and read here, field
 * by field and in network order, never as a C struct.  Every encoding is
 * canonical: a value has one form, and a parser accepts that form only, so that
 * equal bytes and equal values are the same thing.
 */
#include "codec.h"

#include <assert.h>
#include <string.h>

#define WALLET_MAX INT64_C(9999999999999999)
#define TOKEN_MIN INT64_C(280000000000000000)
#define TOKEN_MAX INT64_C(289999999999999999)

/* 4714-11-24 BC, the first instant of a timestamptz; the last one lies beyond what 64 bits of microseconds reach. */
#define INSTANT_MIN (-INT64_C(210866803200000000))

#define ABSENT_LEN UINT32_C(0xFFFFFFFF)
#define CONTEXT_TAG_LEN 16
/* Tag, prev_hash, seq, id, kind, payer, payee, amount and created_at, each field after its length. */
#define CONTEXT_FIXED_LEN (CONTEXT_TAG_LEN + (4 + DCEP_HASH_LEN) + 6 * (4 + 8) + (4 + 1))
/* Tag, currency, kind, payer, payee and amount, each field after its length. */
#define INSTRUCTION_FIXED_LEN (DCEP_TAG_LEN + (4 + DCEP_CURRENCY_LEN) + (4 + 1) + 3 * (4 + 8))

/* Name of a kind of transfer, NULL when the number is none. */
const char *
dcep_kind_name(int kind)
{
	static const char *const names[DCEP_KIND_MAX + 1] = {
		[DCEP_KIND_ISSUE] = "issue",
		[DCEP_KIND_TRANSFER] = "transfer",
		[DCEP_KIND_EXCHANGE_IN] = "exchange_in",
		[DCEP_KIND_EXCHANGE_OUT] = "exchange_out",
		[DCEP_KIND_REDEEM] = "redeem",
		[DCEP_KIND_RECOVER] = "recover",
		[DCEP_KIND_CONSOLIDATE] = "consolidate",
		[DCEP_KIND_TOKEN] = "token",
		[DCEP_KIND_RETURN] = "return",
	};

	return kind >= 0 && kind <= DCEP_KIND_MAX ? names[kind] : NULL;
}

/* Writes 2 bytes, returns where the next field goes. */
uint8_t *
dcep_put_u16(uint8_t *to, uint16_t value)
{
	to[0] = (uint8_t) (value >> 8);
	to[1] = (uint8_t) value;
	return to + 2;
}

/* Writes 4 bytes, returns where the next field goes. */
uint8_t *
dcep_put_u32(uint8_t *to, uint32_t value)
{
	to[0] = (uint8_t) (value >> 24);
	to[1] = (uint8_t) (value >> 16);
	to[2] = (uint8_t) (value >> 8);
	to[3] = (uint8_t) value;
	return to + 4;
}

/* Writes 8 bytes, returns where the next field goes. */
uint8_t *
dcep_put_u64(uint8_t *to, uint64_t value)
{
	to[0] = (uint8_t) (value >> 56);
	to[1] = (uint8_t) (value >> 48);
	to[2] = (uint8_t) (value >> 40);
	to[3] = (uint8_t) (value >> 32);
	to[4] = (uint8_t) (value >> 24);
	to[5] = (uint8_t) (value >> 16);
	to[6] = (uint8_t) (value >> 8);
	to[7] = (uint8_t) value;
	return to + 8;
}

/* Reads 2 bytes. */
uint16_t
dcep_get_u16(const uint8_t *from)
{
	return (uint16_t) ((from[0] << 8) | from[1]);
}

/* Reads 4 bytes. */
uint32_t
dcep_get_u32(const uint8_t *from)
{
	return ((uint32_t) from[0] << 24) | ((uint32_t) from[1] << 16) | ((uint32_t) from[2] << 8) | from[3];
}

/* Reads 8 bytes. */
uint64_t
dcep_get_u64(const uint8_t *from)
{
	return ((uint64_t) dcep_get_u32(from) << 32) | dcep_get_u32(from + 4);
}

/* Writes bytes as they are, returns where the next field goes. */
static uint8_t *
put_bytes(uint8_t *to, const void *from, size_t len)
{
	if (len > 0)
		memcpy(to, from, len);
	return to + len;
}

/* Not isdigit(): the locale has no say in what a digit is. */
static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Writes the lowest `count` decimal digits and a NUL, whatever the value: it may come from a damaged page. */
static void
print_digits(uint64_t value, int count, char *out)
{
	out[count] = '\0';
	for (int i = count - 1; i >= 0; i--)
	{
		out[i] = (char) ('0' + value % 10);
		value /= 10;
	}
}

/* Check digit of a 15-digit number: ISO/IEC 7064 MOD 11,10. */
static int
wallet_check_digit(int64_t number)
{
	int product = 10;

	for (int64_t scale = INT64_C(100000000000000); scale > 0; scale /= 10)
	{
		int sum = (product + (int) (number / scale % 10)) % 10;

		if (sum == 0)
			sum = 10;
		product = sum * 2 % 11;
	}
	return (11 - product) % 10;
}

/* Wallet number of an institution and a number of its own; both must be in range. */
int64_t
dcep_wallet_compose(int institution, int64_t number)
{
	int64_t stem = institution * DCEP_WALLET_NUMBERS + number;

	assert(institution >= DCEP_PSEUDONYMS && institution <= 9999);
	assert(number >= 0 && number < DCEP_WALLET_NUMBERS);
	return stem * 10 + wallet_check_digit(stem);
}

/* Accepts exactly the values of dcep_wallet_compose(). */
const char *
dcep_wallet_check(int64_t wallet)
{
	if (wallet < 0 || wallet > WALLET_MAX)
		return "A wallet number has 16 digits.";
	if (wallet_check_digit(wallet / 10) != wallet % 10)
		return "The check digit does not match.";
	return NULL;
}

/* Reads 16 digits; between two groups of four there may be one space or hyphen. */
const char *
dcep_wallet_parse(const char *text, size_t len, int64_t *wallet)
{
	int64_t value = 0;
	int digits = 0;
	bool separated = false;
	const char *wrong;

	for (size_t i = 0; i < len; i++)
	{
		bool at_gap = digits == 4 || digits == 8 || digits == 12;

		if ((text[i] == ' ' || text[i] == '-') && at_gap && !separated)
		{
			separated = true;
			continue;
		}
		if (!is_digit(text[i]))
			return "Expected 16 digits, with at most one space or hyphen between groups of four.";
		if (digits == DCEP_WALLET_DIGITS)
			return "A wallet number has 16 digits.";
		value = value * 10 + (text[i] - '0');
		digits++;
		separated = false;
	}
	if (digits != DCEP_WALLET_DIGITS)
		return "A wallet number has 16 digits.";
	wrong = dcep_wallet_check(value);
	if (wrong == NULL)
		*wallet = value;
	return wrong;
}

/* Writes 16 digits and a NUL. */
void
dcep_wallet_print(int64_t wallet, char out[DCEP_WALLET_DIGITS + 1])
{
	print_digits((uint64_t) wallet, DCEP_WALLET_DIGITS, out);
}

/* Accepts 18-digit numbers that begin with 28. */
const char *
dcep_token_check(int64_t token)
{
	if (token < TOKEN_MIN || token > TOKEN_MAX)
		return "A payment token has 18 digits and begins with 28.";
	return NULL;
}

/* Makes a token of 64 bits: what 16 digits hold of them. */
int64_t
dcep_token_compose(uint64_t bits)
{
	return TOKEN_MIN + (int64_t) (bits % (uint64_t) (TOKEN_MAX - TOKEN_MIN + 1));
}

/* Reads 18 digits and nothing else; the answer never repeats one of them. */
const char *
dcep_token_parse(const char *text, size_t len, int64_t *token)
{
	int64_t value = 0;

	if (len != DCEP_TOKEN_DIGITS)
		return "A payment token has 18 digits and begins with 28.";
	for (size_t i = 0; i < len; i++)
	{
		if (!is_digit(text[i]))
			return "A payment token consists of digits only.";
		value = value * 10 + (text[i] - '0');
	}
	*token = value;
	return dcep_token_check(value);
}

/* Writes 18 digits and a NUL. */
void
dcep_token_print(int64_t token, char out[DCEP_TOKEN_DIGITS + 1])
{
	print_digits((uint64_t) token, DCEP_TOKEN_DIGITS, out);
}

/* Writes bytes 0..59 of a coin, the part that its hash covers. */
void
dcep_coin_put_body(const DcepCoin *coin, uint8_t out[DCEP_COIN_BODY_LEN])
{
	uint8_t *at = out;

	*at++ = DCEP_COIN_VERSION;
	*at++ = coin->suite;
	at = dcep_put_u16(at, coin->issuer);
	at = dcep_put_u32(at, coin->key_number);
	at = put_bytes(at, coin->currency, DCEP_CURRENCY_LEN);
	*at++ = coin->exponent;
	at = dcep_put_u64(at, (uint64_t) coin->id);
	at = dcep_put_u64(at, (uint64_t) coin->amount);
	at = dcep_put_u64(at, (uint64_t) coin->owner);
	at = dcep_put_u64(at, (uint64_t) coin->minted_at);
	at = put_bytes(at, coin->blinding, DCEP_BLINDING_LEN);
	assert(at == out + DCEP_COIN_BODY_LEN);
}

/* Reads what dcep_coin_put_body() wrote; the version byte is the caller's. */
static void
get_coin_body(const uint8_t *bytes, DcepCoin *coin)
{
	coin->suite = bytes[1];
	coin->issuer = dcep_get_u16(bytes + 2);
	coin->key_number = dcep_get_u32(bytes + 4);
	memcpy(coin->currency, bytes + 8, DCEP_CURRENCY_LEN);
	coin->exponent = bytes[11];
	coin->id = (int64_t) dcep_get_u64(bytes + 12);
	coin->amount = (int64_t) dcep_get_u64(bytes + 20);
	coin->owner = (int64_t) dcep_get_u64(bytes + 28);
	coin->minted_at = (int64_t) dcep_get_u64(bytes + 36);
	memcpy(coin->blinding, bytes + 44, DCEP_BLINDING_LEN);
}

/* Three capital letters. */
static bool
is_currency(const char *currency)
{
	for (int i = 0; i < DCEP_CURRENCY_LEN; i++)
	{
		if (currency[i] < 'A' || currency[i] > 'Z')
			return false;
	}
	return true;
}

/* Who signed, with which key, in which unit. */
const char *
dcep_coin_check_origin(const DcepCoin *coin)
{
	if (coin->suite < DCEP_SUITE_ED25519 || coin->suite > DCEP_SUITE_P256)
		return "The signature suite is unknown.";
	if (coin->issuer < 1 || coin->issuer > 9999)
		return "The issuer is not an institution code from 1 to 9999.";
	if (coin->key_number < 1 || coin->key_number > INT32_MAX)
		return "The key number is not from 1 to 2147483647.";
	if (!is_currency(coin->currency))
		return "The currency is not three capital letters.";
	if (coin->exponent > 18)
		return "The currency exponent is above 18.";
	return NULL;
}

/* Is this the number of a wallet, not a pseudonym? */
static bool
is_wallet(int64_t wallet)
{
	return dcep_wallet_check(wallet) == NULL && dcep_wallet_institution(wallet) != DCEP_PSEUDONYMS;
}

/* Which coin, of what value, whose, since when. */
static const char *
check_coin_content(const DcepCoin *coin)
{
	/* The transfer's id is half of the coin's, so that two is the first. */
	if (coin->id < 2)
		return "The coin id is not twice a transfer id from 1 to 2^62 - 1, or one more.";
	if (coin->amount < 1)
		return "The amount is not from 1 to 2^63 - 1.";
	if (!is_wallet(coin->owner))
		return "The owner is not a wallet number.";
	if (coin->minted_at < INSTANT_MIN)
		return "The minting time lies before the year 4714 BC.";
	return NULL;
}

/* Number of hashes between a leaf and the root of a tree; the leaf must be in the tree. */
int
dcep_path_length(uint32_t index, uint32_t size)
{
	uint32_t last = size - 1;
	int len = 0;

	assert(index < size);
	/* Below the level where leaf and last leaf meet, every node has a sibling. */
	while (index != last)
	{
		len++;
		index >>= 1;
		last >>= 1;
	}
	/* Above it, the node is its level's last: it is promoted, unless it is a right child. */
	for (; index > 0; index >>= 1)
		len += (int) (index & 1);
	return len;
}

/* Writes a signed coin, returns its length. */
size_t
dcep_signed_coin_put(const DcepSignedCoin *coin, uint8_t *out)
{
	uint8_t *at = out + DCEP_COIN_BODY_LEN;

	assert(coin->path_len == dcep_path_length(coin->batch_index, coin->batch_size));
	dcep_coin_put_body(&coin->coin, out);
	at = put_bytes(at, coin->sibling_hash, DCEP_HASH_LEN);
	at = put_bytes(at, coin->context_hash, DCEP_HASH_LEN);
	at = dcep_put_u32(at, coin->batch_index);
	at = dcep_put_u32(at, coin->batch_size);
	at = put_bytes(at, coin->path, (size_t) coin->path_len * DCEP_HASH_LEN);
	at = put_bytes(at, coin->signature, DCEP_SIGNATURE_LEN);
	return (size_t) (at - out);
}

/* Reads everything behind the body, once the length is known to cover the head. */
static const char *
get_coin_opening(const uint8_t *bytes, size_t len, DcepSignedCoin *coin)
{
	size_t path_bytes;

	memcpy(coin->sibling_hash, bytes + 60, DCEP_HASH_LEN);
	memcpy(coin->context_hash, bytes + 92, DCEP_HASH_LEN);
	coin->batch_index = dcep_get_u32(bytes + 124);
	coin->batch_size = dcep_get_u32(bytes + 128);
	if (coin->batch_index >= coin->batch_size)
		return "The batch index is not below the batch size.";

	coin->path_len = dcep_path_length(coin->batch_index, coin->batch_size);
	assert(coin->path_len <= DCEP_COIN_PATH_MAX);
	path_bytes = (size_t) coin->path_len * DCEP_HASH_LEN;
	if (len != DCEP_COIN_MIN_LEN + path_bytes)
		return "The length does not match the coin's place in its batch.";
	memcpy(coin->path, bytes + DCEP_COIN_HEAD_LEN, path_bytes);
	memcpy(coin->signature, bytes + DCEP_COIN_HEAD_LEN + path_bytes, DCEP_SIGNATURE_LEN);
	return NULL;
}

/* Reads a signed coin and checks all that can be checked without a key. */
const char *
dcep_signed_coin_get(const uint8_t *bytes, size_t len, DcepSignedCoin *coin)
{
	const char *problem;

	if (len < DCEP_COIN_MIN_LEN)
		return "A signed coin has at least 196 bytes.";
	if (bytes[0] != DCEP_COIN_VERSION)
		return "The version is unknown.";
	get_coin_body(bytes, &coin->coin);
	problem = dcep_coin_check_origin(&coin->coin);
	if (problem == NULL)
		problem = check_coin_content(&coin->coin);
	if (problem == NULL)
		problem = get_coin_opening(bytes, len, coin);
	return problem;
}

/* Number of characters that stand for `len` bytes. */
size_t
dcep_base64url_length(size_t len)
{
	return len / 3 * 4 + (len % 3 == 0 ? 0 : len % 3 + 1);
}

/* Writes dcep_base64url_length() characters without a NUL, returns their number. */
size_t
dcep_base64url_put(const uint8_t *bytes, size_t len, char *out)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint32_t bits = 0;
	int held = 0;
	char *at = out;

	for (size_t i = 0; i < len; i++)
	{
		bits = (bits << 8) | bytes[i];
		for (held += 8; held >= 6; held -= 6)
			*at++ = alphabet[(bits >> (held - 6)) & 63];
	}
	if (held > 0)
		*at++ = alphabet[(bits << (6 - held)) & 63];
	return (size_t) (at - out);
}

/* Value of a base64url character, -1 when it is none. */
static int
base64url_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (is_digit(c))
		return c - '0' + 52;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : -1;
}

/* Reads canonical base64url: the only text that dcep_base64url_put() writes for those bytes. */
const char *
dcep_base64url_get(const char *text, size_t len, uint8_t *out, size_t *out_len)
{
	uint32_t bits = 0;
	int held = 0;
	uint8_t *at = out;

	if (len % 4 == 1)
		return "The base64url text is cut off.";
	for (size_t i = 0; i < len; i++)
	{
		int value = base64url_value(text[i]);

		if (value < 0)
			return "A character is not of the base64url alphabet.";
		bits = (bits << 6) | (uint32_t) value;
		held += 6;
		if (held >= 8)
		{
			held -= 8;
			*at++ = (uint8_t) (bits >> held);
		}
	}
	if ((bits & ((UINT32_C(1) << held) - 1)) != 0)
		return "The unused bits of the last base64url character are not zero.";
	*out_len = (size_t) (at - out);
	return NULL;
}

/* Does it begin so? */
bool
dcep_coin_text_begins(const char *text, size_t text_len)
{
	return text_len >= DCEP_COIN_PREFIX_LEN && memcmp(text, DCEP_COIN_PREFIX, DCEP_COIN_PREFIX_LEN) == 0;
}

/* Reads the text of a signed coin. */
const char *
dcep_coin_text_get(const char *text, size_t text_len, uint8_t *bytes, size_t *len, DcepSignedCoin *coin)
{
	const char *wrong = dcep_base64url_get(text + DCEP_COIN_PREFIX_LEN, text_len - DCEP_COIN_PREFIX_LEN, bytes, len);

	return wrong != NULL ? wrong : dcep_signed_coin_get(bytes, *len, coin);
}

/* Bytes of a text and its length. */
static size_t
field_text_length(DcepText text)
{
	return 4 + (text.data == NULL ? 0 : text.len);
}

/* Does a context end in a token and a device's signature, of which one may be absent? Most have neither. */
static bool
has_instruction(const DcepContext *context)
{
	return context->token.data != NULL || context->device_signature.data != NULL;
}

/* Number of bytes that dcep_context_put() writes. */
size_t
dcep_context_length(const DcepContext *context)
{
	size_t length = CONTEXT_FIXED_LEN + field_text_length(context->key) + 4 + (size_t) context->input_count * 8 +
					field_text_length(context->memo);

	if (has_instruction(context))
		length += field_text_length(context->token) + field_text_length(context->device_signature);
	return length;
}

/* Writes a number after its length. */
uint8_t *
dcep_put_field_number(uint8_t *to, int64_t value)
{
	return dcep_put_u64(dcep_put_u32(to, 8), (uint64_t) value);
}

/* Writes a hash after its length. */
static uint8_t *
put_field_hash(uint8_t *to, const uint8_t hash[DCEP_HASH_LEN])
{
	return put_bytes(dcep_put_u32(to, DCEP_HASH_LEN), hash, DCEP_HASH_LEN);
}

/* Writes the length of a text; an absent text has one that none can have. */
uint8_t *
dcep_put_text_length(uint8_t *to, DcepText text)
{
	assert(text.data == NULL || text.len != ABSENT_LEN);
	return dcep_put_u32(to, text.data ? text.len : ABSENT_LEN);
}

/* Writes a text after its length. */
static uint8_t *
put_field_text(uint8_t *to, DcepText text)
{
	to = dcep_put_text_length(to, text);
	return text.data ? put_bytes(to, text.data, text.len) : to;
}

/* Writes what a record of an institution's chain begins with. */
uint8_t *
dcep_put_record_head(uint8_t *to, uint8_t hash_tag, const char tag[DCEP_TAG_LEN],
					 const uint8_t prev_hash[DCEP_HASH_LEN], int institution)
{
	*to++ = hash_tag;
	to = put_field_hash(put_bytes(to, tag, DCEP_TAG_LEN), prev_hash);
	return dcep_put_u16(dcep_put_u32(to, 2), (uint16_t) institution);
}

/* Writes the consumed coin ids after the length of them all. */
static uint8_t *
put_field_inputs(uint8_t *to, const int64_t *inputs, uint32_t count)
{
	assert(count < ABSENT_LEN / 8);
	to = dcep_put_u32(to, count * 8);
	for (uint32_t i = 0; i < count; i++)
		to = dcep_put_u64(to, (uint64_t) inputs[i]);
	return to;
}

/* Writes exactly dcep_context_length() bytes. */
void
dcep_context_put(const DcepContext *context, uint8_t *out)
{
	uint8_t *at = put_bytes(out, "dcep context v1", CONTEXT_TAG_LEN);

	at = put_field_hash(at, context->prev_hash);
	at = dcep_put_field_number(at, context->seq);
	at = dcep_put_field_number(at, context->id);
	at = dcep_put_u32(at, 1);
	*at++ = (uint8_t) context->kind;
	at = dcep_put_field_number(at, context->payer);
	at = dcep_put_field_number(at, context->payee);
	at = dcep_put_field_number(at, context->amount);
	at = dcep_put_field_number(at, context->created_at);
	at = put_field_text(at, context->key);
	at = put_field_inputs(at, context->inputs, context->input_count);
	at = put_field_text(at, context->memo);
	if (has_instruction(context))
		at = put_field_text(put_field_text(at, context->token), context->device_signature);
	assert(at == out + dcep_context_length(context));
}

/* Takes so many bytes; NULL where there are not as many. */
const uint8_t *
dcep_take_bytes(DcepReader *reader, size_t len)
{
	const uint8_t *from = reader->at;

	if (from == NULL || (size_t) (reader->end - from) < len)
	{
		reader->at = NULL;
		return NULL;
	}
	reader->at += len;
	return from;
}

/* Takes a number of one, two, four or eight bytes; 0 where they are not there. */
uint64_t
dcep_take_number(DcepReader *reader, size_t len)
{
	const uint8_t *bytes = dcep_take_bytes(reader, len);
	uint64_t number = 0;

	for (size_t i = 0; bytes != NULL && i < len; i++)
		number = number << 8 | bytes[i];
	return number;
}

/* Takes a field of this length; NULL where another one stands there. */
const uint8_t *
dcep_take_field(DcepReader *reader, uint32_t len)
{
	const uint8_t *length = dcep_take_bytes(reader, 4);

	if (length != NULL && dcep_get_u32(length) != len)
		reader->at = NULL;
	return dcep_take_bytes(reader, len);
}

/* Takes a field of 8 bytes; 0 where there is none. */
int64_t
dcep_take_field_number(DcepReader *reader)
{
	const uint8_t *field = dcep_take_field(reader, 8);

	return field == NULL ? 0 : (int64_t) dcep_get_u64(field);
}

/* Takes a text that may be absent. */
DcepText
dcep_take_field_text(DcepReader *reader)
{
	const uint8_t *length = dcep_take_bytes(reader, 4);
	DcepText text = {NULL, 0};

	if (length == NULL || dcep_get_u32(length) == ABSENT_LEN)
		return text;
	text.len = dcep_get_u32(length);
	text.data = (const char *) dcep_take_bytes(reader, text.len);
	return text;
}

/* Takes the consumed coin ids; returns their number. */
static uint32_t
take_field_inputs(DcepReader *reader, int64_t *inputs)
{
	const uint8_t *length = dcep_take_bytes(reader, 4);
	uint32_t len = length == NULL ? 0 : dcep_get_u32(length);
	const uint8_t *ids = dcep_take_bytes(reader, len);

	if (ids == NULL || len % 8 != 0)
	{
		reader->at = NULL;
		return 0;
	}
	for (uint32_t i = 0; i < len / 8; i++)
		inputs[i] = (int64_t) dcep_get_u64(ids + 8 * (size_t) i);
	return len / 8;
}

/* Takes the two fields that most contexts end without. */
static void
take_instruction(DcepReader *reader, DcepContext *context)
{
	context->token = dcep_take_field_text(reader);
	context->device_signature = dcep_take_field_text(reader);
	if (!has_instruction(context) || (context->token.data != NULL && context->token.len != DCEP_TOKEN_PROOF_LEN) ||
		(context->device_signature.data != NULL && context->device_signature.len != DCEP_SIGNATURE_LEN))
		reader->at = NULL;
}

/* Are the values such as transfers have? */
static const char *
check_context(const DcepContext *context)
{
	if (dcep_kind_name(context->kind) == NULL)
		return "The context's kind is unknown.";
	if (context->id < 1 || context->id > INT64_MAX / 2 || context->seq < 1 || context->amount < 1)
		return "The context has an id, a seq or an amount that is out of range.";
	if (!is_wallet(context->payer) || !is_wallet(context->payee))
		return "The context's payer or payee is not a wallet number.";
	return context->created_at < INSTANT_MIN ? "The context's time lies before the year 4714 BC." : NULL;
}

/* Reads a context; what is accepted is what dcep_context_put() writes for it. */
const char *
dcep_context_get(const uint8_t *bytes, size_t len, DcepContext *context, int64_t *inputs)
{
	DcepReader reader = {bytes, bytes + len};
	const uint8_t *tag = dcep_take_bytes(&reader, CONTEXT_TAG_LEN);
	const uint8_t *prev_hash = dcep_take_field(&reader, DCEP_HASH_LEN);
	const uint8_t *kind;

	memset(context, 0, sizeof(*context));
	if (tag == NULL || memcmp(tag, "dcep context v1", CONTEXT_TAG_LEN) != 0)
		return "The context does not begin with its tag.";
	context->seq = dcep_take_field_number(&reader);
	context->id = dcep_take_field_number(&reader);
	kind = dcep_take_field(&reader, 1);
	context->kind = kind == NULL ? 0 : *kind;
	context->payer = dcep_take_field_number(&reader);
	context->payee = dcep_take_field_number(&reader);
	context->amount = dcep_take_field_number(&reader);
	context->created_at = dcep_take_field_number(&reader);
	context->key = dcep_take_field_text(&reader);
	context->inputs = inputs;
	context->input_count = take_field_inputs(&reader, inputs);
	context->memo = dcep_take_field_text(&reader);
	if (reader.at != NULL && reader.at != reader.end)
		take_instruction(&reader, context);
	if (reader.at == NULL || reader.at != reader.end ||
		(context->token.data != NULL) != (context->kind == DCEP_KIND_TOKEN))
		return "The context's fields do not have the lengths that they must have.";
	memcpy(context->prev_hash, prev_hash, DCEP_HASH_LEN);
	return check_context(context);
}

/* Number of bytes that dcep_instruction_put() writes. */
size_t
dcep_instruction_length(const DcepContext *context)
{
	return INSTRUCTION_FIXED_LEN + field_text_length(context->key) + field_text_length(context->memo);
}

/* Whom an instruction names: the payee, or the token, which is all that the payer of one knows. */
static int64_t
instructed_payee(const DcepContext *context)
{
	return context->token.data == NULL ? context->payee : (int64_t) dcep_get_u64((const uint8_t *) context->token.data);
}

/* Writes exactly dcep_instruction_length() bytes. */
void
dcep_instruction_put(const char currency[DCEP_CURRENCY_LEN], const DcepContext *context, uint8_t *out)
{
	uint8_t *at = put_bytes(out, "dcep instruct v1", DCEP_TAG_LEN);

	at = put_bytes(dcep_put_u32(at, DCEP_CURRENCY_LEN), currency, DCEP_CURRENCY_LEN);
	at = dcep_put_u32(at, 1);
	*at++ = (uint8_t) context->kind;
	at = dcep_put_field_number(at, context->payer);
	at = dcep_put_field_number(at, instructed_payee(context));
	at = dcep_put_field_number(at, context->amount);
	at = put_field_text(at, context->key);
	at = put_field_text(at, context->memo);
	assert(at == out + dcep_instruction_length(context));
}
