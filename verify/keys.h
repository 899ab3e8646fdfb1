/*
 * keys.h: the public keys that signatures are verified with.
 *
 * A list of them is a file of rows as COPY writes them of dcep.signing_key
 * (institution, number, suite, public key, valid from, valid until, revoked at;
 * an eighth column is passed over), or of lines as receipts have them:
 *
 *   signer <institution> <number> <suite> <base64 of the public key>
 *
 * Keys of devices belong to wallets instead of institutions.
 */
#ifndef VERIFY_KEYS_H
#define VERIFY_KEYS_H

#include "crypto.h"
#include "export.h"

typedef struct Key
{
	int64_t owner; /* institution, or wallet */
	int number;
	int suite;
	size_t len;
	uint8_t public_key[DCEP_PUBLIC_KEY_MAX];
	int64_t valid_from;
	int64_t valid_until; /* exclusive; of a key that was revoked the time of that */
	DcepKeyPair *pair;	 /* made when it is first needed */
} Key;

typedef struct Keys
{
	Key *key;
	size_t count;
	size_t room;
} Keys;

/* Reads a line of a list. NULL, or what is wrong with it. The row is for the function's use. */
extern const char *key_parse(DcepSpan line, Row *row, Key *key);
/* Reads a file that somebody brought, and puts the keys in order. Unreadable: the end of the process. */
extern void keys_read(Keys *keys, const char *path);
/* The keys of a table of an export: of signing_key, or of device_key. What cannot be read is a defect. */
extern void keys_of_table(Keys *keys, const Table *table, bool is_device);
/* Are these the same keys, as far as both know them? A difference is a defect. */
extern void keys_compare(const Keys *trusted, const Keys *exported);

/* The key of an owner and number; NULL where there is none. */
extern Key *keys_find(const Keys *keys, int64_t owner, int number);
/* The first key of an owner; *count of them stand there one after the other. */
extern Key *keys_of(const Keys *keys, int64_t owner, size_t *count);
/* What to verify with; NULL where the key is none. */
extern DcepKeyPair *key_pair(Key *key);

/* The key of a signature of this suite, made at a time. NULL, or why it may not be trusted. */
extern const char *keys_trust(const Keys *keys, int64_t owner, int number, int suite, int64_t at, DcepKeyPair **pair);

/* Is this a good signature? Ends the process where OpenSSL fails. */
extern bool is_valid(DcepVerdict verdict);
/* The same of anything else that fails only where OpenSSL does. */
extern void require_crypto(bool done);

#endif
