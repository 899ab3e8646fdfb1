/*
 * refused.c: how often each rule has refused, for who watches the server.
 *
 * Counts in shared memory since the server started, by database and SQLSTATE.
 * The rows of dcep.refusal say the same and more, but who asks every few seconds
 * must not have to read them.  A count is lost where more databases and rules
 * come together than there are places for; there are not so many rules.
 */
#include "refused.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "shared.h"

PG_FUNCTION_INFO_V1(dcep_refused_counts);

#define PLACES 2048 /* 32 kB */

typedef struct Count
{
	Oid database; /* InvalidOid: the place is free, and so are those after it */
	int sqlstate;
	int64 refusals;
} Count;

static Count *counts = NULL; /* PLACES of them; NULL where the library is not preloaded */
static LWLock *lock = NULL;

static Size
counts_size(void)
{
	return mul_size(PLACES, sizeof(Count));
}

static void
attach_memory(void *memory, LWLock *its_lock, bool new)
{
	counts = memory;
	lock = its_lock;
	if (new)
		memset(counts, 0, counts_size());
}

static DcepShared request = {.name = "dcep refusal counts",
							 .has_lock = true,
							 .size = counts_size,
							 .attach = attach_memory};

/* Asks for shared memory. */
void
dcep_refused_init(void)
{
	dcep_shared_request(&request);
}

/* Counts a refusal. Rules are few: their places are looked through. */
void
dcep_refused_count(int sqlstate)
{
	Count *place;

	if (counts == NULL)
		return;
	LWLockAcquire(lock, LW_EXCLUSIVE);
	for (place = counts; place < counts + PLACES; place++)
	{
		if (place->database == InvalidOid)
			*place = (Count){.database = MyDatabaseId, .sqlstate = sqlstate};
		if (place->database == MyDatabaseId && place->sqlstate == sqlstate)
		{
			place->refusals++;
			break;
		}
	}
	LWLockRelease(lock);
}

/* dcep.refused_counts() → a row a rule that has refused, of this database */
Datum
dcep_refused_counts(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Count *copy;

	InitMaterializedSRF(fcinfo, 0);
	if (counts == NULL)
		return (Datum) 0;
	copy = palloc(counts_size());
	LWLockAcquire(lock, LW_SHARED);
	memcpy(copy, counts, counts_size());
	LWLockRelease(lock);
	for (const Count *place = copy; place < copy + PLACES && place->database != InvalidOid; place++)
	{
		Datum values[] = {CStringGetTextDatum(unpack_sql_state(place->sqlstate)), Int64GetDatum(place->refusals)};
		bool nulls[] = {false, false};

		if (place->database == MyDatabaseId)
			tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
