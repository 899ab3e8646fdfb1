/*
 * worker.c: the upkeep of one ledger, by a process that stays with it.
 *
 * It works in steps: one looks for what a task has to do, or does one piece of
 * it, in a transaction of its own, with the rights of the extension's owner.
 * Between steps the tasks take turns, so that none waits for the other's round.
 *
 * It is never in the way.  A step waits a second for a lock at most, and the
 * process ends when somebody wants its database to have no sessions (DROP
 * DATABASE waits 5 seconds for that); the launcher brings it back.  What fails
 * is logged and tried again later and later, at last once an hour.
 */
#include "worker.h"

#include "access/xact.h"
#include "catalog/pg_database.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "access.h"
#include "config.h"
#include "upkeep.h"

#define NAP 1000		   /* ms between two looks whether we are in the way */
#define PIECES_A_ROUND 200 /* of a task; with what is left the next round begins */
#define PATIENCE "1s"	   /* with locks */
#define HOUR INT64CONST(3600)
#define TROUBLES_MAX 10000 /* that are remembered: 320 kB */
#define THE_SEARCH 0	   /* in the place of a piece */

/* What a task has found, and how far it has come. */
typedef struct Round
{
	TimestampTz begun; /* 0 = never */
	int64 *piece;	   /* in the worker's context, or NULL */
	uint64 count;
	uint64 next;
	int done; /* pieces that were tried in this round */
} Round;

/* Something that failed. */
typedef struct TroubleKey
{
	int64 piece; /* of the task, or THE_SEARCH */
	int64 task;
} TroubleKey;

typedef struct Trouble
{
	TroubleKey key;
	int64 delay;	   /* seconds */
	TimestampTz until; /* it is left alone */
} Trouble;

/* How a step ended. */
typedef enum Ending
{
	STEP_DONE,
	STEP_MISSED, /* somebody else holds what it needs */
	STEP_FAILED
} Ending;

static Round rounds[DCEP_TASKS];
static HTAB *troubles = NULL;
static Oid extension = InvalidOid;		  /* whose ledger it is */
static MemoryContext step_context = NULL; /* of one step, beyond its transaction */

/* --- when to go ---------------------------------------------------------------- */

/*
 * Is somebody dropping, renaming or copying a database? They lock it and wait
 * for its sessions to end; so nothing else need be asked.
 */
bool
dcep_worker_unwelcome(Oid database)
{
	LOCKTAG tag;

	SET_LOCKTAG_OBJECT(tag, InvalidOid, DatabaseRelationId, database, 0);
	if (LockAcquire(&tag, RowExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		return true;
	(void) LockRelease(&tag, RowExclusiveLock, true);
	return false;
}

/* Has the extension that we came for a ledger? In a transaction. */
static bool
has_ledger(void)
{
	Oid found = get_extension_oid("dcep", true);

	if (!OidIsValid(found) || (OidIsValid(extension) && found != extension) || !dcep_config()->exists)
		return false;
	extension = found;
	return true;
}

/* --- what failed ----------------------------------------------------------------- */

/* When may a piece of a task, or its search, be tried again? */
static TimestampTz
left_alone_until(int task, int64 piece)
{
	const TroubleKey key = {.piece = piece, .task = task};
	const Trouble *trouble = hash_search(troubles, &key, HASH_FIND, NULL);

	return trouble ? trouble->until : 0;
}

/* It has failed: leave it alone for twice as long as the last time, at first for a few rounds. */
static void
remember_trouble(int task, int64 piece)
{
	const TroubleKey key = {.piece = piece, .task = task};
	Trouble *trouble;
	bool found;

	if (hash_get_num_entries(troubles) >= TROUBLES_MAX)
		return; /* it is tried in every round then */
	trouble = hash_search(troubles, &key, HASH_ENTER, &found);
	trouble->delay = Min(HOUR, found ? trouble->delay * 2 : (int64) dcep_tasks[task].interval * 2);
	trouble->until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), trouble->delay * 1000);
}

/* It has succeeded. */
static void
forget_trouble(int task, int64 piece)
{
	const TroubleKey key = {.piece = piece, .task = task};

	(void) hash_search(troubles, &key, HASH_REMOVE, NULL);
}

/* --- one step ------------------------------------------------------------------- */

/* What the log says about an error beside the error. */
static void
add_context(void *arg)
{
	errcontext("upkeep of the ledger: %s", ((const DcepTask *) arg)->name);
}

/* Runs a query of one column of bigint with the owner's rights; its rows, in the step's context. In a transaction. */
static int64 *
query(const char *sql, int64 piece, uint64 *count)
{
	Oid types[] = {INT8OID};
	Datum values[] = {Int64GetDatum(piece)};
	DcepCaller caller;
	bool is_null;
	int64 *rows;

	dcep_access_enter_owner(&caller);
	SPI_connect();
	if (SPI_execute_with_args(sql, piece == THE_SEARCH ? 0 : 1, types, values, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "a task of the upkeep is no query");
	*count = SPI_processed;
	rows = MemoryContextAlloc(step_context, Max(1, *count) * sizeof(int64));
	for (uint64 i = 0; i < *count; i++)
		rows[i] = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &is_null));
	SPI_finish();
	dcep_access_leave_owner(&caller);
	return rows;
}

/* Runs such a query in a transaction. The process ends where there is no ledger any more. */
static int64 *
transact(const char *sql, int64 piece, uint64 *count)
{
	int64 *rows;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	if (!has_ledger())
		proc_exit(0);
	PushActiveSnapshot(GetTransactionSnapshot());
	pgstat_report_activity(STATE_RUNNING, sql);
	rows = query(sql, piece, count);
	PopActiveSnapshot();
	CommitTransactionCommand();
	return rows;
}

/* Is an error none to speak of: a lock that we did not get, or that we are to end? */
static bool
is_nothing(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE || sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED ||
		   sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE ||
		   (sqlerrcode == ERRCODE_QUERY_CANCELED && ShutdownRequestPending);
}

/* Rolls back after an error and says what it was, but for those that are none to speak of. */
static Ending
recover(int task)
{
	ErrorData *error;
	Ending ending = STEP_FAILED;

	HOLD_INTERRUPTS();
	MemoryContextSwitchTo(step_context);
	error = CopyErrorData();
	if (is_nothing(error->sqlerrcode))
		ending = STEP_MISSED;
	else
		EmitErrorReport();
	AbortCurrentTransaction();
	FlushErrorState();
	if (ending == STEP_FAILED)
		dcep_upkeep_note_failure(task, error->message);
	MemoryContextSwitchTo(step_context);
	RESUME_INTERRUPTS();
	return ending;
}

/* Runs such a query, come what may. */
static Ending
step(int task, const char *sql, int64 piece, int64 **rows, uint64 *count)
{
	ErrorContextCallback context = {.callback = add_context, .arg = &dcep_tasks[task], .previous = error_context_stack};
	MemoryContext caller = CurrentMemoryContext;
	volatile Ending ending = STEP_DONE;

	error_context_stack = &context;
	PG_TRY();
	{
		*rows = transact(sql, piece, count);
	}
	PG_CATCH();
	{
		ending = recover(task);
	}
	PG_END_TRY();
	error_context_stack = context.previous;
	MemoryContextSwitchTo(caller);
	if (ending == STEP_FAILED)
		remember_trouble(task, piece);
	else if (ending == STEP_DONE)
		forget_trouble(task, piece);
	pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, NULL);
	return ending;
}

/* --- rounds --------------------------------------------------------------------- */

/* Forgets what a task has found. */
static void
clear_pieces(Round *round)
{
	if (round->piece)
		pfree(round->piece);
	round->piece = NULL;
	round->count = round->next = 0;
}

/* Begins a round: goes on with what the last one left, or looks for what there is to do. */
static void
begin_round(int task)
{
	Round *round = &rounds[task];
	int64 *rows;
	uint64 count = 0;

	round->begun = GetCurrentTimestamp();
	round->done = 0;
	dcep_upkeep_note_round(task);
	if (round->piece)
		return;
	if (step(task, dcep_tasks[task].find, THE_SEARCH, &rows, &count) != STEP_DONE || count == 0)
		return;
	round->piece = MemoryContextAlloc(TopMemoryContext, count * sizeof(int64));
	memcpy(round->piece, rows, count * sizeof(int64));
	round->count = count;
}

/* Does the next piece of a round; once more next time, if there is more of it. */
static void
go_on(int task)
{
	Round *round = &rounds[task];
	int64 piece = round->piece[round->next];
	int64 *rows;
	uint64 count = 0;
	bool again = false;

	Assert(round->next < round->count);
	if (left_alone_until(task, piece) <= GetCurrentTimestamp())
	{
		round->done++;
		if (step(task, dcep_tasks[task].run, piece, &rows, &count) == STEP_DONE && count == 1)
		{
			dcep_upkeep_note_done(task, rows[0]);
			again = rows[0] >= dcep_tasks[task].lot;
		}
	}
	if (!again)
		round->next++;
	if (round->next == round->count)
		clear_pieces(round);
}

/* Is a round under way? */
static bool
is_busy(const Round *round)
{
	return round->piece && round->done < PIECES_A_ROUND;
}

/* When is a task's next step due? PG_INT64_MAX for never. */
static TimestampTz
due(int task)
{
	Round *round = &rounds[task];
	TimestampTz next;

	if (dcep_tasks[task].interval == 0)
	{
		clear_pieces(round);
		return PG_INT64_MAX;
	}
	if (is_busy(round))
		return 0;
	next = round->begun ? TimestampTzPlusMilliseconds(round->begun, dcep_tasks[task].interval * INT64CONST(1000)) : 0;
	return Max(next, left_alone_until(task, THE_SEARCH));
}

/* Takes one step of the next task that has one to take, after the one that had its turn; false where none has. */
static bool
take_turn(TimestampTz now)
{
	static int last = 0;

	for (int i = 1; i <= DCEP_TASKS; i++)
	{
		int task = (last + i) % DCEP_TASKS;

		if (due(task) > now)
			continue;
		last = task;
		if (is_busy(&rounds[task]))
			go_on(task);
		else
			begin_round(task);
		MemoryContextReset(step_context);
		return true;
	}
	return false;
}

/* --- the process ---------------------------------------------------------------- */

/*
 * SIGTERM, once there is something to take leave of.  The step that is under way is
 * cancelled, wherever it waits, for a standby that is gone too; take_leave() follows.
 */
static void
end_step(SIGNAL_ARGS)
{
	int saved_errno = errno;

	(void) postgres_signal_arg;
	ShutdownRequestPending = true;
	QueryCancelPending = true;
	InterruptPending = true;
	SetLatch(MyLatch);
	errno = saved_errno;
}

/*
 * We have been told to end: what waits in memory is written first, which waits for
 * no lock longer than PATIENCE and for no standby.
 */
static void
take_leave(void)
{
	/* The postmaster signals the process and its group, so twice: the second one must not cancel what follows. */
	pqsignal(SIGTERM, SIG_IGN);
	QueryCancelPending = false; /* what it was for has ended */
	SetConfigOption("synchronous_commit", "local", PGC_SUSET, PGC_S_OVERRIDE);
	for (int task = 0; task < DCEP_TASKS; task++)
		if (dcep_tasks[task].at_end && dcep_tasks[task].interval > 0)
		{
			begin_round(task);
			while (is_busy(&rounds[task]))
				go_on(task);
			MemoryContextReset(step_context);
		}
	proc_exit(0);
}

/* Deals with what signals have asked for, and ends where we are not wanted. */
static void
attend(void)
{
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
	if (ShutdownRequestPending)
		take_leave();
	if (!dcep_upkeep_wanted() || dcep_worker_unwelcome(MyDatabaseId))
		proc_exit(0);
	if (dcep_upkeep_was_kicked())
		rounds[DCEP_TASK_MESSAGES].begun = 0;
	QueryCancelPending = false; /* what was to be cancelled has ended */
	HOLD_CANCEL_INTERRUPTS();	/* what comes just now is for the next step */
	CHECK_FOR_INTERRUPTS();
	RESUME_CANCEL_INTERRUPTS();
}

/* What a role, the database or the configuration file sets for sessions must not change what the tasks do. */
static void
fix_settings(void)
{
	static const struct
	{
		const char *name;
		const char *value;
	} settings[] = {
		{"search_path", "pg_catalog, pg_temp"},
		{"lock_timeout", PATIENCE},
		{"default_transaction_isolation", "read committed"},
		{"default_transaction_read_only", "off"},
		{"session_replication_role", "origin"},
		{"row_security", "on"},
		{"jit", "off"},
		{"application_name", "dcep worker"},
	};

	for (size_t i = 0; i < lengthof(settings); i++)
		SetConfigOption(settings[i].name, settings[i].value, PGC_SUSET, PGC_S_OVERRIDE);
}

/* Prepares what the process keeps. */
static void
prepare(void)
{
	HASHCTL control = {.keysize = sizeof(TroubleKey), .entrysize = sizeof(Trouble), .hcxt = TopMemoryContext};

	troubles = hash_create("dcep troubles", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	step_context = AllocSetContextCreate(TopMemoryContext, "dcep upkeep step", ALLOCSET_DEFAULT_SIZES);
}

/* Is there a ledger here that has no worker yet? */
static bool
is_needed(void)
{
	bool found;

	StartTransactionCommand();
	found = has_ledger();
	CommitTransactionCommand();
	return found && dcep_upkeep_claim();
}

/* The worker of a database. */
void
dcep_worker_main(Datum database)
{
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(DatumGetObjectId(database), InvalidOid, 0);
	fix_settings();
	prepare();
	if (!is_needed())
		proc_exit(0);
	pqsignal(SIGTERM, end_step);
	pgstat_report_activity(STATE_IDLE, NULL);
	for (;;)
	{
		attend();
		if (take_turn(GetCurrentTimestamp()))
			continue;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, NAP, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
	}
}
