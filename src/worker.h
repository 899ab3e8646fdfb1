/*
 * worker.h: the processes that keep ledgers in order behind the scenes.
 *
 * A launcher, which belongs to no database, and one worker in each database
 * that has a ledger.  They exist where the library is preloaded.
 */
#ifndef DCEP_WORKER_H
#define DCEP_WORKER_H

#include "postgres.h"

/* Registers the launcher; while the library is preloaded. */
extern void dcep_launcher_register(void);

/* Is somebody dropping, renaming or copying a database, and waits for its sessions to end? */
extern bool dcep_worker_unwelcome(Oid database);

/* Where the two processes begin. */
extern PGDLLEXPORT void dcep_launcher_main(Datum arg);
extern PGDLLEXPORT void dcep_worker_main(Datum database);

#endif
