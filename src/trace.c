/*
 * trace.c: where the value of a coin went.
 *
 * Transfers are worked off by a queue, the lowest id first, and each passes on
 * the taint that its inputs have at that moment.  A transfer whose inputs change
 * afterwards is queued again.  Ids come from a sequence: where all is as
 * usual a coin's consumer has a higher id than its minter, every transfer is
 * worked off once, after all of its inputs, and only what is tainted is ever
 * looked at.  But nothing relies on it (a sequence with a cache, say, gives ids
 * that run backwards): the queue ends when all transfers have passed on what
 * their inputs have, and in a graph without circles there is but one such state.
 *
 * Invariant: what a transfer's outputs have is what its inputs had when it was
 * worked off last; it is in the queue whenever its inputs have changed since.
 */
#include "trace.h"

#include "common/int.h"
#include "lib/pairingheap.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "idset.h"

/* A transfer is worked off again only where ids run backwards, and so often only where the graph has a circle. */
#define VISITS_MAX 1000

/* A transfer that consumed something tainted. */
typedef struct Step
{
	int64 id;
	pairingheap_node place; /* in the queue, while it is waiting */
	bool is_waiting;
	bool is_followed; /* its outputs are in the trace */
	int visits;
} Step;

/* A coin that is, or was for a while, tainted. */
typedef struct Stained
{
	int64 id;
	DcepTracedCoin coin;
	DcepTaint taint;
} Stained;

/* A trace forward that is being made. */
typedef struct Walk
{
	const DcepConfig *config;
	Snapshot snapshot;
	DcepTraceMethod method;
	DcepTraceLimits limits;
	int64 first;		   /* the coin that it begins with */
	DcepTracePart part;	   /* and what of it */
	MemoryContext context; /* of taints */
	MemoryContext scratch; /* for one transfer */
	DcepJournal journal;
	DcepFates *fates;
	HTAB *coins;
	HTAB *steps;
	pairingheap *queue;
	bool is_full; /* the limit of rows has kept a transfer out */
} Walk;

/* A transfer's row, copied, for the journal moves on to others. */
typedef struct Row
{
	DcepTransfer transfer;
	int64 *input;
	int input_count;
} Row;

/* The journal has what cannot be. */
void
dcep_trace_raise_damaged(int64 transfer, const char *what)
{
	ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("journal cannot be traced"),
					errdetail("Transfer " INT64_FORMAT ": %s.", transfer, what),
					errhint("Stored rows were altered outside dcep. Run SELECT * FROM dcep.audit().")));
}

/* --- coins ------------------------------------------------------------------- */

/* Fills in what a transfer says of a coin. */
bool
dcep_trace_describe(const DcepTransfer *transfer, int64 id, DcepTracedCoin *coin)
{
	const DcepContext *context = &transfer->context;
	bool is_change = (id & 1) == DCEP_COIN_CHANGE;

	*coin = (DcepTracedCoin){.id = id,
							 .owner = is_change ? context->payer : context->payee,
							 .amount = is_change ? transfer->change : context->amount,
							 .created_at = context->created_at,
							 .kind = context->kind};
	if (!is_change && context->kind == DCEP_KIND_REDEEM)
		coin->state = DCEP_TRACE_REDEEMED;
	return coin->amount > 0;
}

/* What became of a coin. */
void
dcep_trace_resolve(DcepFates *fates, DcepTracedCoin *coin, int64 first_seq)
{
	static const DcepTraceState states[] = {[DCEP_FATE_LIVE] = DCEP_TRACE_LIVE,
											[DCEP_FATE_CONSUMED] = DCEP_TRACE_CONSUMED,
											[DCEP_FATE_ELSEWHERE] = DCEP_TRACE_ELSEWHERE,
											[DCEP_FATE_LOST] = DCEP_TRACE_LOST};

	if (coin->state != DCEP_TRACE_REDEEMED)
		coin->state = states[dcep_fates_find(fates, coin->id, coin->owner, coin->amount, first_seq, &coin->consumer)];
}

/* Order by depth, then by id. */
static int
compare_coins(const void *a, const void *b)
{
	const DcepTracedCoin *x = a;
	const DcepTracedCoin *y = b;

	if (x->depth != y->depth)
		return x->depth < y->depth ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

/* Puts the coins of a trace in order. */
void
dcep_trace_sort(DcepTrace *trace)
{
	qsort(trace->coin, trace->count, sizeof(DcepTracedCoin), compare_coins);
}

/* --- the queue --------------------------------------------------------------- */

/* The heap has its greatest entry first: the lowest id. */
static int
compare_steps(const pairingheap_node *a, const pairingheap_node *b, void *arg pg_attribute_unused())
{
	const Step *x = pairingheap_const_container(Step, place, a);
	const Step *y = pairingheap_const_container(Step, place, b);

	return (x->id < y->id) - (x->id > y->id);
}

/* Queues the transfer that consumed a coin. */
static void
queue_consumer(Walk *walk, const DcepTracedCoin *coin)
{
	bool known;
	Step *step;

	if (coin->consumer == 0)
		return;
	step = hash_search(walk->steps, &coin->consumer, HASH_ENTER, &known);
	if (!known)
		*step = (Step){.id = coin->consumer};
	if (step->is_waiting)
		return;
	step->is_waiting = true;
	pairingheap_add(walk->queue, &step->place);
}

/* --- one transfer ------------------------------------------------------------ */

/* Reads a transfer whose id another row has named. */
static void
read_row(Walk *walk, int64 id, Row *row)
{
	const DcepContext *context = &row->transfer.context;
	Size size;

	if (!dcep_transfer_find(walk->config, &walk->journal, walk->snapshot, id, &row->transfer))
		dcep_trace_raise_damaged(id, "it is missing");
	size = context->input_count * sizeof(int64);
	row->input_count = (int) context->input_count;
	row->input = palloc(Max(size, 1));
	if (size)
		memcpy(row->input, context->inputs, size);
}

/* What a clean coin was worth. */
static int64
find_amount(Walk *walk, int64 id)
{
	DcepTransfer transfer;
	DcepTracedCoin coin;

	if (!dcep_transfer_find(walk->config, &walk->journal, walk->snapshot, id >> 1, &transfer) ||
		!dcep_trace_describe(&transfer, id, &coin))
		dcep_trace_raise_damaged(id >> 1, "it is missing");
	return coin.amount;
}

/*
 * Collects the inputs up to the last tainted one, and how far from the first coin that puts the outputs.  Returns how
 * many.  An input counts for one consumer alone, whatever somebody made of the journal.
 */
static int
collect_inputs(Walk *walk, const Row *row, DcepTaintInput *input, int *depth)
{
	int count = 0;

	*depth = PG_INT32_MAX;
	for (int i = 0; i < row->input_count; i++)
	{
		const Stained *stained = hash_search(walk->coins, &row->input[i], HASH_FIND, NULL);

		input[i] = (DcepTaintInput){0};
		if (stained == NULL)
			continue;
		input[i].amount = stained->coin.amount;
		if (stained->taint.amount == 0 || stained->coin.consumer != row->transfer.context.id)
			continue;
		input[i].taint = &stained->taint;
		*depth = Min(*depth, stained->coin.depth + 1);
		count = i + 1;
	}
	for (int i = 0; walk->method == DCEP_TRACE_FIFO && i < count; i++)
		if (input[i].amount == 0)
			input[i].amount = find_amount(walk, row->input[i]);
	return count;
}

/* The inputs that were collected are worth no more than the outputs, or the journal was altered. */
static void
require_balance(const DcepTransfer *transfer, const DcepTaintInput *input, int count)
{
	int64 rest;
	int64 total;

	if (pg_add_s64_overflow(transfer->context.amount, transfer->change, &total))
		dcep_trace_raise_damaged(transfer->context.id, "amount and change are beyond 64 bits");
	rest = total;
	for (int i = 0; i < count; i++)
		if (pg_sub_s64_overflow(rest, input[i].amount, &rest) || rest < 0)
			dcep_trace_raise_damaged(transfer->context.id, "its inputs are worth more than amount and change");
}

/* Is the payee of this transfer not to be followed? */
static bool
ends_at(const Walk *walk, const DcepTransfer *transfer)
{
	return walk->limits.last_ones && dcep_idset_has(walk->limits.last_ones, transfer->context.id);
}

/* Gives an output its taint. One that was never tainted and is not now stays out. */
static void
stain(Walk *walk, const DcepTransfer *transfer, int which, const DcepTaint *taint, int depth)
{
	int64 id = transfer->context.id * 2 + which;
	bool known;
	Stained *stained = hash_search(walk->coins, &id, taint->amount ? HASH_ENTER : HASH_FIND, &known);

	if (stained == NULL)
		return;
	if (!known)
	{
		dcep_trace_describe(transfer, id, &stained->coin);
		if (which == DCEP_COIN_PAYEE && ends_at(walk, transfer))
			stained->coin.state = DCEP_TRACE_STOPPED;
		else
			dcep_trace_resolve(walk->fates, &stained->coin, which == DCEP_COIN_CHANGE ? transfer->context.seq + 1 : 1);
	}
	else if (stained->coin.depth == depth && dcep_taint_equal(&stained->taint, taint))
		return;
	stained->taint = *taint;
	stained->coin.tainted = taint->amount;
	stained->coin.depth = depth;
	queue_consumer(walk, &stained->coin);
}

/* Is there room for the outputs that are tainted now and never were before? */
static bool
has_room(const Walk *walk, const DcepTransfer *transfer, const DcepTaint out[2])
{
	long count = hash_get_num_entries(walk->coins);

	for (int which = 0; which < 2; which++)
	{
		int64 id = transfer->context.id * 2 + which;

		if (out[which].amount && hash_search(walk->coins, &id, HASH_FIND, NULL) == NULL)
			count++;
	}
	return count <= walk->limits.max_rows;
}

/* Passes on what the inputs have. Beyond the depth or the rows that were asked for, nothing: it is not followed. */
static void
pass_on(Walk *walk, Step *step, const DcepTransfer *transfer, const DcepTaintInput *input, int count, int depth)
{
	DcepTaint out[2] = {{0}};

	step->is_followed = count > 0 && depth <= walk->limits.max_depth;
	if (step->is_followed)
		dcep_taint_pass(walk->method, input, count, transfer->context.amount, transfer->change, out);
	if (!has_room(walk, transfer, out))
	{
		walk->is_full = true;
		step->is_followed = false;
		memset(out, 0, sizeof(out));
	}
	for (int which = 0; which < 2; which++)
		stain(walk, transfer, which, &out[which], depth);
}

/* Works a transfer off. */
static void
follow(Walk *walk, Step *step)
{
	MemoryContext caller = MemoryContextSwitchTo(walk->scratch);
	DcepTaintInput *input;
	Row row;
	int count;
	int depth;

	if (++step->visits > VISITS_MAX || step->id == walk->first >> 1)
		dcep_trace_raise_damaged(step->id, "it consumed what came of itself");
	read_row(walk, step->id, &row);
	input = palloc(Max(row.input_count, 1) * sizeof(DcepTaintInput));
	count = collect_inputs(walk, &row, input, &depth);
	require_balance(&row.transfer, input, count);
	MemoryContextSwitchTo(walk->context);
	pass_on(walk, step, &row.transfer, input, count, depth);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(walk->scratch);
}

/* --- a trace forward ----------------------------------------------------------- */

/* Puts the first coin into the trace; false where there is none. */
static bool
begin(Walk *walk)
{
	int64 coin = walk->first;
	MemoryContext caller = MemoryContextSwitchTo(walk->scratch);
	DcepTracedCoin found;
	DcepTransfer transfer;
	bool exists = coin > 1 && dcep_transfer_find(walk->config, &walk->journal, walk->snapshot, coin >> 1, &transfer) &&
				  dcep_trace_describe(&transfer, coin, &found);

	MemoryContextSwitchTo(walk->context);
	if (exists)
	{
		DcepTaint taint = dcep_taint_begin(walk->method, found.amount, walk->part);

		stain(walk, &transfer, (int) (coin & 1), &taint, 0);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextReset(walk->scratch);
	return exists;
}

/* Works the queue off. Once the trace is full no further transfer is followed; those that are followed are finished. */
static void
run(Walk *walk)
{
	while (!pairingheap_is_empty(walk->queue))
	{
		Step *step = pairingheap_container(Step, place, pairingheap_remove_first(walk->queue));

		CHECK_FOR_INTERRUPTS();
		step->is_waiting = false;
		if (step->is_followed || !walk->is_full)
			follow(walk, step);
	}
}

/* Takes the tainted coins over into the trace. */
static void
collect(Walk *walk, DcepTrace *trace)
{
	HASH_SEQ_STATUS status;
	const Stained *stained;

	trace->coin = palloc(hash_get_num_entries(walk->coins) * sizeof(DcepTracedCoin));
	hash_seq_init(&status, walk->coins);
	while ((stained = hash_seq_search(&status)) != NULL)
	{
		DcepTracedCoin *coin = &trace->coin[trace->count];
		const Step *step;

		if (stained->taint.amount == 0)
			continue;
		*coin = stained->coin;
		trace->count++;
		if (coin->consumer == 0)
			continue;
		step = hash_search(walk->steps, &coin->consumer, HASH_FIND, NULL);
		if (step->is_followed)
			continue;
		coin->state = DCEP_TRACE_CUT;
		trace->is_cut = true;
	}
	dcep_trace_sort(trace);
}

#ifdef USE_ASSERT_CHECKING
/* Value is neither lost nor made. */
static bool
adds_up(const DcepTrace *trace)
{
	int64 rest = trace->coin[0].tainted;

	for (int i = 0; i < trace->count; i++)
		if (trace->coin[i].state != DCEP_TRACE_CONSUMED)
			rest -= trace->coin[i].tainted;
	return rest == 0 || trace->method == DCEP_TRACE_POISON;
}
#endif

/* Follows a coin's value to where it is now. */
bool
dcep_trace_forward(const DcepConfig *config, Snapshot snapshot, int64 coin, DcepTracePart part, DcepTraceMethod method,
				   DcepTraceLimits limits, DcepTrace *trace)
{
	MemoryContext caller = CurrentMemoryContext;
	Walk walk = {
		.config = config, .snapshot = snapshot, .method = method, .limits = limits, .first = coin, .part = part};
	bool found;

	*trace = (DcepTrace){.is_forward = true, .method = method};
	walk.context = AllocSetContextCreate(caller, "dcep trace", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(walk.context);
	walk.scratch = AllocSetContextCreate(walk.context, "dcep trace step", ALLOCSET_DEFAULT_SIZES);
	dcep_journal_open(&walk.journal, false);
	walk.fates = dcep_fates_open(config, snapshot);
	walk.coins = dcep_idtable_create("dcep traced coins", sizeof(Stained));
	walk.steps = dcep_idtable_create("dcep traced transfers", sizeof(Step));
	walk.queue = pairingheap_allocate(compare_steps, NULL);
	found = begin(&walk);
	run(&walk);
	dcep_fates_close(walk.fates);
	dcep_journal_close(&walk.journal);
	MemoryContextSwitchTo(caller);
	if (found)
		collect(&walk, trace);
	MemoryContextDelete(walk.context);
	Assert(!found || adds_up(trace));
	return found;
}
