/*
 * advisory.c: locks on what is no row of a table.
 */
#include "advisory.h"

#include "miscadmin.h"
#include "storage/lock.h"

/* Takes a lock. */
void
dcep_advisory_lock(DcepLockKind kind, uint32 first, uint32 second)
{
	LOCKTAG tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, first, second, kind);
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}
