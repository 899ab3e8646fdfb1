/*
 * advisory.h: locks on what is no row of a table.
 *
 * PostgreSQL's advisory locks, of kinds that pg_advisory_lock() cannot name (it
 * has 1 and 2), so that nobody outside takes them.  Each subject has a kind of
 * its own; all of them stand here, so that no two are the same.
 */
#ifndef DCEP_ADVISORY_H
#define DCEP_ADVISORY_H

#include "postgres.h"

typedef enum DcepLockKind
{
	DCEP_LOCK_TILL_KEY = 0xDCE,		/* an idempotency key of a vault and its tills (till.c) */
	DCEP_LOCK_REFUSALS = 0xDCF,		/* who writes refusals on record (kept.c) */
	DCEP_LOCK_TOKEN_HOLDER = 0xDD0, /* the tokens of a wallet (token.c) */
	DCEP_LOCK_GUESSES = 0xDD1		/* the failures of a payer (guess.c) */
} DcepLockKind;

/* Takes a lock of this database until the end of the transaction, waiting for whoever holds it. */
extern void dcep_advisory_lock(DcepLockKind kind, uint32 first, uint32 second);

#endif
