/*
 * statement.h: what a paying statement holds in memory.
 *
 * A wallet that takes part in many payments of one statement is read, locked
 * and written once.  Its end of chain, its usage and the coins minted for it
 * stay in a purse until the statement ends (dcep_statement_end) or memory asks
 * for it; only then do dcep.wallet_chain and dcep.coin see them.  Coins that
 * the same statement mints and consumes never touch the disk.
 *
 * Invariant: no statement ends, and nothing commits, while a purse is unwritten
 * or while a payment that was executed has no row in the journal.
 *
 * Lock order: of one payment's wallets the lower number first.  Statements of
 * several payers take them in the order of their rows.
 */
#ifndef DCEP_STATEMENT_H
#define DCEP_STATEMENT_H

#include "postgres.h"

#include "utils/resowner.h"

#include "journal.h"
#include "rules.h"

/* A coin that is not in dcep.coin yet. */
typedef struct DcepMinted
{
	int64 id;
	int64 amount;
} DcepMinted;

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
	int minted_count;
	int minted_room;
	DcepMinted *minted;
} DcepPurse;

/* A payment that the statement has executed and whose row it must find in the journal. */
typedef struct DcepExecuted
{
	int64 id;
	uint64 digest;
} DcepExecuted;

struct DcepSubmission;

typedef struct DcepStatement
{
	struct DcepStatement *outer; /* the statement within which this one runs */
	SubTransactionId subxact;
	MemoryContext context; /* gone with the (sub)transaction */
	MemoryContext purse_context;
	ResourceOwner owner; /* of tables and buffers, likewise */
	EState *estate;		 /* NULL until the first payment */
	DcepJournal journal;
	DcepTable *wallet;
	DcepTable *chain;
	DcepTable *coin;
	struct purses_hash *purses;
	DcepKeptKey *batch_key; /* of the batch that is being gathered; NULL for none */
	DcepBatch batch;
	bool wrote; /* rows were written that the current command cannot see */
	int64 executed_count;
	int64 executed_room;
	DcepExecuted *executed;
	struct DcepSubmission *submission; /* the lines of dcep.submit(), or NULL */
} DcepStatement;

/* The statement that is paying now, or NULL. */
extern DcepStatement *dcep_statement_current(void);

/* Begins and ends a statement; between them it is current. */
extern DcepStatement *dcep_statement_begin(void);
extern void dcep_statement_end(DcepStatement *statement);

/* Opens the tables if need be. Between enter and leave the statement's resource owner is current. */
extern ResourceOwner dcep_statement_enter(DcepStatement *statement);
extern void dcep_statement_leave(ResourceOwner caller);

/* A snapshot that sees what the statement has written and, in read committed, what others have committed. */
extern Snapshot dcep_statement_snapshot(DcepStatement *statement);

/* The purse of a wallet; its party may not have been read. */
extern DcepPurse *dcep_statement_purse(DcepStatement *statement, int64 wallet);
/* Reads a purse's party, or reads it anew once it is locked. */
extern void dcep_purse_read(DcepStatement *statement, DcepPurse *purse, Snapshot snapshot);
/* Locks a purse's chain for the rest of the transaction; false where the wallet has none. */
extern bool dcep_purse_lock(DcepStatement *statement, DcepPurse *purse, Snapshot snapshot);
/* Balance of a locked purse. */
extern int64 dcep_purse_balance(DcepStatement *statement, DcepPurse *purse, Snapshot snapshot);
/* Adds a coin that a payment minted. */
extern void dcep_purse_mint(DcepStatement *statement, DcepPurse *purse, int64 id, int64 amount);

/*
 * Signs a transfer whose hash is known: alone, if it is the statement's first,
 * else by adding it to a batch that is signed when it is full, or at the end.
 */
extern void dcep_statement_sign(DcepStatement *statement, DcepKeptKey *kept, DcepTransfer *transfer);

/* Notes a payment whose journal row is about to be inserted. */
extern void dcep_statement_executed(DcepStatement *statement, const DcepTransfer *transfer);

/* Registers what watches over the ends of transactions; once a backend. */
extern void dcep_statement_init(void);

#endif
