/*
 * kept.c: refusals in memory until they are written.
 *
 * A pool of entries; each database that has any waiting has a queue of them.
 * Where the pool is used up the longest queue loses its oldest entry, so that a
 * ledger whose refusals nobody writes costs no other ledger its own.  What is
 * lost is counted.
 *
 * Invariant: an entry leaves the pool only when a transaction that has written
 * it has committed or been prepared, or as a loss.  Serials of a queue have no gaps: losses and
 * departures are at its front, arrivals at its end.
 *
 * Lock order: the lock of writers (until the end of their transaction), then
 * the pool's, which is held for a few assignments, or for copying a queue.
 */
#include "kept.h"

#include "access/xact.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "access.h"
#include "advisory.h"
#include "refused.h"
#include "shared.h"
#include "types.h"

#define DATABASES 64	/* of a server that can have refusals waiting in shared memory at once */
#define OWN_ENTRIES 256 /* in a process that keeps them itself: 100 kB, from its first refusal on */
#define ENTRIES_MIN 16	/* of the shared pool */
#define ENTRIES_MAX 1000000
#define NONE (-1)

typedef struct Place
{
	int next; /* in its queue, or in the free list */
	uint64 serial;
	DcepKeptEntry entry;
} Place;

typedef struct Queue
{
	Oid database; /* InvalidOid: never used */
	int first;	  /* places; any values while none waits */
	int last;
	int waiting;
	uint64 serial; /* of the last that came */
	int64 lost;
} Queue;

typedef struct Pool
{
	int free;	  /* the first free place */
	uint64 spent; /* serials up to here were of queues that are not in use any more */
	Queue queue[DATABASES];
	Place place[FLEXIBLE_ARRAY_MEMBER];
} Pool;

/* What the current transaction has taken in order to write it, by subtransaction, the innermost first. */
typedef struct Taken
{
	struct Taken *outer;
	SubTransactionId subxact;
	const Pool *pool;
	uint64 last; /* serial */
	int count;
} Taken;

static int shared_entries = 4096;
static Pool *shared = NULL; /* where the library is preloaded */
static LWLock *lock = NULL; /* the shared pool's */
static Pool *own = NULL;	/* from the first refusal on that finds no shared memory */
static Taken *taken = NULL; /* in TopTransactionContext */

/* --- pools ----------------------------------------------------------------------- */

static Size
pool_size(int entries)
{
	return add_size(offsetof(Pool, place), mul_size((Size) entries, sizeof(Place)));
}

/* Makes all places free. */
static void
clear_pool(Pool *pool, int entries)
{
	memset(pool, 0, offsetof(Pool, place));
	for (int i = 0; i < entries; i++)
		pool->place[i].next = i + 1 < entries ? i + 1 : NONE;
}

static void
lock_pool(const Pool *pool, LWLockMode mode)
{
	if (pool == shared)
		LWLockAcquire(lock, mode);
}

static void
unlock_pool(const Pool *pool)
{
	if (pool == shared)
		LWLockRelease(lock);
}

/* The queue of a database, or NULL. The pool is locked. */
static Queue *
find_queue(Pool *pool, Oid database)
{
	for (int i = 0; i < DATABASES; i++)
		if (pool->queue[i].database == database)
			return &pool->queue[i];
	return NULL;
}

/* The same, made if need be out of one that is not in use; NULL where all are. The pool is locked. */
static Queue *
need_queue(Pool *pool, Oid database)
{
	Queue *queue = find_queue(pool, database);

	if (queue == NULL)
		queue = find_queue(pool, InvalidOid);
	for (int i = 0; queue == NULL && i < DATABASES; i++)
		if (pool->queue[i].waiting == 0)
			queue = &pool->queue[i];
	if (queue && queue->database != database)
	{
		/* A transaction may remember a serial of the queue that this one succeeds. */
		pool->spent = Max(pool->spent, queue->serial);
		*queue = (Queue){.database = database, .serial = pool->spent};
	}
	return queue;
}

/* Takes the first entry out of a queue that has one; its place is free. The pool is locked. */
static void
free_first(Pool *pool, Queue *queue)
{
	int place = queue->first;

	Assert(queue->waiting > 0);
	queue->first = pool->place[place].next;
	queue->waiting--;
	pool->place[place].next = pool->free;
	pool->free = place;
}

/* The longest queue loses its oldest entry. The pool is locked, and no place is free. */
static void
lose_one(Pool *pool)
{
	Queue *longest = &pool->queue[0];

	for (int i = 1; i < DATABASES; i++)
		if (pool->queue[i].waiting > longest->waiting)
			longest = &pool->queue[i];
	longest->lost++;
	free_first(pool, longest);
}

/* Adds an entry of this database; false where there are too many databases. */
static bool
add_entry(Pool *pool, const DcepKeptEntry *entry)
{
	Queue *queue;
	int place;

	lock_pool(pool, LW_EXCLUSIVE);
	queue = need_queue(pool, MyDatabaseId);
	if (queue)
	{
		if (pool->free == NONE)
			lose_one(pool);
		place = pool->free;
		pool->free = pool->place[place].next;
		if (queue->waiting++ == 0)
			queue->first = place;
		else
			pool->place[queue->last].next = place;
		queue->last = place;
		pool->place[place].next = NONE;
		pool->place[place].serial = ++queue->serial;
		pool->place[place].entry = *entry;
	}
	unlock_pool(pool);
	return queue != NULL;
}

/* The process's own pool. */
static Pool *
need_own(void)
{
	if (own == NULL)
	{
		Pool *pool = MemoryContextAlloc(TopMemoryContext, pool_size(OWN_ENTRIES));

		clear_pool(pool, OWN_ENTRIES);
		own = pool;
	}
	return own;
}

/* --- noting ---------------------------------------------------------------------- */

/* Copies a text as far as there is room for it, whole characters. */
static void
copy_text(char *target, const char *text, int size)
{
	int len = pg_mbcliplen(text, (int) strlen(text), size - 1);

	memcpy(target, text, (size_t) len);
	target[len] = '\0';
}

/* Notes a refusal. */
void
dcep_refusal_keep(const DcepKept *kept)
{
	char *role = GetUserNameFromId(GetSessionUserId(), true);
	DcepKeptEntry entry = {.at = GetCurrentTimestamp(),
						   .payer = kept->payer,
						   .payee = kept->payee,
						   .amount = kept->amount ? *kept->amount : 0,
						   .has_amount = kept->amount != NULL,
						   .order = kept->refusal->order,
						   .sqlstate = kept->refusal->sqlstate,
						   .kind = kept->kind,
						   .class = kept->class,
						   .institution = kept->institution};

	dcep_refused_count(entry.sqlstate);
	if (entry.institution == 0)
		entry.institution = dcep_access_bound(kept->payer ? dcep_wallet_institution(kept->payer) : 0);
	copy_text(entry.role, role ? role : "", NAMEDATALEN);
	copy_text(entry.message, kept->refusal->message, DCEP_KEPT_MESSAGE);
	copy_text(entry.attempt, kept->attempt ? kept->attempt : "", DCEP_KEPT_ATTEMPT);
	if (role)
		pfree(role);
	if (shared == NULL || !add_entry(shared, &entry))
		(void) add_entry(need_own(), &entry);
}

/* --- taking ---------------------------------------------------------------------- */

/* Serial of the last entry of a pool that this transaction has taken, or 0; and how many those are. */
static uint64
last_taken(const Pool *pool, int *count)
{
	uint64 last = 0;

	*count = 0;
	for (const Taken *t = taken; t; t = t->outer)
		if (t->pool == pool)
		{
			last = Max(last, t->last);
			*count += t->count;
		}
	return last;
}

/* How many wait in a queue behind a serial; it may be NULL. The pool is locked. */
static int
count_behind(const Queue *queue, uint64 serial)
{
	return queue ? (int) Min((uint64) queue->waiting, queue->serial - serial) : 0;
}

/* How many of this database wait in a pool that this transaction has not taken. */
static int
count_waiting(Pool *pool)
{
	int already;
	uint64 last = last_taken(pool, &already);
	int waiting;

	lock_pool(pool, LW_SHARED);
	waiting = count_behind(find_queue(pool, MyDatabaseId), last);
	unlock_pool(pool);
	return waiting;
}

/* Remembers what the transaction has taken. */
static void
remember_taken(const Pool *pool, uint64 last, int count)
{
	Taken *t = MemoryContextAlloc(TopTransactionContext, sizeof(Taken));

	*t = (Taken){.outer = taken, .subxact = GetCurrentSubTransactionId(), .pool = pool, .last = last, .count = count};
	taken = t;
}

/* Copies at most so many entries of a pool that this transaction has not taken yet; how many. */
static int
take_entries(Pool *pool, DcepKeptEntry *entries, int most)
{
	int already;
	uint64 last = last_taken(pool, &already);
	int count = 0;
	const Queue *queue;

	lock_pool(pool, LW_SHARED);
	queue = find_queue(pool, MyDatabaseId);
	for (int i = 0, place = queue ? queue->first : NONE; queue && i < queue->waiting && count < most; i++)
	{
		if (pool->place[place].serial > last)
		{
			entries[count++] = pool->place[place].entry;
			last = pool->place[place].serial;
		}
		place = pool->place[place].next;
	}
	unlock_pool(pool);
	if (count > 0)
		remember_taken(pool, last, count);
	return count;
}

/* Who writes what all processes share does so alone, until its transaction ends: nothing is written twice. */
static void
lock_writers(void)
{
	dcep_advisory_lock(DCEP_LOCK_REFUSALS, 0, 0);
}

/* The refusals that wait. */
DcepKeptEntry *
dcep_kept_take(int *count)
{
	int in_shared = 0;
	int in_own = own ? count_waiting(own) : 0;
	DcepKeptEntry *entries;

	if (shared)
	{
		lock_writers();
		in_shared = count_waiting(shared);
	}
	entries = palloc(mul_size(Max(1, in_shared + in_own), sizeof(DcepKeptEntry)));
	*count = in_shared > 0 ? take_entries(shared, entries, in_shared) : 0;
	if (in_own > 0)
		*count += take_entries(own, entries + *count, in_own);
	return entries;
}

/* How many wait, and were lost. */
bool
dcep_kept_counts(int64 *waiting, int64 *lost)
{
	Pool *const pools[] = {shared, own};

	*waiting = *lost = 0;
	for (size_t i = 0; i < lengthof(pools); i++)
	{
		const Queue *queue;

		if (pools[i] == NULL)
			continue;
		lock_pool(pools[i], LW_SHARED);
		queue = find_queue(pools[i], MyDatabaseId);
		*waiting += queue ? queue->waiting : 0;
		*lost += queue ? queue->lost : 0;
		unlock_pool(pools[i]);
	}
	return shared != NULL;
}

/* Is there anything in this process's own pool that its transaction has not taken? */
bool
dcep_kept_has_own(void)
{
	return own && count_waiting(own) > 0;
}

/* --- the ends of transactions ---------------------------------------------------- */

/* What was taken from a pool stands in the table: it leaves. What was lost meanwhile was not lost after all. */
static void
release_taken(Pool *pool)
{
	int count;
	uint64 last = last_taken(pool, &count);
	Queue *queue;

	if (count == 0)
		return;
	lock_pool(pool, LW_EXCLUSIVE);
	queue = find_queue(pool, MyDatabaseId);
	while (queue && queue->waiting > 0 && pool->place[queue->first].serial <= last)
	{
		free_first(pool, queue);
		count--;
	}
	if (queue)
		queue->lost -= count;
	unlock_pool(pool);
}

static void
at_transaction_end(XactEvent event, void *arg pg_attribute_unused())
{
	if (taken == NULL)
		return;
	/* What is prepared is durable; who commits or rolls it back later is another session. */
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE)
	{
		if (shared)
			release_taken(shared);
		if (own)
			release_taken(own);
	}
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE || event == XACT_EVENT_ABORT)
		taken = NULL; /* it is gone with the transaction */
}

static void
at_subtransaction_end(SubXactEvent event, SubTransactionId mine, SubTransactionId parent,
					  void *arg pg_attribute_unused())
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		while (taken && taken->subxact == mine)
			taken = taken->outer;
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
		for (Taken *t = taken; t && t->subxact == mine; t = t->outer)
			t->subxact = parent;
}

/* --- at the start ---------------------------------------------------------------- */

static Size
shared_size(void)
{
	return pool_size(shared_entries);
}

static void
attach_memory(void *memory, LWLock *its_lock, bool new)
{
	shared = memory;
	lock = its_lock;
	if (new)
		clear_pool(shared, shared_entries);
}

static DcepShared request = {.name = "dcep refusals", .has_lock = true, .size = shared_size, .attach = attach_memory};

/* Defines the setting, asks for shared memory, and watches over the ends of transactions. */
void
dcep_kept_init(void)
{
	RegisterXactCallback(at_transaction_end, NULL);
	RegisterSubXactCallback(at_subtransaction_end, NULL);
	if (!process_shared_preload_libraries_in_progress)
		return;
	DefineCustomIntVariable("dcep.refusal_buffer", "Refusals that can wait in shared memory to be written.",
							"A number, for all ledgers of the server together; each takes about 450 bytes. Where more "
							"come before they are written, the oldest are lost and counted.",
							&shared_entries, shared_entries, ENTRIES_MIN, ENTRIES_MAX, PGC_POSTMASTER, 0, NULL, NULL,
							NULL);
	dcep_shared_request(&request);
}
