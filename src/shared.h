/*
 * shared.h: memory that all processes share, where the library is preloaded.
 *
 * The server asks twice: how much, and where it is to be attached.  A module
 * says both once, while the library is preloaded, and has its memory when the
 * server is up.
 */
#ifndef DCEP_SHARED_H
#define DCEP_SHARED_H

#include "postgres.h"

#include "storage/lwlock.h"

typedef struct DcepShared
{
	const char *name; /* of the memory and of its lock, for who looks at the server's */
	bool has_lock;
	Size (*size)(void); /* settings have their values by then */
	/* Takes the memory over; makes it ready where it is `new`. The lock is NULL where none was asked for. */
	void (*attach)(void *memory, LWLock *lock, bool new);
	struct DcepShared *next; /* ours */
} DcepShared;

/* Asks for memory; `shared` stays. Only while the library is preloaded. */
extern void dcep_shared_request(DcepShared *shared);

#endif
