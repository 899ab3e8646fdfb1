/*
 * purse.h: the wallets that a paying statement is dealing with.
 *
 * A wallet that takes part in many payments of one statement is read, locked
 * and written once.  Its end of chain, its usage and the coins minted for it
 * stay in a purse until the statement ends or memory asks for it; only then do
 * dcep.wallet_chain and dcep.coin see them.  Coins that the same statement
 * mints and consumes never touch the disk.
 *
 * Lock order: of one payment's wallets the lower number first; but till.h.  Statements of
 * several payers take them in the order of their rows.
 */
#ifndef DCEP_PURSE_H
#define DCEP_PURSE_H

#include "postgres.h"

#include "rules.h"
#include "table.h"

/* A coin that is not in dcep.coin yet. */
typedef struct DcepMinted
{
	int64 id;
	int64 amount;
} DcepMinted;

/* An end of the range of stored coins that a statement has consumed without a gap (spend.h). */
typedef struct DcepEdge
{
	bool set;
	int64 from; /* the low edge: amount from which on nothing is left up to the edge */
	int64 amount;
	int64 id;
} DcepEdge;

/* A wallet as the running statement knows it. */
typedef struct DcepPurse
{
	DcepParty party;
	bool known;	 /* party has been read */
	bool locked; /* the wallet_chain row is ours; the fields down to `head` are its newest */
	bool dirty;	 /* they have changed since */
	ItemPointerData chain_tid;
	int64 seq;
	DcepUsage usage;
	uint8 head[DCEP_HASH_LEN];
	bool balance_known;
	int64 balance; /* all coins, minted ones included */
	DcepEdge low;
	DcepEdge high;
	int minted_count;
	int minted_room;
	DcepMinted *minted;
} DcepPurse;

/* All purses of a statement, and the tables behind them. */
typedef struct DcepPurses
{
	MemoryContext context; /* of the purses; emptied when they are written */
	struct purses_hash *table;
	DcepTable *wallet;
	DcepTable *chain;
	DcepTable *coin;
	int64 minted_total; /* coins that are not written yet */
	bool wrote;			/* rows were written that the current command cannot see */
} DcepPurses;

/* Opens and closes the tables; without an `estate` for looking alone. */
extern void dcep_purses_open(DcepPurses *purses, MemoryContext parent, EState *estate);
extern void dcep_purses_close(DcepPurses *purses);

/* Writes all purses and forgets them. */
extern void dcep_purses_write(DcepPurses *purses);
/* Forgets them: nothing may be left to write. */
extern void dcep_purses_forget(DcepPurses *purses);
/* Are there so many that they should be written? */
extern bool dcep_purses_are_full(const DcepPurses *purses);

/* A snapshot that sees what the statement has written and, in read committed, what others have committed. */
extern Snapshot dcep_purses_snapshot(DcepPurses *purses);

/* The purse of a wallet; its party may not have been read. */
extern DcepPurse *dcep_purse_of(DcepPurses *purses, int64 wallet);
/* Reads a purse's party, or reads it anew once it is locked. */
extern void dcep_purse_read(DcepPurses *purses, DcepPurse *purse, Snapshot snapshot);
/* Reads a purse's party, and its chain without locking it: what it says may be over at once. LG402 where it has none. */
extern void dcep_purse_look(DcepPurses *purses, DcepPurse *purse, Snapshot snapshot);
/* Is this an open wallet, as the transaction sees it? LG305, LG306. */
extern bool dcep_purse_check_open(int64 wallet, DcepRefusal *refusal);
/* A party that exists has no chain (LG402). */
extern _Noreturn void dcep_purse_raise_missing(void);
/* Locks a purse's chain for the rest of the transaction; false where the wallet has none. */
extern bool dcep_purse_lock(DcepPurses *purses, DcepPurse *purse, Snapshot snapshot);
/* The same without waiting; false where another transaction holds the chain, or it has moved on since the snapshot. */
extern bool dcep_purse_try_lock(DcepPurses *purses, DcepPurse *purse, Snapshot snapshot);
/* Balance of a purse that is locked, or looked at. */
extern int64 dcep_purse_balance(DcepPurses *purses, DcepPurse *purse, Snapshot snapshot);
/* Adds a coin that a payment minted. */
extern void dcep_purse_mint(DcepPurses *purses, DcepPurse *purse, int64 id, int64 amount);

#endif
