/*
 * trace_taint.h: how much of a coin, and which part, is tainted, and how taint
 * passes through a transfer.
 *
 *   poison   any tainted input taints both outputs wholly: an upper bound,
 *            whose sum grows with every payment
 *   haircut  the outputs are tainted in proportion to their amounts; the
 *            payee's coin is rounded down, the change has the rest
 *   fifo     the inputs are laid end to end in their order; the payee's coin is
 *            cut from the front, the change is what is left.  Which part of a
 *            coin is tainted is remembered
 *
 * Invariant of haircut and fifo: what the outputs have is what the inputs had,
 * and no coin has more than its amount.
 */
#ifndef DCEP_TRACE_TAINT_H
#define DCEP_TRACE_TAINT_H

#include "postgres.h"

typedef enum DcepTraceMethod
{
	DCEP_TRACE_POISON,
	DCEP_TRACE_HAIRCUT,
	DCEP_TRACE_FIFO
} DcepTraceMethod;

/* A tainted stretch of value [from, to), and what the stretches before it in its array add up to. */
typedef struct DcepStretch
{
	int64 from;
	int64 to;
	int64 before;
} DcepStretch;

/* The taint of a coin. Coins that were cut from one another share an array of stretches. */
typedef struct DcepTaint
{
	int64 amount;				/* minor units */
	const DcepStretch *stretch; /* fifo: those that reach into the coin, in order; clip the outer two */
	int count;
	int64 origin; /* fifo: where in the stretches' numbers the coin begins */
	int64 end;	  /* fifo: and where they cease to speak of it: the rest of the coin is clean */
} DcepTaint;

/* What of a coin a trace begins with: `amount` minor units of it, from `from` on. */
typedef struct DcepTracePart
{
	int64 from;
	int64 amount;
} DcepTracePart;

/* An input of a transfer. */
typedef struct DcepTaintInput
{
	int64 amount;			/* fifo needs it of all inputs, the others of none */
	const DcepTaint *taint; /* NULL where it is clean */
} DcepTaintInput;

/* value * part / whole, rounded down, for 0 <= part <= whole; 0 where the whole is. */
extern int64 dcep_taint_share(int64 value, int64 part, int64 whole);

/* A part of a coin of that amount; which part it is, from where on, matters to fifo alone. Palloc'd parts. */
extern DcepTaint dcep_taint_begin(DcepTraceMethod method, int64 amount, DcepTracePart part);

/*
 * Passes taint from the inputs, in their order, to the payee's coin (out[0]) and the change (out[1]). The caller has
 * seen to it that they balance: the inputs' taint, and for fifo their amounts, are at most amount + change,
 * which fits into 64 bits. Clean inputs after the last tainted one may be left out. Palloc'd parts.
 */
extern void dcep_taint_pass(DcepTraceMethod method, const DcepTaintInput *input, int input_count, int64 amount,
							int64 change, DcepTaint out[2]);

/* Do two coins have the same taint? */
extern bool dcep_taint_equal(const DcepTaint *a, const DcepTaint *b);

#endif
