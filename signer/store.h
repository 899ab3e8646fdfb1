/*
 * store.h: the signer's directory: its settings, keys, statements and log, which nobody but its own user may read.
 *
 *   signer.conf      settings (docs/operations.md, "The signer process")
 *   authority.pem    public key of who signs quota statements
 *   keys/            private keys: 0002-1-….pem, as in the ledger's key directory
 *   quota/0002       statement in force for institution 0002
 *   log              what has been signed
 */
#ifndef SIGNER_STORE_H
#define SIGNER_STORE_H

#include <sys/types.h>

#include "book.h"
#include "coins.h"
#include "quota.h"

#define STORE_PEERS_MAX 16
#define STORE_PATH_MAX 4096

/* An institution that the signer serves, and how it stands. */
typedef struct Institution
{
	int code;
	char currency[DCEP_CURRENCY_LEN];
	int exponent;
	Quota quota;		   /* number 0: none can be used */
	int64_t logged_number; /* of the newest statement that the log has, and its hash */
	uint8_t logged_hash[DCEP_HASH_LEN];
	int64_t period; /* of the counts for a period, in microseconds; 0 for none */
	int64_t window; /* which period they are of */
	int64_t minted; /* ever */
	int64_t paid_out;
	int64_t minted_in_window;
	int64_t paid_out_in_window;
} Institution;

/* A key that the signer holds. */
typedef struct HeldKey
{
	Institution *institution;
	uint32_t number;
	size_t public_len;
	uint8_t public_key[DCEP_PUBLIC_KEY_MAX];
	DcepKeyPair *pair;
} HeldKey;

typedef struct Store
{
	const char *directory;
	char socket[STORE_PATH_MAX];
	int peer_count;
	uid_t peer[STORE_PEERS_MAX]; /* users that may ask */
	int institution_count;
	Institution *institution;
	int key_count;
	HeldKey *key;
	DcepKeyPair *authority;
	Book book;
	Coins *coins;
} Store;

/* Reads everything and replays the log; ends the process where something cannot be used. */
extern void store_open(Store *store, const char *directory);
/* The same without keys and without writing: for who wants to look at the log. */
extern void store_look(Store *store, const char *directory);

/* Reads the statements anew; one that cannot be used is left, with a word about why. */
extern void store_read_quotas(Store *store);

extern Institution *store_institution(Store *store, int code);
extern HeldKey *store_key(Store *store, const uint8_t *public_key, size_t len);
/* Makes a key and its file; NULL, with a reason for dcep_crypto_error(), where that fails. */
extern HeldKey *store_make_key(Store *store, Institution *institution, uint32_t number, int suite);

/* Counts what an institution has minted and paid out at a time. */
extern void institution_count(Institution *institution, int64_t at, int64_t minted, int64_t paid_out);
/* What counts against its limits at a time. */
extern void institution_used(Institution *institution, int64_t at, int64_t *minted, int64_t *paid_out);

/* Microseconds since 1970. */
extern int64_t time_now(void);

#endif
