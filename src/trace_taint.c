/*
 * trace_taint.c: how taint passes through a transfer.
 */
#include "trace_taint.h"

#include "common/int.h"

static const DcepTaint clean = {0};

/* A part of a coin. */
DcepTaint
dcep_taint_begin(DcepTraceMethod method, int64 amount, DcepTracePart part)
{
	DcepTaint taint = {.amount = part.amount};

	Assert(part.from >= 0 && part.amount > 0 && part.amount <= amount - part.from);
	if (method == DCEP_TRACE_FIFO)
	{
		DcepStretch *stretch = palloc(sizeof(DcepStretch));

		*stretch = (DcepStretch){.from = part.from, .to = part.from + part.amount};
		taint.stretch = stretch;
		taint.count = 1;
		taint.end = amount;
	}
	return taint;
}

/* value * part / whole, rounded down. The product may need 126 bits. */
int64
dcep_taint_share(int64 value, int64 part, int64 whole)
{
	Assert(value >= 0 && part >= 0 && part <= whole);
	return whole == 0 ? 0 : (int64) ((uint128) value * (uint128) part / (uint128) whole);
}

/* What the inputs have together. */
static int64
sum_inputs(const DcepTaintInput *input, int input_count)
{
	int64 sum = 0;

	for (int i = 0; i < input_count; i++)
		sum += input[i].taint ? input[i].taint->amount : 0;
	return sum;
}

/* --- haircut ----------------------------------------------------------------- */

/* The payee's coin is rounded down; the change has the rest, which is its own share rounded up, never more than it. */
static void
pass_haircut(int64 tainted, int64 amount, int64 change, DcepTaint out[2])
{
	out[0].amount = dcep_taint_share(tainted, amount, amount + change);
	out[1].amount = tainted - out[0].amount;
	Assert(out[0].amount <= amount && out[1].amount <= change);
}

/* --- fifo -------------------------------------------------------------------- */

/* The part [from, to) of a line of stretches. */
static DcepTaint
cut_part(const DcepStretch *stretch, int count, int64 from, int64 to)
{
	DcepTaint taint = {.origin = from, .end = to};
	int low = 0;
	int high = count;
	int end;

	/* The first that ends beyond `from`, then the first that begins at `to` or beyond. */
	while (low < high)
	{
		int middle = low + (high - low) / 2;

		if (stretch[middle].to > from)
			high = middle;
		else
			low = middle + 1;
	}
	for (end = low, high = count; end < high;)
	{
		int middle = end + (high - end) / 2;

		if (stretch[middle].from >= to)
			high = middle;
		else
			end = middle + 1;
	}
	if (end == low)
		return taint;
	taint.stretch = &stretch[low];
	taint.count = end - low;
	taint.amount = stretch[end - 1].before + Min(stretch[end - 1].to, to) - stretch[end - 1].from -
				   stretch[low].before - (Max(stretch[low].from, from) - stretch[low].from);
	return taint;
}

/* The n-th stretch of a coin, clipped to the coin and counted from its beginning. */
static DcepStretch
read_stretch(const DcepTaint *taint, int n)
{
	return (DcepStretch){.from = Max(taint->stretch[n].from, taint->origin) - taint->origin,
						 .to = Min(taint->stretch[n].to, taint->end) - taint->origin};
}

/* Adds a stretch at the end of a line; one that touches the last makes that longer. */
static void
add_stretch(DcepStretch *line, int *count, int64 from, int64 to)
{
	DcepStretch *last = *count ? &line[*count - 1] : NULL;

	if (last && last->to == from)
		last->to = to;
	else
		line[(*count)++] =
			(DcepStretch){.from = from, .to = to, .before = last ? last->before + last->to - last->from : 0};
}

/* Lays the stretches of all inputs end to end. */
static DcepStretch *
join_inputs(const DcepTaintInput *input, int input_count, int *count)
{
	Size room = 0;
	DcepStretch *line;
	int64 offset = 0;

	for (int i = 0; i < input_count; i++)
		room += input[i].taint ? input[i].taint->count : 0;
	line = palloc(Max(room, 1) * sizeof(DcepStretch));
	*count = 0;
	for (int i = 0; i < input_count; i++)
	{
		for (int n = 0; input[i].taint && n < input[i].taint->count; n++)
		{
			DcepStretch stretch = read_stretch(input[i].taint, n);

			add_stretch(line, count, offset + stretch.from, offset + stretch.to);
		}
		offset += input[i].amount;
	}
	return line;
}

/* Cuts the outputs from the inputs. A single input's stretches are shared: a wallet often pays from its last change. */
static void
pass_fifo(const DcepTaintInput *input, int input_count, int64 amount, DcepTaint out[2])
{
	DcepTaint line = {0};

	if (input_count == 1)
		line = *input[0].taint;
	else
	{
		line.stretch = join_inputs(input, input_count, &line.count);
		for (int i = 0; i < input_count; i++)
			line.end += input[i].amount;
	}
	out[0] = cut_part(line.stretch, line.count, line.origin, Min(line.origin + amount, line.end));
	out[1] = cut_part(line.stretch, line.count, Min(line.origin + amount, line.end), line.end);
}

/* --- all of them --------------------------------------------------------------- */

/* Passes taint through a transfer. */
void
dcep_taint_pass(DcepTraceMethod method, const DcepTaintInput *input, int input_count, int64 amount, int64 change,
				DcepTaint out[2])
{
	int64 tainted = sum_inputs(input, input_count);

	Assert(tainted >= 0 && tainted <= amount + change);
	out[0] = out[1] = clean;
	if (tainted == 0)
		return;
	switch (method)
	{
		case DCEP_TRACE_POISON:
			out[0].amount = amount;
			out[1].amount = change;
			return;
		case DCEP_TRACE_HAIRCUT:
			pass_haircut(tainted, amount, change, out);
			break;
		case DCEP_TRACE_FIFO:
			pass_fifo(input, input_count, amount, out);
			break;
	}
	Assert(out[0].amount + out[1].amount == tainted);
}

/* Do two coins have the same taint? */
bool
dcep_taint_equal(const DcepTaint *a, const DcepTaint *b)
{
	if (a->amount != b->amount || a->count != b->count)
		return false;
	for (int n = 0; n < a->count; n++)
	{
		DcepStretch mine = read_stretch(a, n);
		DcepStretch yours = read_stretch(b, n);

		if (mine.from != yours.from || mine.to != yours.to)
			return false;
	}
	return true;
}
