/*
 * statement.h: a statement that pays, from its first row to its settlement.
 *
 * It holds the purses of the wallets that take part, the batch of hashes that
 * one signature will cover, and a list of what it has executed.
 *
 * Invariant: no statement ends, and nothing commits, while a purse is unwritten
 * or while a payment that was executed has no row in the journal.
 */
#ifndef DCEP_STATEMENT_H
#define DCEP_STATEMENT_H

#include "postgres.h"

#include "utils/resowner.h"

#include "journal.h"
#include "purse.h"
#include "settlement.h"

/* A batch that hashes are being gathered for; empty (size 0) between two. */
typedef struct DcepGathered
{
	struct DcepGathered *next;
	DcepKeptKey *key;
	DcepBatch batch;
	DcepShown *shown;							/* its transfers, where the key's signer looks at them; else NULL */
	uint8 known[DCEP_BATCH_MAX][DCEP_HASH_LEN]; /* what its transfers will be remembered by */
} DcepGathered;

struct DcepSubmission;
struct DcepTokenPayment;

/* How the consolidations of a statement are done. */
typedef struct DcepConsolidation
{
	int max_coins;	  /* that one consumes */
	bool skip_locked; /* passes over wallets that are locked, instead of waiting */
	bool lenient;	  /* passes over wallets that are refused, instead of raising */
} DcepConsolidation;

typedef struct DcepStatement
{
	struct DcepStatement *outer; /* the statement within which this one runs */
	SubTransactionId subxact;
	MemoryContext context; /* gone with the (sub)transaction */
	ResourceOwner owner;   /* of tables and buffers, likewise */
	EState *estate;		   /* NULL until the first payment */
	DcepJournal journal;
	DcepPurses purses;
	DcepGathered *gathered; /* batches by key; NULL before the second payment */
	DcepSettlement settlement;
	int64 till;								/* the till that paid last for its vault, or 0 */
	struct DcepSubmission *submission;		/* the lines of dcep.submit(), or NULL */
	DcepConsolidation consolidation;		/* how consolidations are done */
	struct DcepTokenPayment *token_payment; /* the payment of dcep.pay_token(), or NULL */
	bool delivers;							/* it enters what another node has paid */
	const DcepAsked *asked;					/* by this message of the registry, or NULL */
	int leaving_count;
	int64 *leaving; /* transfers whose payee another node keeps, in CurTransactionContext */
} DcepStatement;

/* The statement that is paying now, or NULL. */
extern DcepStatement *dcep_statement_current(void);

/* Begins and ends a statement; between them it is current. */
extern DcepStatement *dcep_statement_begin(void);
extern void dcep_statement_end(DcepStatement *statement);

/* Opens the tables if need be. Between enter and leave the statement's resource owner is current. */
extern ResourceOwner dcep_statement_enter(DcepStatement *statement);
extern void dcep_statement_leave(ResourceOwner caller);

/*
 * Signs a transfer whose hash is known: alone, if it is the statement's first,
 * else by adding it to a batch that is signed when it is full, or at the end.
 */
extern void dcep_statement_sign(DcepStatement *statement, DcepKeptKey *kept, DcepTransfer *transfer);

/* Notes a payment whose payee another node keeps. */
extern void dcep_statement_leaves(DcepStatement *statement, int64 transfer);

/* Notes a payment whose journal row is about to be inserted. */
extern void dcep_statement_executed(DcepStatement *statement, const DcepTransfer *transfer, HeapTuple row);

/* Registers what watches over the ends of transactions; once a backend. */
extern void dcep_statement_init(void);

#endif
