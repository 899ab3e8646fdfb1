/*
 * input.c: files, as they are given to dcep-verify.
 */
#include "input.h"

#include "memory.h"
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Reads to the end of a file. */
static DcepSpan
read_all(int file, const char *path, size_t max)
{
	char *bytes = NULL;
	size_t room = 0;
	size_t len = 0;

	for (;;)
	{
		ssize_t got;

		bytes = memory_grow(bytes, 1, len + 4096, &room);
		got = read(file, bytes + len, room - len);
		if (got < 0)
			fail("%s: %s", path, strerror(errno));
		len += (size_t) got;
		if (len > max)
			fail("%s: more than %zu bytes", path, max);
		if (got == 0)
			return (DcepSpan){bytes, len};
	}
}

/* Reads a small file. */
DcepSpan
input_read(const char *path, size_t max)
{
	int file = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	DcepSpan read;

	if (file < 0)
		fail("%s: %s", path, strerror(errno));
	read = read_all(file, path, max);
	if (file != STDIN_FILENO)
		close(file);
	return read;
}

/* A mapped file was cut short while it was being read. */
static void
end_at_bus_error(int signal_number)
{
	static const char sentence[] = "dcep-verify: a file became shorter while it was read\n";

	(void) signal_number;
	if (write(STDERR_FILENO, sentence, sizeof(sentence) - 1) < 0)
		_exit(STATUS_FAILED);
	_exit(STATUS_FAILED);
}

/* Maps an open file. */
static DcepSpan
map_open(int file, const char *path)
{
	struct stat about;
	void *bytes;

	if (fstat(file, &about) != 0)
		fail("%s: %s", path, strerror(errno));
	if (!S_ISREG(about.st_mode))
		fail("%s: not a file", path);
	if (about.st_size == 0)
		return (DcepSpan){"", 0};
	bytes = mmap(NULL, (size_t) about.st_size, PROT_READ, MAP_PRIVATE, file, 0);
	if (bytes == MAP_FAILED)
		fail("%s: %s", path, strerror(errno));
	return (DcepSpan){bytes, (size_t) about.st_size};
}

/* Maps a large file. */
bool
input_map(const char *path, DcepSpan *bytes)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);

	if (file < 0 && errno == ENOENT)
		return false;
	if (file < 0)
		fail("%s: %s", path, strerror(errno));
	signal(SIGBUS, end_at_bus_error);
	*bytes = map_open(file, path);
	close(file);
	return true;
}
