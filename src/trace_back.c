/*
 * trace_back.c: where a coin came from.
 *
 * A coin's id says which transfer minted it, and that one's row which coins it
 * consumed: the walk back needs no search.  Coins are worked off in the order
 * in which they are met, the nearest first; so the depth is that of the shortest way, and a
 * limit leaves out what is furthest.
 */
#include "trace.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "idset.h"

/* A trace back that is being made. */
typedef struct Walk
{
	const DcepConfig *config;
	Snapshot snapshot;
	DcepTraceLimits limits;
	MemoryContext scratch; /* for one transfer */
	DcepJournal journal;
	DcepIdSet *coins;	 /* those that have been met */
	DcepIdSet *followed; /* transfers whose inputs have been met */
	DcepTrace *trace;	 /* its first `done` coins are worked off, the others wait */
	int done;
	int room;
} Walk;

/* Adds a coin that a transfer consumed, unless it is there already. */
static void
meet(Walk *walk, int64 id, int depth, int64 consumer)
{
	DcepTrace *trace = walk->trace;

	if (!dcep_idset_add(walk->coins, id))
		return;
	if (trace->count == walk->room)
	{
		walk->room *= 2;
		trace->coin = repalloc(trace->coin, walk->room * sizeof(DcepTracedCoin));
	}
	trace->coin[trace->count++] = (DcepTracedCoin){.id = id, .depth = depth, .consumer = consumer};
}

/* Meets the inputs of a transfer, unless a limit forbids it. */
static bool
follow(Walk *walk, const DcepTransfer *transfer, int depth)
{
	const DcepContext *context = &transfer->context;

	if (context->input_count == 0 || dcep_idset_has(walk->followed, context->id))
		return true;
	if (depth >= walk->limits.max_depth || (int64) walk->trace->count + context->input_count > walk->limits.max_rows)
		return false;
	dcep_idset_add(walk->followed, context->id);
	for (uint32 i = 0; i < context->input_count; i++)
		meet(walk, context->inputs[i], depth + 1, context->id);
	return true;
}

/* Works a coin off: describes it and meets those that it was made from. False where no transfer minted it. */
static bool
work_off(Walk *walk, int n)
{
	const DcepTracedCoin known = walk->trace->coin[n];
	DcepTransfer transfer;
	DcepTracedCoin coin;
	bool followed;

	if (known.id <= 1 || !dcep_transfer_find(walk->config, &walk->journal, walk->snapshot, known.id >> 1, &transfer) ||
		!dcep_trace_describe(&transfer, known.id, &coin))
		return false;
	followed = follow(walk, &transfer, known.depth);
	coin.depth = known.depth;
	coin.consumer = known.consumer;
	if (!followed)
		coin.state = DCEP_TRACE_CUT;
	else if (known.consumer)
		coin.state = DCEP_TRACE_CONSUMED;
	walk->trace->is_cut |= !followed;
	walk->trace->coin[n] = coin;
	return true;
}

/* Works off the next coin that waits. */
static bool
work_off_next(Walk *walk)
{
	MemoryContext caller = MemoryContextSwitchTo(walk->scratch);
	int n = walk->done++;
	bool found = work_off(walk, n);

	MemoryContextSwitchTo(caller);
	MemoryContextReset(walk->scratch);
	CHECK_FOR_INTERRUPTS();
	if (!found && n > 0)
		dcep_trace_raise_damaged(walk->trace->coin[n].consumer, "it consumed a coin that no transfer minted");
	return found;
}

/* What became of the first coin; of the others it is known. */
static void
resolve_first(Walk *walk)
{
	DcepTracedCoin *first = &walk->trace->coin[0];
	DcepTraceState cut = first->state;
	DcepFates *fates = dcep_fates_open(walk->config, walk->snapshot);

	dcep_trace_resolve(fates, first, 1);
	if (cut == DCEP_TRACE_CUT)
		first->state = cut;
	dcep_fates_close(fates);
}

/* Follows a coin back to the issues that it came from. */
bool
dcep_trace_back(const DcepConfig *config, Snapshot snapshot, int64 coin, DcepTraceLimits limits, DcepTrace *trace)
{
	Walk walk = {.config = config, .snapshot = snapshot, .limits = limits, .trace = trace, .room = 64};
	bool found;

	*trace = (DcepTrace){.coin = palloc(walk.room * sizeof(DcepTracedCoin))};
	walk.scratch = AllocSetContextCreate(CurrentMemoryContext, "dcep trace step", ALLOCSET_DEFAULT_SIZES);
	walk.coins = dcep_idset_create();
	walk.followed = dcep_idset_create();
	dcep_journal_open(&walk.journal, false);
	meet(&walk, coin, 0, 0);
	found = work_off_next(&walk);
	while (found && walk.done < trace->count)
		work_off_next(&walk);
	dcep_journal_close(&walk.journal);
	if (found)
		resolve_first(&walk);
	MemoryContextDelete(walk.scratch);
	dcep_trace_sort(trace);
	return found;
}
