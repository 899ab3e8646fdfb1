/*
 * entry.h: the bytes of a reserve entry, their hash and their signature.
 *
 * An operator's reserve entries form a hash chain like a payer's transfers do;
 * the central bank signs each.  Plain C on top of codec and crypto.
 *
 *   reserve_hash   = H(0x05 || encoding)
 *   signed message = the 16 bytes "dcep reserve v1" NUL, and reserve_hash
 */
#ifndef DCEP_ENTRY_H
#define DCEP_ENTRY_H

#include "crypto.h"

typedef struct DcepEntry
{
	uint8_t prev_hash[DCEP_HASH_LEN]; /* zero for a chain's first */
	int institution;
	int64_t seq;
	int64_t amount;		/* into the reserve when positive */
	int64_t balance;	/* after this entry */
	int64_t transfer;	/* 0 where it belongs to none */
	int64_t created_at; /* microseconds since 1970-01-01 UTC */
	DcepText reference;
} DcepEntry;

/* What is hashed of an entry, with the tag before it; dcep_entry_put() writes exactly dcep_entry_length() bytes. */
extern size_t dcep_entry_length(const DcepEntry *entry);
extern void dcep_entry_put(const DcepEntry *entry, uint8_t *out);

/* Hash of an entry; fails only where OpenSSL does. */
extern bool dcep_entry_hash(int suite, const DcepEntry *entry, uint8_t out[DCEP_HASH_LEN]);

extern bool dcep_entry_sign(DcepKeyPair *key, const uint8_t hash[DCEP_HASH_LEN], uint8_t signature[DCEP_SIGNATURE_LEN]);
extern DcepVerdict dcep_entry_verify(DcepKeyPair *key, const uint8_t hash[DCEP_HASH_LEN],
									 const uint8_t signature[DCEP_SIGNATURE_LEN]);

#endif
