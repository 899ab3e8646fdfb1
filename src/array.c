/*
 * array.c: an array that grows by one element at a time.
 */
#include "array.h"

/* Makes room for one more element and returns it zeroed. */
void *
dcep_array_append(void **array, int *count, size_t size)
{
	if (*array == NULL)
		*array = palloc(size);
	else if ((*count & (*count - 1)) == 0) /* full at every power of two */
		*array = repalloc(*array, (size_t) *count * 2 * size);
	(*count)++;
	return memset((char *) *array + (size_t) (*count - 1) * size, 0, size);
}
