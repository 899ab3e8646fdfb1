/*
 * kept.h: refusals that are kept on record, in memory until they are in dcep.refusal.
 *
 * A payment that is refused rolls its transaction back, and with it every row
 * that would say so.  So refusals are noted in memory: shared by all processes
 * where the library is preloaded, else the process's own.  They are written into
 * the table by a transaction of somebody else's, or a later one of their own
 * (kept_call.c), and leave the memory when that has committed.
 */
#ifndef DCEP_KEPT_H
#define DCEP_KEPT_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "refusal.h"

#define DCEP_KEPT_MESSAGE 64  /* bytes of a message, and of the words for what was attempted, with their end */
#define DCEP_KEPT_ATTEMPT 200 /* that are kept; longer ones are cut */
#define DCEP_KEPT_NO_CLASS (-1)

/* A refusal as whoever refuses describes it. No key, memo or token belongs in here. */
typedef struct DcepKept
{
	const DcepRefusal *refusal; /* its SQLSTATE, message and order */
	int kind;					/* DcepKind; 0 where it was no payment, or cannot be known */
	int64 payer;				/* 0 where it is not known; so are the next two */
	int64 payee;				/* none of payments to tokens: whose one is, its payer's operator must not read */
	const int64 *amount;		/* NULL where it is not known */
	int class;					/* the payer's; DCEP_KEPT_NO_CLASS where it is not known */
	int institution;	 /* whose role was refused; 0: that of the current role, the payer's if it is bound to it */
	const char *attempt; /* what was attempted, where it was no payment; else NULL */
} DcepKept;

/* One that waits to be written. */
typedef struct DcepKeptEntry
{
	TimestampTz at;
	int64 payer; /* numbers are 0 where there are none */
	int64 payee;
	int64 amount;
	int64 order;
	int sqlstate;
	int kind;
	int class; /* DCEP_KEPT_NO_CLASS */
	int institution;
	bool has_amount;
	char role[NAMEDATALEN];			 /* that had logged in */
	char message[DCEP_KEPT_MESSAGE]; /* in the encoding of the database */
	char attempt[DCEP_KEPT_ATTEMPT]; /* "" where there is none */
} DcepKeptEntry;

/* Defines the setting, asks for shared memory, and watches over the ends of transactions; when the library is loaded. */
extern void dcep_kept_init(void);

/* Notes a refusal of the current database. Never waits for a transaction, and never fails for want of room. */
extern void dcep_refusal_keep(const DcepKept *kept);

/*
 * The refusals of this database that wait, in order, palloc'd.  The caller writes
 * them in this transaction: when it commits they leave the memory, and if it is
 * rolled back they go on waiting.  Until it ends, others who ask wait.
 */
extern DcepKeptEntry *dcep_kept_take(int *count);

/* How many wait, and how many were lost because there was no room; returns whether that is of all sessions. */
extern bool dcep_kept_counts(int64 *waiting, int64 *lost);

/* Are there any in this process's own memory, which nobody else can write? */
extern bool dcep_kept_has_own(void);

/* Writes what is in this process's own memory, if anything: at the end of a statement that pays. */
extern void dcep_kept_write_own(void);

#endif
