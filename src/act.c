/*
 * act.c: the bytes of an official act, their hash and their signature.
 */
#include "act.h"

#include <string.h>

#define ACT_TAG 0x06
#define ACT_FIXED_LEN (1 + DCEP_TAG_LEN + (4 + DCEP_HASH_LEN) + (4 + 2) + 3 * (4 + 8))
#define TEXTS 4
#define ABSENT 0xFFFFFFFF

static const char message_tag[DCEP_TAG_LEN] = "dcep act v1";

/* A number with its length before it. */
static uint8_t *
put_number(uint8_t *to, int64_t value)
{
	return dcep_put_u64(dcep_put_u32(to, 8), (uint64_t) value);
}

/* Everything but the texts. */
static void
put_fixed(const DcepAct *act, uint8_t to[ACT_FIXED_LEN])
{
	*to++ = ACT_TAG;
	memcpy(to, message_tag, DCEP_TAG_LEN);
	to = dcep_put_u32(to + DCEP_TAG_LEN, DCEP_HASH_LEN);
	memcpy(to, act->prev_hash, DCEP_HASH_LEN);
	to = dcep_put_u32(to + DCEP_HASH_LEN, 2);
	to = dcep_put_u16(to, (uint16_t) act->institution);
	to = put_number(to, act->seq);
	to = put_number(to, act->id);
	put_number(to, act->entered_at);
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
		dcep_put_u32(lengths[i], texts[i].data ? texts[i].len : ABSENT);
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
