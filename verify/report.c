/*
 * report.c: what dcep-verify says, and how it ends.
 */
#include "report.h"

#include "memory.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_ROOM 1024

static _Atomic uint64_t *defects;

/* Makes the count of defects. */
void
report_begin(void)
{
	defects = memory_share(sizeof(*defects), 1);
}

/* Writes a line whole; a reader that has gone ends the process by its signal. */
static void
put_line(int file, char line[LINE_ROOM])
{
	size_t len = strnlen(line, LINE_ROOM - 2);

	for (size_t i = 0; i < len; i++)
		if (line[i] < ' ' || line[i] > '~')
			line[i] = '?';
	line[len++] = '\n';
	for (size_t done = 0; done < len;)
	{
		ssize_t written = write(file, line + done, len - done);

		if (written <= 0)
			_exit(STATUS_FAILED);
		done += (size_t) written;
	}
}

/* Reports a defect. */
void
report_defect(const char *check, const char *format, ...)
{
	char line[LINE_ROOM];
	int used = snprintf(line, sizeof(line), "defect %s: ", check);
	va_list args;

	va_start(args, format);
	vsnprintf(line + used, sizeof(line) - (size_t) used, format, args);
	va_end(args);
	put_line(STDOUT_FILENO, line);
	atomic_fetch_add(defects, 1);
}

/* Says what is no defect. */
void
report_line(const char *format, ...)
{
	char line[LINE_ROOM];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	put_line(STDOUT_FILENO, line);
}

/* Number of defects so far. */
uint64_t
report_count(void)
{
	return atomic_load(defects);
}

/* The status that the defects so far demand. */
int
report_status(void)
{
	return report_count() == 0 ? STATUS_SOUND : STATUS_DEFECTS;
}

/* Ends a process that cannot do its work. */
void
fail(const char *format, ...)
{
	char line[LINE_ROOM];
	int used = snprintf(line, sizeof(line), "dcep-verify: ");
	va_list args;

	va_start(args, format);
	vsnprintf(line + used, sizeof(line) - (size_t) used, format, args);
	va_end(args);
	put_line(STDERR_FILENO, line);
	_exit(STATUS_FAILED);
}
