/*
 * keydir.c: files of the key directory.
 *
 * A file that others could read or replace is refused, not repaired: whoever
 * set it up must know that what is in it may have leaked.
 */
#include "keydir.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/fd.h"

#include "crypto.h"

char *dcep_key_directory = NULL;

/* Path of the key directory, palloc'd. */
static char *
key_directory(void)
{
	return is_absolute_path(dcep_key_directory) ? pstrdup(dcep_key_directory)
												: psprintf("%s/%s", DataDir, dcep_key_directory);
}

/* Path of a file in it. */
char *
dcep_keydir_path(const char *name)
{
	return psprintf("%s/%s", key_directory(), name);
}

/* The first half of a digest in hexadecimal. */
char *
dcep_keydir_digits(const uint8 digest[DCEP_HASH_LEN])
{
	char *digits = palloc(DCEP_HASH_LEN + 1);

	for (int i = 0; i < DCEP_HASH_LEN / 2; i++)
		snprintf(digits + 2 * i, 3, "%02x", digest[i]);
	return digits;
}

/* Why an open file cannot be trusted; NULL where it can. */
static const char *
find_fault(int file)
{
	struct stat status;

	if (fstat(file, &status) != 0)
		return psprintf("The file cannot be examined: %s", strerror(errno));
	if (!S_ISREG(status.st_mode))
		return "The file is not a regular file";
	if (status.st_uid != geteuid())
		return "The file belongs to another user";
	if (status.st_mode & (S_IRWXG | S_IRWXO))
		return psprintf("The file has mode %04o, so that others could read or replace it",
						(unsigned) status.st_mode & 07777);
	return NULL;
}

/* Reads a file that nobody else can read or replace. */
ssize_t
dcep_keydir_read(const char *path, void *to, size_t size, const char **why)
{
	int file = OpenTransientFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | PG_BINARY);
	ssize_t len = -1;

	if (file < 0)
	{
		*why = psprintf("The file cannot be opened: %s", strerror(errno));
		return -1;
	}
	*why = find_fault(file);
	if (*why == NULL)
	{
		len = read(file, to, size);
		if (len < 0)
			*why = psprintf("The file cannot be read: %s", strerror(errno));
	}
	CloseTransientFile(file);
	return len;
}

/* Writes an open file durably; false, with errno set, where it cannot be done. */
static bool
write_all(int file, const void *data, size_t len)
{
	errno = 0;
	if (write(file, data, len) != (ssize_t) len)
	{
		if (errno == 0)
			errno = ENOSPC;
		return false;
	}
	return pg_fsync(file) == 0;
}

/* Makes a file of these bytes; says what it could not do, with errno set, or NULL. */
static const char *
make_file(const char *path, const void *data, size_t len)
{
	int file;
	int saved_errno;

	if (mkdir(key_directory(), S_IRWXU) != 0 && errno != EEXIST)
		return "could not create the key directory";
	file = OpenTransientFilePerm(path, O_CREAT | O_EXCL | O_WRONLY | PG_BINARY, S_IRUSR | S_IWUSR);
	if (file < 0)
		return "could not create a key file";
	if (write_all(file, data, len))
	{
		CloseTransientFile(file);
		return NULL;
	}
	saved_errno = errno;
	CloseTransientFile(file);
	unlink(path);
	errno = saved_errno;
	return "could not write a key file";
}

/* Writes a new file. */
void
dcep_keydir_write(const char *path, void *data, size_t len)
{
	const char *failure = make_file(path, data, len);
	int saved_errno = errno;

	dcep_wipe(data, len);
	errno = saved_errno;
	if (failure)
		ereport(ERROR, (errcode_for_file_access(), errmsg("%s: %m", failure),
						errhint("The setting dcep.key_directory must name a directory that the server may write.")));
	fsync_fname(key_directory(), true);
}
