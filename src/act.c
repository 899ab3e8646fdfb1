/*
 * act.c: the bytes of an official act, their hash and their signature.
 */
#include "act.h"

#include <string.h>

#define ACT_TAG 0x06
#define ACT_FIXED_LEN (DCEP_RECORD_HEAD_LEN + 3 * (4 + 8))
#define TEXTS 4

static const char message_tag[DCEP_TAG_LEN] = "dcep act v1";

/* Everything but the texts. */
static void
put_fixed(const DcepAct *act, uint8_t to[ACT_FIXED_LEN])
{
	to = dcep_put_record_head(to, ACT_TAG, message_tag, act->prev_hash, act->institution);
	to = dcep_put_field_number(to, act->seq);
	to = dcep_put_field_number(to, act->id);
	dcep_put_field_number(to, act->entered_at);
}

/* Number of bytes that are hashed. */
size_t
dcep_act_length(const DcepAct *act)
{
	const DcepText texts[TEXTS] = {act->kind, act->role, act->case_no, act->body};
	size_t len = ACT_FIXED_LEN;

	for (int i = 0; i < TEXTS; i++)
		len += 4 + (texts[i].data ? texts[i].len : 0);
	return len;
}

/* Writes what is hashed. */
void
dcep_act_put(const DcepAct *act, uint8_t *out)
{
	const DcepText texts[TEXTS] = {act->kind, act->role, act->case_no, act->body};

	put_fixed(act, out);
	out += ACT_FIXED_LEN;
	for (int i = 0; i < TEXTS; i++)
	{
		out = dcep_put_text_length(out, texts[i]);
		if (texts[i].data)
			memcpy(out, texts[i].data, texts[i].len);
		out += texts[i].data ? texts[i].len : 0;
	}
}

/* Reads what dcep_act_put() writes; texts point into it. */
bool
dcep_act_get(const uint8_t *bytes, size_t len, DcepAct *act)
{
	DcepReader reader = {bytes, bytes + len};
	const uint8_t *tags = dcep_take_bytes(&reader, 1 + DCEP_TAG_LEN);
	const uint8_t *prev_hash = dcep_take_field(&reader, DCEP_HASH_LEN);
	const uint8_t *institution = dcep_take_field(&reader, 2);

	if (institution == NULL || tags[0] != ACT_TAG || memcmp(tags + 1, message_tag, DCEP_TAG_LEN) != 0)
		return false;
	memcpy(act->prev_hash, prev_hash, DCEP_HASH_LEN);
	act->institution = dcep_get_u16(institution);
	act->seq = dcep_take_field_number(&reader);
	act->id = dcep_take_field_number(&reader);
	act->entered_at = dcep_take_field_number(&reader);
	act->kind = dcep_take_field_text(&reader);
	act->role = dcep_take_field_text(&reader);
	act->case_no = dcep_take_field_text(&reader);
	act->body = dcep_take_field_text(&reader);
	return reader.at == reader.end;
}

/* Hash of an act. */
bool
dcep_act_hash(int suite, const DcepAct *act, uint8_t out[DCEP_HASH_LEN])
{
	const DcepText texts[TEXTS] = {act->kind, act->role, act->case_no, act->body};
	uint8_t fixed[ACT_FIXED_LEN];
	uint8_t lengths[TEXTS][4];
	DcepBytes pieces[1 + 2 * TEXTS] = {{fixed, sizeof(fixed)}};
	int count = 1;

	put_fixed(act, fixed);
	for (int i = 0; i < TEXTS; i++)
	{
		dcep_put_text_length(lengths[i], texts[i]);
		pieces[count++] = (DcepBytes){lengths[i], sizeof(lengths[i])};
		if (texts[i].data)
			pieces[count++] = (DcepBytes){texts[i].data, texts[i].len};
	}
	return dcep_hash(suite, pieces, count, out);
}

/* Signs an act. */
bool
dcep_act_sign(DcepKeyPair *key, const uint8_t hash[DCEP_HASH_LEN], uint8_t signature[DCEP_SIGNATURE_LEN])
{
	return dcep_sign_hash(key, message_tag, hash, signature);
}

/* Verifies an act's signature. */
DcepVerdict
dcep_act_verify(DcepKeyPair *key, const uint8_t hash[DCEP_HASH_LEN], const uint8_t signature[DCEP_SIGNATURE_LEN])
{
	return dcep_verify_hash(key, message_tag, hash, signature);
}
