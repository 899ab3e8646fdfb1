/*
 * book.c: the signer's log.
 *
 *   record = length (4) || serial (8) || time (8) || type (1) || body || hash (32)
 *   hash   = SHA-256(hash of the record before || serial || time || type || body)
 *
 * The length is that of all that follows it.  The first record follows 32 zeros.
 *
 * Where records are brought to the disk, zeros are written ahead of them in large
 * steps: a flush that neither lengthens the file nor maps new blocks is one write
 * and nothing of the file system's own.  So a log that was not closed ends in
 * zeros, and may have, behind its last record, a flush that was cut short, of
 * which nobody has learned.
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
#define AHEAD (4 * 1024 * 1024) /* zeros are written ahead in such steps */
#define READ_AT_ONCE 65536
#define SECTOR 512						   /* what a disk writes whole or not at all */
#define FLUSH_MAX (RECORD_MAX + BOOK_FULL) /* of one flush: no request has more than RECORD_MAX of records */

/* The hash of a record's content. */
static void
chain_hash(const uint8_t before[DCEP_HASH_LEN], const uint8_t *content, size_t len, uint8_t out[DCEP_HASH_LEN])
{
	const DcepBytes pieces[] = {{before, DCEP_HASH_LEN}, {content, len}};

	if (!dcep_hash(DCEP_SUITE_ED25519, pieces, 2, out))
		die("%s", dcep_crypto_error());
}

/* --- the file ------------------------------------------------------------------------ */

/* Writes bytes at a place of the file; false, with a reason in errno, where not all of them could be. */
static bool
write_at(const Book *book, const uint8_t *data, size_t len, off_t at)
{
	while (len > 0)
	{
		ssize_t written = pwrite(book->file, data, len, at);

		if (written == 0)
			errno = ENOSPC;
		if (written == 0 || (written < 0 && errno != EINTR))
			return false;
		if (written > 0)
		{
			data += written;
			len -= (size_t) written;
			at += written;
		}
	}
	return true;
}

/* --- reading ------------------------------------------------------------------------- */

/* Takes a record over: its number must follow on the last one's. */
static const char *
take_record(Book *book, const uint8_t *content, size_t len, BookReader reader, void *state)
{
	DcepReader bytes = {content, content + len - DCEP_HASH_LEN};
	Record record;

	record.serial = dcep_take_number(&bytes, 8);
	record.at = (int64_t) dcep_take_number(&bytes, 8);
	record.type = (RecordType) dcep_take_number(&bytes, 1);
	record.body = bytes;
	if (record.serial != book->counter + 1)
		return "a record's number does not follow on the record before it";
	book->counter = record.serial;
	memcpy(book->head, content + len - DCEP_HASH_LEN, DCEP_HASH_LEN);
	return reader(state, &record) ? NULL : "a record makes no sense";
}

/* Does the hash at a record's end follow on the record before it? */
static bool
follows(const Book *book, const uint8_t *content, size_t len)
{
	uint8_t hash[DCEP_HASH_LEN];

	chain_hash(book->head, content, len - DCEP_HASH_LEN, hash);
	return memcmp(hash, content + len - DCEP_HASH_LEN, DCEP_HASH_LEN) == 0;
}

/* Reads records from the book's end on, as long as there is one that follows; what stands behind them begins at its new end. */
static const char *
read_records(Book *book, FILE *file, BookReader reader, void *state)
{
	Buffer content = {0};
	const char *wrong = NULL;
	uint8_t length[4];

	if (fseeko(file, book->end, SEEK_SET) != 0)
		return strerror(errno);
	while (wrong == NULL && fread(length, 1, sizeof(length), file) == sizeof(length))
	{
		size_t len = dcep_get_u32(length);

		if (len < RECORD_MIN || len > RECORD_MAX)
			break;
		content.len = 0;
		if (fread(buffer_reserve(&content, len), 1, len, file) != len || !follows(book, content.data, len))
			break;
		wrong = take_record(book, content.data, len, reader, state);
		book->end += (off_t) (sizeof(length) + len);
	}
	buffer_free(&content);
	return wrong;
}

/* --- the end of a log ------------------------------------------------------------------ */

/* Are these bytes zeros? None are. */
static bool
are_zeros(const uint8_t *bytes, size_t len)
{
	return len == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, len - 1) == 0);
}

/* What stands behind the records that could be read; false where it cannot be read. */
static bool
read_rest(FILE *file, off_t from, Buffer *rest)
{
	size_t len;

	if (fseeko(file, from, SEEK_SET) != 0)
		return false;
	do
	{
		len = fread(buffer_reserve(rest, READ_AT_ONCE), 1, READ_AT_ONCE, file);
		rest->len += len;
	} while (len > 0);
	return !ferror(file);
}

/* Does a record end here, as far as what stands behind it says: another one, or the zeros? */
static bool
may_end_at(const Book *book, const uint8_t *rest, size_t at, size_t len)
{
	return at >= len || (at + 12 <= len && dcep_get_u64(rest + at + 4) == book->counter + 2);
}

/* The length of the record that the rest begins with, whatever the length that stands there; 0 where there is none that follows. */
static size_t
find_record(const Book *book, const uint8_t *rest, size_t len, size_t file_len)
{
	for (size_t at = 4 + RECORD_MIN; at <= file_len && at < len + DCEP_HASH_LEN; at++)
		if (may_end_at(book, rest, at, len) && follows(book, rest + 4, at - 4))
			return at - 4;
	return 0;
}

/* Bytes of the rest in the sector in which it begins. */
static size_t
first_piece(const Book *book)
{
	return SECTOR - (size_t) (book->end % SECTOR);
}

/* May the sector in which a length begins not have been written, of which there is nothing here but zeros? */
static bool
may_lack_length(const Book *book, const uint8_t *rest, size_t file_len)
{
	return file_len > SECTOR && are_zeros(rest, first_piece(book));
}

/* Was a sector of a record that begins at this place never written, but for the one that it begins in? */
static bool
lacks_sector(const Book *book, const uint8_t *rest, size_t len)
{
	for (size_t at = first_piece(book); at < len; at += SECTOR)
		if (are_zeros(rest + at, len - at < SECTOR ? len - at : SECTOR))
			return true;
	return false;
}

/* Is what stands behind the last record a flush that was cut short? NULL, or what it is instead. */
static const char *
find_fault(const Book *book, const uint8_t *rest, size_t len, size_t file_len)
{
	size_t first = first_piece(book);
	size_t record = file_len < 4 ? 0 : dcep_get_u32(rest);

	/* The length itself may lie in two sectors. */
	if (first < 4)
		first += SECTOR;
	/* Without `sync` the kernel wrote what it wanted, when it wanted. */
	if (book->sync && len > FLUSH_MAX)
		return "more stands behind it than one write has";
	if (find_record(book, rest, len, file_len) > 0)
		return "a record's length is not that of its content";
	if (file_len < 4 || (record == 0 && are_zeros(rest, first < file_len ? first : file_len)))
		return NULL;
	if (may_lack_length(book, rest, file_len) && !may_end_at(book, rest, record + 4, len))
		return NULL;
	if (record < RECORD_MIN || record > RECORD_MAX)
		return "a record's length is none";
	if (record + 4 > file_len || lacks_sector(book, rest, record + 4))
		return NULL;
	return "a record's hash does not follow on the record before it";
}

/*
 * Takes a record over of which nothing is missing but its length, or the first bytes of it, and zeros behind: with its
 * hash it says itself how long it is. The log gets the length where it is open for writing. False where the rest does not
 * begin with one.
 */
static bool
mend_length(Book *book, const uint8_t *rest, size_t len, size_t file_len, BookReader reader, void *state,
			const char **wrong)
{
	size_t record = may_lack_length(book, rest, file_len) ? find_record(book, rest, len, file_len) : 0;
	size_t first = first_piece(book);
	uint8_t length[4];

	dcep_put_u32(length, (uint32_t) record);
	if (record == 0 || record > RECORD_MAX ||
		(first < sizeof(length) && memcmp(length + first, rest + first, sizeof(length) - first) != 0))
		return false;
	say("the length of record %llu was not written to its end: it is %zu", (unsigned long long) book->counter + 1,
		record);
	if (book->file >= 0 && !write_at(book, length, sizeof(length), book->end))
		*wrong = strerror(errno);
	else
		*wrong = take_record(book, rest + sizeof(length), record, reader, state);
	book->end += (off_t) (sizeof(length) + record);
	return true;
}

/* Looks at what stands behind the last record that could be read; true where records go on behind one that was mended. */
static bool
check_rest(Book *book, FILE *file, BookReader reader, void *state, const char **wrong)
{
	Buffer rest = {0};
	size_t len;
	bool goes_on = false;

	if (!read_rest(file, book->end, &rest))
		*wrong = "it cannot be read to its end";
	for (len = rest.len; len > 0 && rest.data[len - 1] == 0;)
		len--;
	if (*wrong == NULL && len > 0)
	{
		goes_on = mend_length(book, rest.data, len, rest.len, reader, state, wrong);
		if (!goes_on)
			*wrong = find_fault(book, rest.data, len, rest.len);
		if (!goes_on && *wrong == NULL)
			say("the log's last write was cut short: %zu bytes behind record %llu count for nothing", len,
				(unsigned long long) book->counter);
	}
	buffer_free(&rest);
	return goes_on && *wrong == NULL;
}

/* Reads a log. */
const char *
book_read(Book *book, const char *path, BookReader reader, void *state)
{
	FILE *file = fopen(path, "rb");
	const char *wrong;

	if (file == NULL)
		return strerror(errno);
	book->end = 0;
	do
		wrong = read_records(book, file, reader, state);
	while (wrong == NULL && check_rest(book, file, reader, state, &wrong));
	fclose(file);
	return wrong;
}

/* --- writing ------------------------------------------------------------------------- */

/* Cuts off what stands behind the last record. */
static bool
cut_rest(Book *book)
{
	book->room = book->end;
	return ftruncate(book->file, book->end) == 0;
}

/* Opens a log for writing. Two processes must not write one. */
void
book_open(Book *book, const char *path, BookReader reader, void *state)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	const char *wrong;

	book->file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
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
	if (!cut_rest(book))
		die("%s cannot be cut to its last record: %s", path, strerror(errno));
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

/* Writes zeros ahead of the records. Where there is no room for them the records may still have some. */
static void
write_ahead(Book *book)
{
	static const uint8_t zeros_ahead[AHEAD];

	if (write_at(book, zeros_ahead, AHEAD, book->end))
		book->room = book->end + AHEAD;
}

/* Writes what has been added. */
void
book_flush(Book *book)
{
	if (book->pending.len == 0)
		return;
	if (!write_at(book, book->pending.data, book->pending.len, book->end))
		die("the log cannot be written: %s", strerror(errno));
	book->end += (off_t) book->pending.len;
	book->pending.len = 0;
	if (book->sync && book->end > book->room)
		write_ahead(book);
	if (book->sync && fdatasync(book->file) != 0)
		die("the log cannot be brought to the disk: %s", strerror(errno));
}

/* Ends a log where its last record ends. */
void
book_close(Book *book)
{
	if (!cut_rest(book))
		say("the log keeps the zeros behind its last record: %s", strerror(errno));
	close(book->file);
	book->file = -1;
}
