/*
 * await.c: waiting for the payments that are under way.
 *
 * Whoever restricts a payee changes its row first, which payments that begin
 * from then on notice (dcep_row_state), and waits here for those that had read
 * the row before.  Those hold a lock on the journal until they end; the wait is
 * for these holders alone and keeps nobody out, as CREATE INDEX CONCURRENTLY
 * does it.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"

#include "table.h"

PG_FUNCTION_INFO_V1(dcep_await_payments);

/* dcep.await_payments() */
Datum
dcep_await_payments(PG_FUNCTION_ARGS)
{
	LOCKTAG journal;

	SET_LOCKTAG_RELATION(journal, MyDatabaseId, dcep_relation_oid(DCEP_TRANSFER));
	WaitForLockers(journal, ShareLock, false);
	PG_RETURN_VOID();
}
