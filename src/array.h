/*
 * array.h: an array that grows by one element at a time.
 */
#ifndef DCEP_ARRAY_H
#define DCEP_ARRAY_H

#include "postgres.h"

/* Makes room for one more element, counts it and returns it zeroed. NULL and 0 to begin with; palloc'd in the current context. */
extern void *dcep_array_append(void **array, int *count, size_t size);

#endif
