/*
 * trace.h: where the value of a coin went, and where it came from.
 *
 * The coins of the journal form a graph without circles: a transfer consumes
 * coins and mints up to two.  A trace is the part of that graph which leads on
 * from a coin, or back from it, as one snapshot sees it.  The journal is taken
 * as it stands: dcep.audit() proves it.  Who may see what is the caller's affair.
 */
#ifndef DCEP_TRACE_H
#define DCEP_TRACE_H

#include "fate.h"
#include "idset.h"
#include "trace_taint.h"

#define DCEP_TRACE_NO_DEPTH PG_INT32_MAX
#define DCEP_TRACE_ROWS_MAX 1000000

typedef enum DcepTraceState
{
	DCEP_TRACE_LIVE,
	DCEP_TRACE_CONSUMED,
	DCEP_TRACE_REDEEMED,  /* no coin: value that a redemption destroyed */
	DCEP_TRACE_ELSEWHERE, /* its owner's node has it, and the trace goes on there */
	DCEP_TRACE_CUT,		  /* a limit ended the trace here, though it goes on */
	DCEP_TRACE_STOPPED,	  /* what a transfer paid that the trace was to end at */
	DCEP_TRACE_LOST		  /* neither live nor consumed: dcep.audit() reports it */
} DcepTraceState;

/* A coin that a trace met; of a redemption, the value that it destroyed under the id that a payee's coin would have. */
typedef struct DcepTracedCoin
{
	int64 id;
	int64 owner; /* of what was redeemed: the central bank's vault */
	int64 amount;
	int64 tainted;	  /* 0 in a trace back */
	int64 consumer;	  /* the transfer that consumed it, 0 for none */
	int64 created_at; /* when its transfer was executed, microseconds since 1970-01-01 UTC */
	int depth;		  /* transfers between the trace's first coin and this one, on the shortest way */
	int kind;		  /* DcepKind of the transfer that minted it */
	DcepTraceState state;
} DcepTracedCoin;

/* What a trace may cost. */
typedef struct DcepTraceLimits
{
	int max_depth;				/* coins further away are left out; DCEP_TRACE_NO_DEPTH for any */
	int max_rows;				/* so many coins at most */
	const DcepIdSet *last_ones; /* forward: transfers whose payees' coins it ends at; NULL for none */
} DcepTraceLimits;

/* A trace; palloc'd in the caller's memory context. */
typedef struct DcepTrace
{
	bool is_forward;
	DcepTraceMethod method; /* of a trace forward */
	bool is_cut;			/* a limit left something out */
	int count;
	DcepTracedCoin *coin; /* in order of depth and id, the first is where it began */
} DcepTrace;

/*
 * Follows a part of a coin's value, which is within it, to where it is now. Every coin that has some of it is in the
 * trace, once. With haircut and fifo, what the coins that are not DCEP_TRACE_CONSUMED have adds up to the part, also
 * where the trace is cut: then it is the state after the transfers that were followed.
 * False where no transfer minted such a coin. XX001 where the journal is damaged.
 */
extern bool dcep_trace_forward(const DcepConfig *config, Snapshot snapshot, int64 coin, DcepTracePart part,
							   DcepTraceMethod method, DcepTraceLimits limits, DcepTrace *trace);

/* Follows a coin back to the issues that it came from: every coin consumed on the way is in the trace, once. */
extern bool dcep_trace_back(const DcepConfig *config, Snapshot snapshot, int64 coin, DcepTraceLimits limits,
							DcepTrace *trace);

/* The parts of both: trace.c. */

/* Fills in what the transfer that minted a coin says of it; false where it minted none under this id. */
extern bool dcep_trace_describe(const DcepTransfer *transfer, int64 id, DcepTracedCoin *coin);

/* What became of a coin that has been described, `first_seq` as for dcep_fates_find(). */
extern void dcep_trace_resolve(DcepFates *fates, DcepTracedCoin *coin, int64 first_seq);

/* Puts the coins of a trace in order. */
extern void dcep_trace_sort(DcepTrace *trace);

/* The journal has what cannot be (XX001). */
extern _Noreturn void dcep_trace_raise_damaged(int64 transfer, const char *what);

#endif
