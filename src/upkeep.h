/*
 * upkeep.h: what is done for a ledger behind the scenes, and how that goes.
 *
 * A list of tasks. Each is two SQL statements: one finds what there is to do,
 * the other does one piece of it in a transaction of its own.  The worker
 * (worker.c) runs them; what it notes here is shared memory, so that upkeep
 * writes nothing to say that it had nothing to do.
 */
#ifndef DCEP_UPKEEP_H
#define DCEP_UPKEEP_H

#include "postgres.h"

/* One kind of upkeep. */
typedef struct DcepTask
{
	const char *name;	 /* as dcep.upkeep shows it */
	const char *setting; /* name of its interval's setting, with its texts */
	const char *short_text;
	const char *long_text;
	const char *find; /* what there is to do: a query for one column of bigint, each > 0 */
	const char *run;  /* does piece $1 of it: a query for one bigint, which says how much that was */
	int64 lot;		  /* a piece of which so much was done at once is not finished: again */
	int interval;	  /* the setting: seconds from one round to the next; 0 = never */
	bool at_end;	  /* once more before the process ends: what waits is in memory */
} DcepTask;

#define DCEP_TASKS 7
#define DCEP_TASK_MESSAGES 6 /* the one that does not wait for its time when something has come */

extern DcepTask dcep_tasks[DCEP_TASKS];

/* How often the launcher looks for ledgers that have no worker, in seconds. */
extern int dcep_upkeep_naptime;

/* Defines the settings and asks for shared memory; while the library is preloaded. */
extern void dcep_upkeep_init(void);

/* Is any task switched on? */
extern bool dcep_upkeep_wanted(void);

/* Does a database have a worker now? */
extern bool dcep_upkeep_has_worker(Oid database);

/* Makes this process the worker of its database until it ends; false where there is one. */
extern bool dcep_upkeep_claim(void);

/* A message has come, as the transaction says that ends now: wakes the worker, if there is one. */
extern void dcep_upkeep_kick(void);
/* The worker: has one come since it asked last? */
extern bool dcep_upkeep_was_kicked(void);

/* The worker's notes: a round has begun; so much of it was done; something failed. */
extern void dcep_upkeep_note_round(int task);
extern void dcep_upkeep_note_done(int task, int64 amount);
extern void dcep_upkeep_note_failure(int task, const char *message);

#endif
