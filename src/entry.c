/*
 * entry.c: the bytes of a reserve entry, their hash and their signature.
 */
#include "entry.h"

#include <string.h>

#define ENTRY_TAG 0x05
#define ENTRY_FIXED_LEN (1 + 16 + (4 + DCEP_HASH_LEN) + (4 + 2) + 5 * (4 + 8) + 4)
#define MESSAGE_TAG "dcep reserve v1" /* 16 bytes with its NUL */
#define ABSENT 0xFFFFFFFF

/* A number with its length before it. */
static uint8_t *
put_number(uint8_t *to, int64_t value)
{
	return dcep_put_u64(dcep_put_u32(to, 8), (uint64_t) value);
}

/* Everything but the reference's bytes. */
static void
put_fixed(const DcepEntry *entry, uint8_t *to)
{
	*to++ = ENTRY_TAG;
	memcpy(to, MESSAGE_TAG, DCEP_TAG_LEN);
	to = dcep_put_u32(to + DCEP_TAG_LEN, DCEP_HASH_LEN);
	memcpy(to, entry->prev_hash, DCEP_HASH_LEN);
	to = dcep_put_u32(to + DCEP_HASH_LEN, 2);
	to = dcep_put_u16(to, (uint16_t) entry->institution);
	to = put_number(to, entry->seq);
	to = put_number(to, entry->amount);
	to = put_number(to, entry->balance);
	to = put_number(to, entry->transfer);
	to = put_number(to, entry->created_at);
	dcep_put_u32(to, entry->reference.data ? entry->reference.len : ABSENT);
}

/* Hash of an entry. */
bool
dcep_entry_hash(int suite, const DcepEntry *entry, uint8_t out[DCEP_HASH_LEN])
{
	uint8_t fixed[ENTRY_FIXED_LEN];
	DcepBytes pieces[2] = {{fixed, sizeof(fixed)}, {entry->reference.data, entry->reference.len}};

	put_fixed(entry, fixed);
	return dcep_hash(suite, pieces, entry->reference.data ? 2 : 1, out);
}

/* Signs an entry. */
bool
dcep_entry_sign(DcepKeyPair *key, const uint8_t hash[DCEP_HASH_LEN], uint8_t signature[DCEP_SIGNATURE_LEN])
{
	return dcep_sign_hash(key, MESSAGE_TAG, hash, signature);
}

/* Verifies an entry's signature. */
DcepVerdict
dcep_entry_verify(DcepKeyPair *key, const uint8_t hash[DCEP_HASH_LEN], const uint8_t signature[DCEP_SIGNATURE_LEN])
{
	return dcep_verify_hash(key, MESSAGE_TAG, hash, signature);
}
