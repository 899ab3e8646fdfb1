/*
 * memory.h: memory that is there, or the end of the process.
 */
#ifndef VERIFY_MEMORY_H
#define VERIFY_MEMORY_H

#include <stddef.h>

/* Zeros for `count` items, which processes that are made afterwards share; never NULL, never given back. */
extern void *memory_share(size_t size, size_t count);
/* Makes room for at least `count` items in an array that grows; what is in it stays. */
extern void *memory_grow(void *array, size_t size, size_t count, size_t *room);

#endif
