/*
 * memory.c: memory that is there, or the end of the process.
 */
#include "memory.h"

#include "report.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Memory for all processes. */
void *
memory_share(size_t size, size_t count)
{
	void *made;

	if (count > SIZE_MAX / 2 / size)
		fail("out of memory");
	made = mmap(NULL, size * count + 1, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (made == MAP_FAILED)
		fail("out of memory");
	return made;
}

/* Room in an array. */
void *
memory_grow(void *array, size_t size, size_t count, size_t *room)
{
	void *grown;

	if (count <= *room && array != NULL)
		return array;
	if (count > SIZE_MAX / 4 / size)
		fail("out of memory");
	*room = count + count / 2 + 16;
	grown = realloc(array, *room * size);
	if (grown == NULL)
		fail("out of memory");
	return grown;
}
