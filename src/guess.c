/*
 * guess.c: payers who guess at payment tokens.
 *
 * One row of dcep.token_guess a payer that failed.  Only the worker writes it,
 * under a lock of its own, never the payer's transaction: the payer waits for
 * the worker, so that the worker must not have to wait for the payer.  For the
 * same reason a payment that succeeds resets nothing; besides, who guesses could
 * pay a wallet of his own in between.  A day without failures does.
 *
 * The worker is a dynamic one, which a server can start whether or not dcep is
 * preloaded.
 */
#include "guess.h"

#include "access/xact.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "access.h"
#include "secret.h"
#include "table.h"

#define FREE_FAILURES 5
#define LOCKED_MAX USECS_PER_DAY
#define QUIET USECS_PER_DAY /* after which failures are forgotten */
#define SLOT_WAIT 50		/* ms between two attempts to get a process */
#define SLOT_ATTEMPTS 100

/* Columns of dcep.token_guess. */
enum
{
	GUESS_PAYER = 1,
	GUESS_FAILURES,
	GUESS_LAST,
	GUESS_LOCKED_UNTIL,
	GUESS_COLUMNS = GUESS_LOCKED_UNTIL
};

/* What is known of a payer's failures. */
typedef struct Guesses
{
	int32 failures;
	TimestampTz last;
	TimestampTz locked_until;
} Guesses;

/* Reads a payer's row, as it is now, and leaves it in the table's slot; false where there is none. */
static bool
read_guesses(DcepTable *table, int64 payer, Guesses *guesses)
{
	Snapshot snapshot = RegisterSnapshot(GetLatestSnapshot());
	bool found = dcep_table_find_number(table, DCEP_TOKEN_GUESS_PKEY, snapshot, payer);

	UnregisterSnapshot(snapshot);
	if (!found)
		return false;
	guesses->failures = DatumGetInt32(dcep_column(table, GUESS_FAILURES));
	guesses->last = DatumGetTimestampTz(dcep_column(table, GUESS_LAST));
	guesses->locked_until = DatumGetTimestampTz(dcep_column(table, GUESS_LOCKED_UNTIL));
	return true;
}

/* The same for who looks only; all zero where there is no row. */
static Guesses
look_at_guesses(int64 payer)
{
	DcepTable *table = dcep_table_open(DCEP_TOKEN_GUESS, NULL);
	Guesses guesses = {0};

	(void) read_guesses(table, payer, &guesses);
	dcep_table_close(table);
	return guesses;
}

/* Until when a payer may not pay to tokens. */
TimestampTz
dcep_guess_locked_until(int64 payer)
{
	return look_at_guesses(payer).locked_until;
}

/* Starts the worker for a payer; false where the server has no slot for it. */
static bool
start_worker(int64 payer, BackgroundWorkerHandle **handle)
{
	BackgroundWorker worker = {0};

	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_notify_pid = MyProcPid;
	worker.bgw_main_arg = Int64GetDatum(payer);
	memcpy(worker.bgw_extra, &MyDatabaseId, sizeof(MyDatabaseId));
	strlcpy(worker.bgw_library_name, "dcep", BGW_MAXLEN);
	strlcpy(worker.bgw_function_name, "dcep_guess_main", BGW_MAXLEN);
	strlcpy(worker.bgw_name, "dcep guess", BGW_MAXLEN);
	strlcpy(worker.bgw_type, "dcep guess", BGW_MAXLEN);
	return RegisterDynamicBackgroundWorker(&worker, handle);
}

/* Records a failure and waits until that is done. */
void
dcep_guess_record(int64 payer)
{
	TimestampTz begun = GetCurrentTimestamp();
	BackgroundWorkerHandle *handle;
	bool started = start_worker(payer, &handle);

	for (int i = 0; i < SLOT_ATTEMPTS && !started; i++)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, SLOT_WAIT, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		started = start_worker(payer, &handle);
	}
	if (started)
		(void) WaitForBackgroundWorkerShutdown(handle);
	if (look_at_guesses(payer).last < begun)
		ereport(LOG, (errmsg("a failed payment to a token could not be recorded"),
					  errhint("Look for an error of a \"dcep guess\" process above, or raise max_worker_processes.")));
}

/* --- the worker -------------------------------------------------------------- */

/* One failure more: the first few are free, then each locks for twice as long. */
static void
count_failure(Guesses *guesses, TimestampTz now)
{
	int64 locked = 0;

	if (now - guesses->last > QUIET)
		guesses->failures = 0;
	guesses->failures = Min(guesses->failures, PG_INT32_MAX - 1) + 1;
	if (guesses->failures > FREE_FAILURES)
		locked = USECS_PER_MINUTE << Min(guesses->failures - FREE_FAILURES - 1, 11);
	guesses->last = now;
	guesses->locked_until = now + Min(locked, LOCKED_MAX);
}

/* Writes the failure down. */
static void
record_failure(int64 payer)
{
	EState *estate = CreateExecutorState();
	DcepTable *table = dcep_table_open(DCEP_TOKEN_GUESS, estate);
	const bool nulls[GUESS_COLUMNS] = {false};
	Datum values[GUESS_COLUMNS];
	Guesses guesses = {0};
	bool found = read_guesses(table, payer, &guesses);

	count_failure(&guesses, GetCurrentTimestamp());
	values[GUESS_PAYER - 1] = Int64GetDatum(payer);
	values[GUESS_FAILURES - 1] = Int32GetDatum(guesses.failures);
	values[GUESS_LAST - 1] = TimestampTzGetDatum(guesses.last);
	values[GUESS_LOCKED_UNTIL - 1] = TimestampTzGetDatum(guesses.locked_until);
	dcep_table_put(table, found, values, nulls);
	dcep_table_close(table);
	FreeExecutorState(estate);
}

/* The process: one failure, one transaction, with the rights of the extension's owner and no more. */
void
dcep_guess_main(Datum payer)
{
	DcepCaller nobody;
	Oid database;

	memcpy(&database, MyBgworkerEntry->bgw_extra, sizeof(database));
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(database, InvalidOid, 0);
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	dcep_access_enter_owner(&nobody);
	/* Who records for the same payer waits. */
	dcep_secret_lock(DCEP_LOCK_GUESSES, "guess", DatumGetInt64(payer));
	record_failure(DatumGetInt64(payer));
	PopActiveSnapshot();
	CommitTransactionCommand();
	proc_exit(0);
}
