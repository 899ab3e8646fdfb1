/*
 * launcher.c: gives each database that has a ledger its worker.
 *
 * Whether a database has a ledger can be seen only from inside.  So now and
 * then the launcher starts a worker in each database that has none, one after
 * the other; where there is no ledger it ends at once.  The launcher is
 * connected to no database, and so is in nobody's way.
 *
 * It keeps nothing in memory: who has a worker is in the slots of upkeep.c, so
 * that a launcher that begins anew, after a crash for instance, goes on.
 */
#include "worker.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/wait_event.h"

#include "upkeep.h"

#define RESTART_SECONDS 10	   /* after the launcher has been terminated */
#define STARTUP_PATIENCE 10000 /* ms that one database can hold up the next ones */
#define STARTUP_NAP 20		   /* ms; a worker looks whether there is a ledger in less */

/* Fills in what the two kinds of processes have in common. */
static BackgroundWorker
describe(const char *type, const char *function)
{
	BackgroundWorker worker = {0};

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	strlcpy(worker.bgw_library_name, "dcep", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, function, BGW_MAXLEN);
	strlcpy(worker.bgw_name, type, BGW_MAXLEN);
	strlcpy(worker.bgw_type, type, BGW_MAXLEN);
	return worker;
}

/* Registers the launcher. pg_upgrade wants no changes but its own. */
void
dcep_launcher_register(void)
{
	BackgroundWorker launcher = describe("dcep launcher", "dcep_launcher_main");

	if (IsBinaryUpgrade)
		return;
	launcher.bgw_restart_time = RESTART_SECONDS;
	RegisterBackgroundWorker(&launcher);
}

/* Sleeps; then deals with what signals have asked for. */
static void
nap(long milliseconds)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, milliseconds, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	if (ProcDiePending)
		proc_exit(1); /* not 0, which would be for good */
	QueryCancelPending = false;
	CHECK_FOR_INTERRUPTS();
}

/* May a ledger live in this database? A template's would be in the way of those who copy it. */
static bool
is_eligible(const FormData_pg_database *database)
{
	return database->datallowconn && !database->datistemplate && database->datconnlimit >= -1 /* less: invalid */;
}

/* The databases in which there could be work; a list in the current context. */
static List *
list_databases(void)
{
	MemoryContext caller = CurrentMemoryContext;
	List *databases = NIL;
	Relation rel;
	TableScanDesc scan;
	HeapTuple tuple;

	StartTransactionCommand();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while ((tuple = heap_getnext(scan, ForwardScanDirection)) != NULL)
	{
		const FormData_pg_database *database = (const FormData_pg_database *) GETSTRUCT(tuple);
		MemoryContext inner;

		if (!is_eligible(database) || dcep_upkeep_has_worker(database->oid) || dcep_worker_unwelcome(database->oid))
			continue;
		inner = MemoryContextSwitchTo(caller);
		databases = lappend_oid(databases, database->oid);
		MemoryContextSwitchTo(inner);
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(caller);
	return databases;
}

/* Starts a worker in a database; NULL where the server has no room for one. */
static BackgroundWorkerHandle *
start_worker(Oid database)
{
	BackgroundWorker worker = describe("dcep worker", "dcep_worker_main");
	BackgroundWorkerHandle *handle = NULL;

	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_main_arg = ObjectIdGetDatum(database);
	worker.bgw_notify_pid = MyProcPid;
	return RegisterDynamicBackgroundWorker(&worker, &handle) ? handle : NULL;
}

/*
 * Waits until a worker has either found a ledger or ended, so that examining a
 * thousand databases takes one process at a time. One that is held up, for
 * instance by somebody who is dropping its database, is left to itself.
 */
static void
await_worker(BackgroundWorkerHandle *handle, Oid database)
{
	pid_t pid;

	for (int waited = 0; waited < STARTUP_PATIENCE; waited += STARTUP_NAP)
	{
		if (dcep_upkeep_has_worker(database) || GetBackgroundWorkerPid(handle, &pid) == BGWH_STOPPED)
			return;
		nap(STARTUP_NAP);
	}
}

/* Gives all databases in which there could be work their workers; says once that there is no room. */
static void
visit_databases(void)
{
	static bool complained = false;
	bool room = true;
	List *databases = list_databases();
	ListCell *cell;

	foreach (cell, databases)
	{
		BackgroundWorkerHandle *handle = start_worker(lfirst_oid(cell));

		room = handle != NULL;
		if (!room)
			break;
		await_worker(handle, lfirst_oid(cell));
		pfree(handle);
	}
	if (!room && !complained)
		ereport(LOG, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					  errmsg("no background worker is free for the upkeep of ledgers"),
					  errhint("Raise max_worker_processes by one for each ledger, and one for the launcher.")));
	complained = !room;
}

/* The launcher. */
void
dcep_launcher_main(Datum arg pg_attribute_unused())
{
	MemoryContext round = AllocSetContextCreate(TopMemoryContext, "dcep launcher", ALLOCSET_SMALL_SIZES);
	TimestampTz next = 0;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);
	for (;;)
	{
		TimestampTz now = GetCurrentTimestamp();

		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			next = 0;
		}
		if (now >= next && dcep_upkeep_wanted())
		{
			MemoryContextSwitchTo(round);
			visit_databases();
			MemoryContextReset(round);
			now = GetCurrentTimestamp();
			next = TimestampTzPlusMilliseconds(now, dcep_upkeep_naptime * (int64) 1000);
		}
		nap(next > now ? TimestampDifferenceMilliseconds(now, next) : dcep_upkeep_naptime * 1000L);
	}
}
