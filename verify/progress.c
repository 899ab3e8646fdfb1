/*
 * progress.c: a bar on standard error, where that is a terminal.
 */
#include "progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BAR_WIDTH 40
#define BETWEEN_NS INT64_C(100000000)

static bool is_shown = false;

/* Is it time to draw? */
static bool
is_time(void)
{
	static int64_t last = 0;
	struct timespec now;
	int64_t ns;

	if (!isatty(STDERR_FILENO))
		return false;
	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = (int64_t) now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
	if (ns - last < BETWEEN_NS)
		return false;
	last = ns;
	return true;
}

/* Draws the bar. */
void
progress_show(const char *what, uint64_t done, uint64_t all)
{
	char bar[BAR_WIDTH + 1];
	int full = all == 0 ? BAR_WIDTH : (int) ((double) done / (double) all * BAR_WIDTH);

	if (!is_time())
		return;
	memset(bar, ' ', BAR_WIDTH);
	memset(bar, '#', (size_t) full);
	bar[BAR_WIDTH] = '\0';
	fprintf(stderr, "\r%-12s [%s] %3d %%", what, bar, (int) (full * 100 / BAR_WIDTH));
	fflush(stderr);
	is_shown = true;
}

/* Takes it away. */
void
progress_end(void)
{
	if (is_shown)
		fprintf(stderr, "\r\033[K");
	fflush(stderr);
	is_shown = false;
}
