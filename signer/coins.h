/*
 * coins.h: what the signer knows of coins.
 *
 * Two things, of very different weight.  Which coins have been consumed by what it
 * signed is known of all coins for good: a bit each, since ids are dense.  Of the
 * latest coins (some million) it also remembers amount, owner and which transfer
 * consumed them, so that they need not be shown again, and so that a transfer that
 * has been rolled back by the database can be told from a second spending.
 *
 * A coin that is consumed again is covered where the transfer that consumed it
 * before can be made void: from then on its outputs count as consumed.  What has
 * left by then, or is not remembered, is not covered.
 *
 * What another node has paid mints here without consuming a coin. The payment itself
 * is what it consumes, and is remembered like one.
 *
 * Changes between coins_begin() and coins_keep() are undone by coins_undo().
 */
#ifndef SIGNER_COINS_H
#define SIGNER_COINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Coins Coins;

/* A transfer, as far as its coins go. */
typedef struct Minting
{
	uint64_t serial; /* its number in the log: whoever asks may give an id twice, but not this */
	int64_t id;
	int64_t payer;
	int64_t payee;
	int64_t amount; /* of the payee's coin */
	int64_t change; /* 0 for none */
	bool leaves;	/* who spends the payee's coin asks another signer, or nobody: it cannot be made void */
	bool burns;		/* there is no payee's coin */
} Minting;

extern Coins *coins_new(void);
extern void coins_free(Coins *coins);

extern void coins_begin(Coins *coins);
extern void coins_keep(Coins *coins);
extern void coins_undo(Coins *coins);

/* The amount of a coin that is remembered as this owner's; false where it must be shown. */
extern bool coins_find(const Coins *coins, int64_t id, int64_t owner, int64_t *amount);

/*
 * A transfer, by its number in the log, consumes a coin. Returns what of that is not covered, 0 for a coin that has
 * not been consumed before.
 */
extern int64_t coins_consume(Coins *coins, int64_t id, int64_t owner, int64_t amount, uint64_t serial);

/*
 * The same of a payment that was made on the node of one institution (by the number that it has there) to a wallet of
 * another: the transfer that enters it at its receiver's consumes it. A payment that comes back has its origin as
 * receiver.
 */
extern int64_t coins_claim(Coins *coins, int receiver, int origin, int64_t transfer, int64_t amount, uint64_t serial);

/* A transfer mints its coins. */
extern void coins_mint(Coins *coins, const Minting *minting);

#endif
