/*
 * secret.h: the ledger's secret.
 *
 * Some values must be found again and yet tell nothing to who reads the tables:
 * phone numbers, e-mail addresses, tokens.  They are kept as HMACs under 32
 * random bytes that are no row of any table and in no dump: they are a file of
 * the key directory, which the server's user alone may read.
 */
#ifndef DCEP_SECRET_H
#define DCEP_SECRET_H

#include "postgres.h"

#include "advisory.h"
#include "codec.h"

/*
 * HMAC-SHA-256(secret, purpose || 0x00 || data). Purposes keep uses apart. Makes the
 * secret where the ledger has none yet (25006 where the transaction may not write);
 * an error (55000, with a hint) where its file cannot be used.
 */
extern void dcep_secret_mac(const char *purpose, const uint8 *data, int len, uint8 mac[DCEP_HASH_LEN]);

/* The same of a number, in network order. */
extern void dcep_secret_mac_number(const char *purpose, int64 number, uint8 mac[DCEP_HASH_LEN]);

/* Takes the advisory lock that stands for a number: who reads pg_locks does not learn which number it is. */
extern void dcep_secret_lock(DcepLockKind kind, const char *purpose, int64 number);

/* Random bytes, good enough for secrets; an error where there are none. */
extern void dcep_secret_random(uint8 *to, int len);

#endif
