/*
 * book.c: the signer's log.
 *
 *   record = length (4) || serial (8) || time (8) || type (1) || body || hash (32)
 *   hash   = SHA-256(hash of the record before || serial || time || type || body)
 *
 * The length is that of all that follows it.  The first record follows 32 zeros.
 */
#include "book.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIXED_LEN (8 + 8 + 1)
#define RECORD_MIN (FIXED_LEN + DCEP_HASH_LEN)
#define RECORD_MAX (16 * 1024 * 1024)

/* The hash of a record's content. */
static void
chain_hash(const uint8_t before[DCEP_HASH_LEN], const uint8_t *content, size_t len, uint8_t out[DCEP_HASH_LEN])
{
	const DcepBytes pieces[] = {{before, DCEP_HASH_LEN}, {content, len}};

	if (!dcep_hash(DCEP_SUITE_ED25519, pieces, 2, out))
		die("%s", dcep_crypto_error());
}

/* --- reading ------------------------------------------------------------------------- */

/* Takes a record over: its number and hash must follow on the last one's. */
static const char *
take_record(Book *book, const uint8_t *content, size_t len, BookReader reader, void *state)
{
	DcepReader bytes = {content, content + len - DCEP_HASH_LEN};
	uint8_t hash[DCEP_HASH_LEN];
	Record record;

	chain_hash(book->head, content, len - DCEP_HASH_LEN, hash);
	if (memcmp(hash, content + len - DCEP_HASH_LEN, DCEP_HASH_LEN) != 0)
		return "a record's hash does not follow on the record before it";
	record.serial = dcep_take_number(&bytes, 8);
	record.at = (int64_t) dcep_take_number(&bytes, 8);
	record.type = (RecordType) dcep_take_number(&bytes, 1);
	record.body = bytes;
	if (record.serial != book->counter + 1)
		return "a record's number does not follow on the record before it";
	book->counter = record.serial;
	memcpy(book->head, hash, DCEP_HASH_LEN);
	return reader(state, &record) ? NULL : "a record makes no sense";
}

/* Reads records up to the end, or to an unfinished one, before which it leaves the file's position in `end`. */
static const char *
read_records(Book *book, FILE *file, long *end, BookReader reader, void *state)
{
	Buffer content = {0};
	const char *wrong = NULL;
	uint8_t length[4];

	*end = 0;
	while (wrong == NULL && fread(length, 1, sizeof(length), file) == sizeof(length))
	{
		size_t len = dcep_get_u32(length);

		if (len < RECORD_MIN || len > RECORD_MAX)
		{
			wrong = "a record's length is none";
			break;
		}
		content.len = 0;
		if (fread(buffer_reserve(&content, len), 1, len, file) != len)
			break;
		wrong = take_record(book, content.data, len, reader, state);
		*end += (long) (sizeof(length) + len);
	}
	buffer_free(&content);
	return wrong == NULL && ferror(file) ? "it cannot be read to its end" : wrong;
}

/* Reads a log. */
const char *
book_read(Book *book, const char *path, BookReader reader, void *state)
{
	FILE *file = fopen(path, "rb");
	const char *wrong;
	long end;

	if (file == NULL)
		return strerror(errno);
	wrong = read_records(book, file, &end, reader, state);
	if (wrong == NULL && book->file >= 0 && ftruncate(book->file, end) != 0)
		wrong = strerror(errno);
	fclose(file);
	return wrong;
}

/* --- writing ------------------------------------------------------------------------- */

/* Opens a log for writing. Two processes must not write one. */
void
book_open(Book *book, const char *path, BookReader reader, void *state)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	const char *wrong;

	book->file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
	if (book->file < 0)
		die("%s cannot be opened: %s", path, strerror(errno));
	if (fcntl(book->file, F_SETLK, &lock) != 0)
		die("%s is in use by another process", path);
	wrong = book_read(book, path, reader, state);
	/* Closing any descriptor of the file has let go of the lock. */
	if (fcntl(book->file, F_SETLK, &lock) != 0)
		die("%s is in use by another process", path);
	if (wrong != NULL)
		die("the log %s is broken after record %llu: %s", path, (unsigned long long) book->counter, wrong);
}

/* Adds a record. */
uint64_t
book_add(Book *book, int64_t at, RecordType type, const Buffer *body)
{
	size_t begin;
	uint8_t hash[DCEP_HASH_LEN];

	buffer_put_number(&book->pending, FIXED_LEN + body->len + DCEP_HASH_LEN, 4);
	begin = book->pending.len;
	buffer_put_number(&book->pending, book->counter + 1, 8);
	buffer_put_number(&book->pending, (uint64_t) at, 8);
	buffer_put_number(&book->pending, type, 1);
	buffer_put(&book->pending, body->data, body->len);
	chain_hash(book->head, book->pending.data + begin, book->pending.len - begin, hash);
	buffer_put(&book->pending, hash, sizeof(hash));
	memcpy(book->head, hash, sizeof(hash));
	return ++book->counter;
}

/* Writes what has been added. */
void
book_flush(Book *book)
{
	size_t done = 0;

	if (book->pending.len == 0)
		return;
	while (done < book->pending.len)
	{
		ssize_t written = write(book->file, book->pending.data + done, book->pending.len - done);

		if (written > 0)
			done += (size_t) written;
		else if (errno != EINTR)
			die("the log cannot be written: %s", written == 0 ? "no room" : strerror(errno));
	}
	if (book->sync && fdatasync(book->file) != 0)
		die("the log cannot be brought to the disk: %s", strerror(errno));
	book->pending.len = 0;
}
