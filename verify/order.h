/*
 * order.h: places of records, put in order.
 */
#ifndef VERIFY_ORDER_H
#define VERIFY_ORDER_H

#include <stdint.h>

/* Compares two places. */
typedef int (*OrderCompare)(const void *place, const void *other, void *context);

/* Places 0 to count - 1, in shared memory, put in order. */
extern uint32_t *order_make(uint64_t count, OrderCompare compare, void *context);

/* -1, 0 or 1. */
static inline int
order_of(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

#endif
