/*
 * crew.h: work that several processes do at once.
 *
 * Processes and not threads, since crypto keeps contexts that are used again.
 * What they find out lies in shared memory (memory_share), or is reported.
 */
#ifndef VERIFY_CREW_H
#define VERIFY_CREW_H

#include <stdint.h>

#define CREW_MAX 256

/* One of the tasks 0 to tasks - 1. */
typedef void (*CrewTask)(void *context, uint32_t task);

/* Does all tasks, in any order, with so many processes; with one, in this process and in order. */
extern void crew_run(const char *what, int jobs, uint32_t tasks, CrewTask task, void *context);

#endif
