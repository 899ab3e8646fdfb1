/*
 * act.h: the bytes of an official act, their hash and their signature.
 *
 * What an institution does by its office (agreeing, imposing and lifting orders,
 * recovering money, looking into a case) is entered as an act.  The acts
 * of an institution form a hash chain, as a payer's transfers do, and each is
 * signed with the institution's key.  Plain C on top of codec and crypto.
 *
 *   act_hash       = H(0x06 || encoding)
 *   signed message = the 16 bytes "dcep act v1" and NULs, and act_hash
 */
#ifndef DCEP_ACT_H
#define DCEP_ACT_H

#include "crypto.h"

typedef struct DcepAct
{
	uint8_t prev_hash[DCEP_HASH_LEN]; /* zero for a chain's first */
	int institution;
	int64_t seq;
	int64_t id;
	int64_t entered_at; /* microseconds since 1970-01-01 UTC */
	DcepText kind;
	DcepText role;	  /* that had logged in */
	DcepText case_no; /* may be absent */
	DcepText body;	  /* JSON text */
} DcepAct;

/* What is hashed of an act, with the tag before it; dcep_act_put() writes exactly dcep_act_length() bytes. */
extern size_t dcep_act_length(const DcepAct *act);
extern void dcep_act_put(const DcepAct *act, uint8_t *out);

/* Reads it back, with the tag; false where it is none. Texts point into `bytes`. */
extern bool dcep_act_get(const uint8_t *bytes, size_t len, DcepAct *act);

/* Hash of an act; fails only where OpenSSL does. */
extern bool dcep_act_hash(int suite, const DcepAct *act, uint8_t out[DCEP_HASH_LEN]);

extern bool dcep_act_sign(DcepKeyPair *key, const uint8_t hash[DCEP_HASH_LEN], uint8_t signature[DCEP_SIGNATURE_LEN]);
extern DcepVerdict dcep_act_verify(DcepKeyPair *key, const uint8_t hash[DCEP_HASH_LEN],
								   const uint8_t signature[DCEP_SIGNATURE_LEN]);

#endif
