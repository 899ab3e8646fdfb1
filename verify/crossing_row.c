/*
 * crossing_row.c: the rows of dcep.crossing, taken apart.
 */
#include "crossing_row.h"

#include <string.h>

/* Columns of dcep.crossing. */
enum
{
	CROSSING_ORIGIN,
	CROSSING_TRANSFER,
	CROSSING_KIND,
	CROSSING_PAYER,
	CROSSING_PAYEE,
	CROSSING_AMOUNT,
	CROSSING_LOCAL_TRANSFER,
	CROSSING_STATE,
	CROSSING_WAITS
};

static const char *const states[] =
	{[CROSSING_PENDING] = "pending", [CROSSING_SETTLED] = "settled", [CROSSING_RETURNED] = "returned"};

/* The name of a state. */
const char *
crossing_state_name(CrossingState state)
{
	return states[state];
}

/* Reads a state. */
static bool
read_state(DcepText column, CrossingState *state)
{
	for (*state = CROSSING_PENDING; *state <= CROSSING_RETURNED; ++*state)
		if (row_is(column, states[*state]))
			return true;
	return false;
}

/* Reads a row. */
const char *
crossing_read(const Row *row, CrossingRow *crossing)
{
	const DcepText *column = row->column;
	Told *told = &crossing->told;

	memset(crossing, 0, sizeof(*crossing));
	if (!row_int(column[CROSSING_ORIGIN], 1, 9999, &told->origin) ||
		!row_number(column[CROSSING_TRANSFER], 1, INT64_MAX / 2, &told->transfer) ||
		!row_number(column[CROSSING_AMOUNT], 1, INT64_MAX, &told->amount) ||
		(column[CROSSING_LOCAL_TRANSFER].data != NULL &&
		 !row_number(column[CROSSING_LOCAL_TRANSFER], 1, INT64_MAX / 2, &told->local_transfer)))
		return "A number is missing, or out of its range.";
	if (!row_wallet(column[CROSSING_PAYER], &told->payer) || !row_wallet(column[CROSSING_PAYEE], &told->payee))
		return "The payer or the payee is not a wallet number.";
	crossing->waits = row_is(column[CROSSING_WAITS], "t");
	if (!row_kind(column[CROSSING_KIND], &told->kind) || !read_state(column[CROSSING_STATE], &crossing->state) ||
		(!crossing->waits && !row_is(column[CROSSING_WAITS], "f")))
		return "Its kind or its state is unknown.";
	return NULL;
}
