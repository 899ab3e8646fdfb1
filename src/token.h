/*
 * token.h: the payment tokens that the server accepts, in dcep.token.
 *
 * A token itself is stored nowhere.  Its row is found by a keyed hash
 * (secret.h): seven bytes of it are the key of the index, eight more are
 * compared in constant time.  So the index's comparisons tell nothing of
 * tokens, and who reads the table cannot pay with what it says.
 *
 * Invariant: a row that was used stays until it expires, so that a token which
 * wallet and server compute in step is not entered a second time.
 *
 * Lock order: a wallet's holder lock, then rows of its tokens; a payer's row of
 * a token, then wallets (payment.c).
 */
#ifndef DCEP_TOKEN_H
#define DCEP_TOKEN_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "table.h"

/* A row of dcep.token. */
typedef struct DcepToken
{
	int64 id;	 /* where it is looked for, one byte, and bytes 1 to 7 of its keyed hash */
	int64 proof; /* bytes 8 to 15 */
	int64 wallet;
	TimestampTz valid_from;
	TimestampTz valid_until;
	bool used;
	bool computed; /* by wallet and server in step; else drawn */
} DcepToken;

/* Tokens of a wallet that are removed, and with them those that have expired of the same sort. */
typedef enum DcepSweep
{
	DCEP_SWEEP_EXPIRED = 0, /* of those that are computed */
	DCEP_SWEEP_DRAWN = 1,
	DCEP_SWEEP_COMPUTED = 2, /* but for those that were used */
	DCEP_SWEEP_SECRET = 6	 /* all that are computed: their secret is given up, so that none comes again */
} DcepSweep;

/* Opens dcep.token, for writing, and everything with it; and closes it. */
extern DcepTable *dcep_tokens_open(void);
extern void dcep_tokens_close(DcepTable *table);

/*
 * Marks a token as used, waiting for who is about to do so, if the token is valid by then; false where it is
 * unknown, expired, not valid yet or used, and where two wallets came by the same digits. Only for a
 * payment without which the transaction fails.
 */
extern bool dcep_token_take(DcepTable *table, int64 token, DcepToken *row);

/* Keeps others from changing which tokens this wallet has, until the end of the transaction. */
extern void dcep_token_lock_holder(int64 wallet);
/*
 * Enters a token of a wallet, unless another drawn one, or one of the same step, has its digits. False then;
 * that one is refused from now on if `revoke`: nobody could tell whose it is.
 */
extern bool dcep_token_enter(DcepTable *table, int64 token, const DcepToken *row, bool revoke);
/*
 * Removes tokens of a wallet whose holder lock is held: those that `which` names,
 * and expired ones. The others of their sort are left in `kept`, palloc'd; their number is returned.
 */
extern int dcep_token_sweep(DcepTable *table, int64 wallet, int which, DcepToken **kept);

#endif
