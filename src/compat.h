/*
 * compat.h: what differs between PostgreSQL 15 and 18, and the only file that asks which it is.
 */
#ifndef DCEP_COMPAT_H
#define DCEP_COMPAT_H

#include "postgres.h"

#include "access/genam.h"
#include "access/tableam.h"
#include "access/twophase.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/sinvaladt.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#if PG_VERSION_NUM < 150000
#error "dcep needs PostgreSQL 15 or newer"
#endif

#if PG_VERSION_NUM >= 160000
#include "nodes/miscnodes.h"
#include "varatt.h"
#endif

/*
 * Input functions report bad input through dcep_errsave(), which returns where
 * the caller of the function asked for soft errors (16 and newer) and else does
 * not.  DCEP_ESCONTEXT is what that caller passed.
 */
#if PG_VERSION_NUM >= 160000
#define DCEP_ESCONTEXT(fcinfo) ((fcinfo)->context)
#define dcep_errsave(escontext, ...) errsave(escontext, __VA_ARGS__)
#else
#define DCEP_ESCONTEXT(fcinfo) NULL
#define dcep_errsave(escontext, ...) \
	do \
	{ \
		(void) (escontext); \
		ereport(ERROR, __VA_ARGS__); \
	} while (0)
#endif

/* May rows be removed that a snapshot still sees, which readers must then find out? 17 has no such setting any more. */
static inline bool
dcep_snapshots_expire(void)
{
#if PG_VERSION_NUM >= 170000
	return false;
#else
	return OldSnapshotThresholdActive();
#endif
}

/* A set of events that is kept; 17 lets resource owners look after them, which it shall not. */
static inline WaitEventSet *
dcep_create_wait_set(int count)
{
#if PG_VERSION_NUM >= 170000
	return CreateWaitEventSet(NULL, count);
#else
	return CreateWaitEventSet(TopMemoryContext, count);
#endif
}

/* Begins an index scan; 18 wants to know where to count. */
static inline IndexScanDesc
dcep_index_beginscan(Relation heap, Relation index, Snapshot snapshot, int key_count)
{
#if PG_VERSION_NUM >= 180000
	return index_beginscan(heap, index, snapshot, NULL, key_count, 0);
#else
	return index_beginscan(heap, index, snapshot, key_count, 0);
#endif
}

/*
 * Transaction id of a holder of locks, as GetLockConflicts() names it: of a
 * session, of a prepared transaction, or of one that a restart has brought back.
 * InvalidTransactionId where it has none, or has ended.
 */
static inline TransactionId
dcep_holder_xid(VirtualTransactionId holder)
{
	bool have_more = false;
	PGPROC *process;

#if PG_VERSION_NUM >= 170000
	if (holder.procNumber == INVALID_PROC_NUMBER)
		return holder.localTransactionId;
	process = ProcNumberGetProc(holder.procNumber);
	if (process && process->vxid.lxid == holder.localTransactionId)
		return process->xid;
#else
	if (holder.backendId == InvalidBackendId)
		return holder.localTransactionId;
	process = BackendIdGetProc(holder.backendId);
	if (process && process->lxid == holder.localTransactionId)
		return process->xid;
#endif
	return TwoPhaseGetXidByVirtualXID(holder, &have_more);
}

/* Which indexes of a row need new entries after an update. */
typedef enum DcepIndexes
{
	DCEP_INDEXES_NONE,
	DCEP_INDEXES_SUMMARIZING, /* 16 tells these apart */
	DCEP_INDEXES_ALL
} DcepIndexes;

/* Enters a row into its indexes. */
static inline List *
dcep_insert_index_tuples(ResultRelInfo *result, TupleTableSlot *slot, EState *estate, bool is_update, DcepIndexes which)
{
#if PG_VERSION_NUM >= 160000
	return ExecInsertIndexTuples(result, slot, estate, is_update, false, NULL, NIL, which == DCEP_INDEXES_SUMMARIZING);
#else
	(void) which;
	return ExecInsertIndexTuples(result, slot, estate, is_update, false, NULL, NIL);
#endif
}

/* Updates a row and says which of its indexes need new entries. */
static inline TM_Result
dcep_tuple_update(Relation rel, ItemPointer tid, TupleTableSlot *slot, CommandId cid, TM_FailureData *failure,
				  LockTupleMode *mode, DcepIndexes *which)
{
#if PG_VERSION_NUM >= 160000
	TU_UpdateIndexes indexes = TU_None;
	TM_Result result =
		table_tuple_update(rel, tid, slot, cid, InvalidSnapshot, InvalidSnapshot, true, failure, mode, &indexes);

	*which = indexes == TU_None			 ? DCEP_INDEXES_NONE
			 : indexes == TU_Summarizing ? DCEP_INDEXES_SUMMARIZING
										 : DCEP_INDEXES_ALL;
#else
	bool indexes = false;
	TM_Result result =
		table_tuple_update(rel, tid, slot, cid, InvalidSnapshot, InvalidSnapshot, true, failure, mode, &indexes);

	*which = indexes ? DCEP_INDEXES_ALL : DCEP_INDEXES_NONE;
#endif
	return result;
}

#endif
