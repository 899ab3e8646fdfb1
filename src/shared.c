/*
 * shared.c: memory that all processes share, where the library is preloaded.
 */
#include "shared.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"

static DcepShared *requests = NULL;
static shmem_request_hook_type previous_request_hook = NULL;
static shmem_startup_hook_type previous_startup_hook = NULL;

/* How much. */
static void
request_memory(void)
{
	if (previous_request_hook)
		previous_request_hook();
	for (const DcepShared *shared = requests; shared; shared = shared->next)
	{
		RequestAddinShmemSpace(shared->size());
		if (shared->has_lock)
			RequestNamedLWLockTranche(shared->name, 1);
	}
}

/* Where. */
static void
attach_memory(void)
{
	if (previous_startup_hook)
		previous_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	for (const DcepShared *shared = requests; shared; shared = shared->next)
	{
		bool found;
		void *memory = ShmemInitStruct(shared->name, shared->size(), &found);

		shared->attach(memory, shared->has_lock ? &GetNamedLWLockTranche(shared->name)->lock : NULL, !found);
	}
	LWLockRelease(AddinShmemInitLock);
}

/* Asks for memory. */
void
dcep_shared_request(DcepShared *shared)
{
	Assert(process_shared_preload_libraries_in_progress);
	if (requests == NULL)
	{
		previous_request_hook = shmem_request_hook;
		shmem_request_hook = request_memory;
		previous_startup_hook = shmem_startup_hook;
		shmem_startup_hook = attach_memory;
	}
	shared->next = requests;
	requests = shared;
}
