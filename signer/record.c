/*
 * record.c: signs records of an institution's chains.
 */
#include "record.h"

#include <string.h>

#include "json.h"

#define RECORD_TAG_ENTRY 0x05
#define RECORD_TAG_ACT 0x06
#define HEX_WORD "\"\\\\x" /* of bytes as PostgreSQL writes them into JSON */

/* Is this what is hashed of a reserve entry of the central bank, or of an act of the key's institution? */
static bool
is_record(const Case *judged, const uint8_t *bytes, size_t len)
{
	static const char entry_tag[DCEP_TAG_LEN] = "dcep reserve v1";
	static const char act_tag[DCEP_TAG_LEN] = "dcep act v1";
	const uint8_t *institution = bytes + DCEP_RECORD_HEAD_LEN - 2;
	int code = judged->key->institution->code;

	if (len <= DCEP_RECORD_HEAD_LEN)
		return false;
	if (bytes[0] == RECORD_TAG_ENTRY)
		return memcmp(bytes + 1, entry_tag, DCEP_TAG_LEN) == 0 && code == CENTRAL_BANK;
	return bytes[0] == RECORD_TAG_ACT && memcmp(bytes + 1, act_tag, DCEP_TAG_LEN) == 0 &&
		   dcep_get_u16(institution) == code;
}

/* Reads two hexadecimal digits, in lower case; -1 where they are none. */
static int
hex_byte(const char *digits)
{
	static const char all[] = "0123456789abcdef";
	const char *high = memchr(all, digits[0], 16);
	const char *low = memchr(all, digits[1], 16);

	return high == NULL || low == NULL ? -1 : (int) (high - all) * 16 + (int) (low - all);
}

/* Reads the bytes of a public key in the JSON of its row; their number, 0 where it is none. */
static size_t
read_public_key(DcepSpan value, uint8_t key[DCEP_PUBLIC_KEY_MAX])
{
	const size_t word = strlen(HEX_WORD);
	size_t len = value.len < word + 1 ? 0 : (value.len - word - 1) / 2;

	if (len == 0 || len > DCEP_PUBLIC_KEY_MAX || value.len != word + 2 * len + 1 ||
		memcmp(value.at, HEX_WORD, word) != 0 || value.at[value.len - 1] != '"')
		return 0;
	for (size_t i = 0; i < len; i++)
	{
		int byte = hex_byte(value.at + word + 2 * i);

		if (byte < 0)
			return 0;
		key[i] = (uint8_t) byte;
	}
	return len;
}

/* Is this public key one of the institution's that is held here, or that its statement trusts? */
static bool
is_trusted(const Case *judged, const uint8_t *key, size_t len)
{
	const Institution *institution = judged->key->institution;
	const HeldKey *held = store_key(judged->store, key, len);
	uint8_t trusted[DCEP_PUBLIC_KEY_MAX];

	if (held != NULL && held->institution == institution)
		return true;
	for (int i = 0; i < institution->quota.trusted_count; i++)
		if (institution->quota.trusted[i].institution == institution->code &&
			dcep_key_public(institution->quota.trusted[i].pair, trusted) == len && memcmp(trusted, key, len) == 0)
			return true;
	return false;
}

/*
 * May others be told of this key? The registry passes on keys of others, which are not its own to make. Whatever a
 * new key of the institution signs is taken for its money.
 */
static bool
may_tell_of_key(const Case *judged, const DcepAct *act)
{
	const DcepSpan body = {act->body.data, act->body.len};
	DcepSpan value;
	int64_t about;
	uint8_t key[DCEP_PUBLIC_KEY_MAX];
	size_t len;

	if (act->body.data == NULL || !json_member(body, "institution", &value) || !json_number(value, &about))
		return false;
	if (about != act->institution)
		return act->institution == CENTRAL_BANK;
	len = json_member(body, "public_key", &value) ? read_public_key(value, key) : 0;
	return len > 0 && is_trusted(judged, key, len);
}

/* Is it no message about a key, or one that may be sent? */
static bool
check_key(Case *judged, const uint8_t *bytes, size_t len)
{
	DcepAct act;

	if (bytes[0] != RECORD_TAG_ACT)
		return true;
	if (!dcep_act_get(bytes, len, &act))
		return case_refuse_malformed(judged);
	if (!message_is(&act, "key") || may_tell_of_key(judged, &act))
		return true;
	return case_refuse(judged, DCEP_WIRE_NOT_COVERED,
					   "A key of institution %04d is neither held by the process nor trusted by its statement.",
					   judged->key->institution->code);
}

/* A record of an institution's chain: no money, but it is seen, hashed here and logged. */
void
record_judge(Case *judged, DcepReader *request)
{
	const HeldKey *key;
	DcepBytes bytes;
	uint8_t hash[DCEP_HASH_LEN];
	uint8_t signature[DCEP_SIGNATURE_LEN];
	Buffer body = {0};

	if (!case_take_key(judged, request))
		return;
	key = judged->key;
	bytes = request_string(request);
	if (bytes.data == NULL || request->at != request->end || !is_record(judged, bytes.data, bytes.len))
	{
		(void) case_refuse(judged, DCEP_WIRE_NOT_COVERED, "It is no record of institution %04d.",
						   key->institution->code);
		return;
	}
	if (!check_key(judged, bytes.data, bytes.len))
		return;
	if (!dcep_hash(dcep_key_suite(key->pair), &bytes, 1, hash) ||
		!dcep_sign_hash(key->pair, (const char *) bytes.data + 1, hash, signature))
		die("%s", dcep_crypto_error());
	buffer_put_number(&body, (uint64_t) key->institution->code, 2);
	buffer_put_number(&body, key->number, 4);
	buffer_put_number(&body, *(const uint8_t *) bytes.data, 1);
	buffer_put(&body, hash, DCEP_HASH_LEN);
	(void) book_add(&judged->store->book, judged->now, RECORD_ENTRY, &body);
	buffer_free(&body);
	case_answer_signed(judged, hash, signature);
}
