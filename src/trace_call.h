/*
 * trace_call.h: what a call in SQL asked for, checked, and the trace that it gets.
 *
 * The caller of a trace must see a party of the transfer that it begins with.
 * From there it follows the value wherever it goes; wallets that the caller
 * does not see are shown by their institution alone.
 */
#ifndef DCEP_TRACE_CALL_H
#define DCEP_TRACE_CALL_H

#include "postgres.h"

#include "fmgr.h"

#include "trace.h"

typedef struct DcepTraceCall
{
	const DcepConfig *config;
	Snapshot snapshot;
	int64 coin;			/* the one that it begins with */
	DcepTracePart part; /* what of it; of amount 0: all */
	bool is_forward;
	DcepTraceMethod method;
	DcepTraceLimits limits;
} DcepTraceCall;

/* A method by name; 22023 where there is none. */
extern DcepTraceMethod dcep_trace_method(const char *name);
extern const char *dcep_trace_method_name(DcepTraceMethod method);

/* Begin with a payee's coin, or a coin by its number; an error where there is none or the caller may not see it. */
extern void dcep_trace_begin_transfer(DcepTraceCall *call, int64 transfer);
extern void dcep_trace_begin_coin(DcepTraceCall *call, int64 coin);

/* Limits out of the n-th argument, which may be null, and the one after it. */
extern DcepTraceLimits dcep_trace_limits(FunctionCallInfo fcinfo, int first, int rows_max);

/* Makes the trace. */
extern void dcep_trace_call_run(const DcepTraceCall *call, DcepTrace *trace);

/* Is a wallet shown to the caller? */
extern bool dcep_trace_shows(int64 wallet);

#endif
