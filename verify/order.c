/*
 * order.c: places of records, put in order.
 */
#include "order.h"

#include "memory.h"

#include <stdbool.h>
#include <stdlib.h>

/* Are they in order as they are? Most exports are. */
static bool
is_ordered(const uint32_t *order, uint64_t count, OrderCompare compare, void *context)
{
	for (uint64_t i = 1; i < count; i++)
		if (compare(&order[i - 1], &order[i], context) > 0)
			return false;
	return true;
}

/* Puts places in order. */
uint32_t *
order_make(uint64_t count, OrderCompare compare, void *context)
{
	uint32_t *order = memory_share(sizeof(*order), count);

	for (uint64_t i = 0; i < count; i++)
		order[i] = (uint32_t) i;
	if (count > 1 && !is_ordered(order, count, compare, context))
		qsort_r(order, count, sizeof(*order), compare, context);
	return order;
}
