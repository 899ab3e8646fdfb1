/*
 * crew.c: work that several processes do at once.
 */
#include "crew.h"

#include "memory.h"
#include "progress.h"
#include "report.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What the processes have in common. */
typedef struct Board
{
	_Atomic uint32_t next; /* task that nobody has begun */
	_Atomic uint32_t done;
} Board;

/* Takes task after task until none is left. */
static void
work(Board *board, uint32_t tasks, CrewTask task, void *context)
{
	for (;;)
	{
		uint32_t mine = atomic_fetch_add(&board->next, 1);

		if (mine >= tasks)
			return;
		task(context, mine);
		atomic_fetch_add(&board->done, 1);
	}
}

/* Makes a process that works, and goes where its maker goes. */
static pid_t
hire(Board *board, uint32_t tasks, CrewTask task, void *context)
{
	pid_t maker = getpid();
	pid_t made = fork();

	if (made < 0)
		fail("no other process can be made: %s", strerror(errno));
	if (made > 0)
		return made;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() == maker)
		work(board, tasks, task, context);
	_exit(STATUS_SOUND);
}

/* Waits for a process; whatever ended it early ends all. */
static void
await(pid_t member, const char *what, Board *board, uint32_t tasks)
{
	static const struct timespec pause = {0, 20000000};
	int status;
	pid_t ended;

	while ((ended = waitpid(member, &status, WNOHANG)) == 0)
	{
		progress_show(what, atomic_load(&board->done), tasks);
		nanosleep(&pause, NULL);
	}
	if (ended < 0)
		fail("a process cannot be waited for: %s", strerror(errno));
	if (WIFEXITED(status) && WEXITSTATUS(status) != STATUS_SOUND)
		_exit(STATUS_FAILED);
	if (!WIFEXITED(status))
		fail("a process ended by signal %d", WTERMSIG(status));
}

/* Does the tasks in this process. */
static void
work_alone(const char *what, uint32_t tasks, CrewTask task, void *context)
{
	for (uint32_t i = 0; i < tasks; i++)
	{
		progress_show(what, i, tasks);
		task(context, i);
	}
}

/* Does the tasks. */
void
crew_run(const char *what, int jobs, uint32_t tasks, CrewTask task, void *context)
{
	Board *board;
	pid_t member[CREW_MAX];

	if ((uint32_t) jobs > tasks)
		jobs = (int) tasks;
	if (jobs <= 1)
	{
		work_alone(what, tasks, task, context);
		progress_end();
		return;
	}
	board = memory_share(sizeof(*board), 1);
	for (int i = 0; i < jobs; i++)
		member[i] = hire(board, tasks, task, context);
	for (int i = 0; i < jobs; i++)
		await(member[i], what, board, tasks);
	munmap(board, sizeof(*board));
	progress_end();
}
