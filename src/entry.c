/*
 * entry.c: the bytes of a reserve entry, their hash and their signature.
 */
#include "entry.h"

#include <string.h>

#define ENTRY_TAG 0x05
#define ENTRY_FIXED_LEN (DCEP_RECORD_HEAD_LEN + 5 * (4 + 8) + 4)
#define MESSAGE_TAG "dcep reserve v1" /* 16 bytes with its NUL */

/* Everything but the reference's bytes. */
static void
put_fixed(const DcepEntry *entry, uint8_t to[ENTRY_FIXED_LEN])
{
	to = dcep_put_record_head(to, ENTRY_TAG, MESSAGE_TAG, entry->prev_hash, entry->institution);
	to = dcep_put_field_number(to, entry->seq);
	to = dcep_put_field_number(to, entry->amount);
	to = dcep_put_field_number(to, entry->balance);
	to = dcep_put_field_number(to, entry->transfer);
	to = dcep_put_field_number(to, entry->created_at);
	dcep_put_text_length(to, entry->reference);
}

/* Number of bytes that are hashed. */
size_t
dcep_entry_length(const DcepEntry *entry)
{
	return ENTRY_FIXED_LEN + (entry->reference.data ? entry->reference.len : 0);
}

/* Writes what is hashed. */
void
dcep_entry_put(const DcepEntry *entry, uint8_t *out)
{
	put_fixed(entry, out);
	if (entry->reference.data)
		memcpy(out + ENTRY_FIXED_LEN, entry->reference.data, entry->reference.len);
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
