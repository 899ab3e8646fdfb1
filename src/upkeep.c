/*
 * upkeep.c: what is done for a ledger behind the scenes, and how that goes.
 *
 * One slot of shared memory a database that has a worker.  It outlives the
 * worker, so that the counts of a database go on when its worker comes back,
 * until another database needs the slot. One lock guards all; it is held for
 * a few assignments.
 */
#include "upkeep.h"

#include <limits.h>

#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "shared.h"

PG_FUNCTION_INFO_V1(dcep_upkeep);

DcepTask dcep_tasks[DCEP_TASKS] = {
	{
		.name = "consolidation",
		.setting = "dcep.consolidation_interval",
		.short_text = "Time between two looks for wallets with many coins.",
		.long_text = "In seconds, 0 to switch it off. Wallets of 100 coins and more that a sample of the coins "
					 "leads to are consolidated, those that pay just then excepted.",
		.interval = 60,
		.find = "SELECT w.wallet::bigint FROM dcep.crowded_sample() AS w",
		.run = "SELECT dcep.consolidate($1::dcep.wallet_id, 2000, true)::bigint",
		.lot = 2000,
	},
	{
		.name = "tills",
		.setting = "dcep.stock_interval",
		.short_text = "Time between two looks at the stock of tills.",
		.long_text = "In seconds, 0 to switch it off. Tills that lack a tenth of their share or more are filled up.",
		.interval = 10,
		.find = "SELECT i.code::bigint FROM dcep.institution AS i JOIN dcep.wallet AS v ON v.id = i.vault "
				"WHERE i.status = 'active' AND v.flags & 1 = 0 "
				"AND EXISTS (SELECT FROM dcep.till AS t WHERE t.institution = i.code)",
		.run = "SELECT dcep.stock_tills($1::integer)",
		.lot = PG_INT64_MAX,
	},
	{
		.name = "refusals",
		.setting = "dcep.refusal_interval",
		.short_text = "Time between two looks for refusals that are to be written.",
		.long_text =
			"In seconds, 0 to switch it off. Refused payments wait in shared memory, as many as dcep.refusal_buffer "
			"says, and are written into dcep.refusal.",
		.interval = 1,
		.find = "SELECT 1::bigint FROM dcep.waiting_refusals() AS w WHERE w.waiting > 0",
		.run = "SELECT dcep.keep_refusals()",
		.lot = PG_INT64_MAX,
		.at_end = true,
	},
	{
		.name = "tokens",
		.setting = "dcep.token_interval",
		.short_text = "Time between two searches for payment tokens that have expired.",
		.long_text =
			"In seconds, 0 to switch it off. They are removed; tokens of a wallet also go when its next one is "
			"issued. A search reads dcep.token, which is as large as the tokens that are not removed yet.",
		.interval = 600,
		.find = "SELECT dcep.token_pieces()",
		.run = "SELECT dcep.remove_expired_tokens($1)",
		.lot = PG_INT64_MAX,
	},
	{
		.name = "sealing",
		.setting = "dcep.seal_interval",
		.short_text = "Time between two looks for transfers that are not in the log.",
		.long_text =
			"In seconds, 0 to switch it off. Payments do not wait for it. While nobody pays nothing is written.",
		.interval = 1,
		.find = "SELECT 100000::bigint FROM dcep.log_state AS s, dcep.transfer_id_seq AS q "
				"WHERE q.is_called AND q.last_value > s.watermark",
		.run = "SELECT dcep.seal($1::integer)",
		.lot = 100000,
	},
	{
		.name = "checkpoints",
		.setting = "dcep.checkpoint_interval",
		.short_text = "Time between two checkpoints of the log.",
		.long_text = "In seconds, 0 to switch it off. A checkpoint is made where the log has grown since the last one.",
		.interval = 10,
		.find = "SELECT s.size FROM dcep.log_state AS s "
				"WHERE s.size > COALESCE((SELECT max(c.size) FROM dcep.checkpoint AS c), 0)",
		.run = "SELECT 1::bigint FROM dcep.checkpoint() AS c WHERE $1 > 0 AND c IS NOT NULL",
		.lot = PG_INT64_MAX,
	},
	[DCEP_TASK_MESSAGES] =
		{
			.name = "messages",
			.setting = "dcep.message_interval",
			.short_text = "Time between two looks for messages of other nodes, and for payments that leave.",
			.long_text =
				"In seconds, 0 to switch it off. What comes and what leaves is looked at at once; what could not be "
				"done then is tried again after so long.",
			.interval = 1,
			.find = "SELECT 100::bigint WHERE EXISTS (SELECT FROM dcep.crossing AS c WHERE c.waits) "
					"OR EXISTS (SELECT FROM dcep.line AS l JOIN dcep.message AS m "
					"ON m.sender = l.peer AND m.receiver = dcep.own_institution() AND m.number = l.taken + 1 "
					"WHERE l.status = 'open')",
			.run = "SELECT dcep.work_messages($1::integer)",
			.lot = 1,
		},
};

int dcep_upkeep_naptime = 60;

#define ERROR_LEN 256

/* How a task has gone in a database since the slot was taken. */
typedef struct TaskNotes
{
	int64 rounds;
	int64 done;
	int64 failures;
	TimestampTz last_round; /* 0 = never */
	TimestampTz last_failure;
	char last_error[ERROR_LEN];
} TaskNotes;

typedef struct Slot
{
	Oid database;	/* InvalidOid: never used */
	PGPROC *worker; /* NULL where it has ended */
	bool kicked;	/* a message has come */
	TaskNotes task[DCEP_TASKS];
} Slot;

static Slot *slots = NULL; /* max_worker_processes of them; NULL where the library is not preloaded */
static LWLock *lock = NULL;
static Slot *mine = NULL; /* the slot of this process, a worker */

/* Each worker holds one slot, so that one is free when another worker starts. */
static Size
slots_size(void)
{
	return mul_size((Size) max_worker_processes, sizeof(Slot));
}

static void
attach_memory(void *memory, LWLock *its_lock, bool new)
{
	slots = memory;
	lock = its_lock;
	if (new)
		memset(slots, 0, slots_size());
}

static DcepShared shared = {.name = "dcep upkeep", .has_lock = true, .size = slots_size, .attach = attach_memory};

/* Defines the settings and asks for shared memory. */
void
dcep_upkeep_init(void)
{
	for (int i = 0; i < DCEP_TASKS; i++)
	{
		DcepTask *task = &dcep_tasks[i];

		DefineCustomIntVariable(task->setting, task->short_text, task->long_text, &task->interval, task->interval, 0,
								SECS_PER_DAY, PGC_SIGHUP, GUC_UNIT_S, NULL, NULL, NULL);
	}
	DefineCustomIntVariable("dcep.upkeep_naptime", "Time between two looks for databases that need upkeep.",
							"In seconds. A ledger that is new, and one whose worker has ended, gets a worker after so "
							"long at most. Each look costs every other database a connection of some milliseconds.",
							&dcep_upkeep_naptime, dcep_upkeep_naptime, 1, SECS_PER_DAY, PGC_SIGHUP, GUC_UNIT_S, NULL,
							NULL, NULL);
	dcep_shared_request(&shared);
}

/* Is any task switched on? */
bool
dcep_upkeep_wanted(void)
{
	for (int i = 0; i < DCEP_TASKS; i++)
		if (dcep_tasks[i].interval > 0)
			return true;
	return false;
}

/* --- slots --------------------------------------------------------------------- */

/* The slot of a database, or NULL. The lock is held. */
static Slot *
find_slot(Oid database)
{
	for (int i = 0; i < max_worker_processes; i++)
		if (slots[i].database == database)
			return &slots[i];
	return NULL;
}

/* The slot that a database which has none takes: an unused one first. The lock is held. */
static Slot *
free_slot(Oid database)
{
	Slot *slot = find_slot(InvalidOid);

	for (int i = 0; slot == NULL && i < max_worker_processes; i++)
		if (slots[i].worker == NULL)
			slot = &slots[i];
	if (slot == NULL)
		elog(ERROR, "more workers than max_worker_processes");
	memset(slot, 0, sizeof(*slot));
	slot->database = database;
	return slot;
}

/* Does a database have a worker now? */
bool
dcep_upkeep_has_worker(Oid database)
{
	const Slot *slot;
	bool has;

	LWLockAcquire(lock, LW_SHARED);
	slot = find_slot(database);
	has = slot && slot->worker != NULL;
	LWLockRelease(lock);
	return has;
}

/* The worker ends. */
static void
release_slot(int code pg_attribute_unused(), Datum arg pg_attribute_unused())
{
	LWLockAcquire(lock, LW_EXCLUSIVE);
	mine->worker = NULL;
	LWLockRelease(lock);
}

/* Makes this process the worker of its database. */
bool
dcep_upkeep_claim(void)
{
	Slot *slot;

	Assert(mine == NULL && OidIsValid(MyDatabaseId));
	LWLockAcquire(lock, LW_EXCLUSIVE);
	slot = find_slot(MyDatabaseId);
	if (slot == NULL)
		slot = free_slot(MyDatabaseId);
	if (slot->worker == NULL)
	{
		slot->worker = MyProc;
		mine = slot;
	}
	LWLockRelease(lock);
	if (mine)
		before_shmem_exit(release_slot, (Datum) 0);
	return mine != NULL;
}

/* A message has come: wakes the worker. */
void
dcep_upkeep_kick(void)
{
	Slot *slot;

	if (slots == NULL)
		return;
	LWLockAcquire(lock, LW_EXCLUSIVE);
	slot = find_slot(MyDatabaseId);
	if (slot)
		slot->kicked = true;
	if (slot && slot->worker)
		SetLatch(&slot->worker->procLatch);
	LWLockRelease(lock);
}

/* Has one come since the worker asked last? */
bool
dcep_upkeep_was_kicked(void)
{
	bool kicked;

	LWLockAcquire(lock, LW_EXCLUSIVE);
	kicked = mine->kicked;
	mine->kicked = false;
	LWLockRelease(lock);
	return kicked;
}

/* A round has begun. */
void
dcep_upkeep_note_round(int task)
{
	LWLockAcquire(lock, LW_EXCLUSIVE);
	mine->task[task].rounds++;
	mine->task[task].last_round = GetCurrentTimestamp();
	LWLockRelease(lock);
}

/* So much was done. */
void
dcep_upkeep_note_done(int task, int64 amount)
{
	LWLockAcquire(lock, LW_EXCLUSIVE);
	mine->task[task].done += amount;
	LWLockRelease(lock);
}

/* Something failed. */
void
dcep_upkeep_note_failure(int task, const char *message)
{
	TaskNotes *notes = &mine->task[task];
	int len = pg_mbcliplen(message, (int) strlen(message), ERROR_LEN - 1);

	LWLockAcquire(lock, LW_EXCLUSIVE);
	notes->failures++;
	notes->last_failure = GetCurrentTimestamp();
	memcpy(notes->last_error, message, (size_t) len);
	notes->last_error[len] = '\0';
	LWLockRelease(lock);
}

/* --- the view ------------------------------------------------------------------- */

/* One row of the view. */
static void
put_notes(ReturnSetInfo *result, const DcepTask *task, const TaskNotes *notes, int worker)
{
	Datum values[] = {
		CStringGetTextDatum(task->name),
		Int32GetDatum(task->interval),
		Int32GetDatum(worker),
		Int64GetDatum(notes->rounds),
		Int64GetDatum(notes->done),
		TimestampTzGetDatum(notes->last_round),
		Int64GetDatum(notes->failures),
		TimestampTzGetDatum(notes->last_failure),
		CStringGetTextDatum(notes->last_error),
	};
	bool nulls[] = {
		false,
		false,
		worker == 0,
		false,
		false,
		notes->last_round == 0,
		false,
		notes->last_failure == 0,
		notes->last_failure == 0,
	};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* dcep.upkeep_notes() → a row a task, of this database; none where the library is not preloaded */
Datum
dcep_upkeep(PG_FUNCTION_ARGS)
{
	Slot copy = {0};
	const Slot *slot;
	int pid = 0;

	InitMaterializedSRF(fcinfo, 0);
	if (slots == NULL)
		return (Datum) 0;
	LWLockAcquire(lock, LW_SHARED);
	slot = find_slot(MyDatabaseId);
	if (slot)
		copy = *slot;
	if (copy.worker)
		pid = copy.worker->pid;
	LWLockRelease(lock);
	for (int i = 0; i < DCEP_TASKS; i++)
		put_notes((ReturnSetInfo *) fcinfo->resultinfo, &dcep_tasks[i], &copy.task[i], pid);
	return (Datum) 0;
}
