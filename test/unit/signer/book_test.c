/*
 * book_test.c: a log ends where its last record ends, however the process did.
 *
 * Writes a log of random records, then spoils copies of it as a kill, a loss of
 * power and a bad disk would: the first two are passed over up to the last
 * record that is whole, the third is found. Prints TAP; the seed is its
 * argument, or drawn.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "book.h"
#include "tap.h"

#define RECORDS 60
#define LATEST 20 /* of them in the last flush */
#define SECTOR 512
#define HEAD_MIN (4 + 8 + 8 + 1 + DCEP_HASH_LEN)

/* A log as it should be read. */
typedef struct Log
{
	uint8_t *bytes;
	size_t len;				 /* of the file */
	size_t end[RECORDS + 1]; /* of each record */
	uint8_t head[RECORDS + 1][DCEP_HASH_LEN];
} Log;

static char path[64];

/* Every record makes sense. */
static bool
accept(void *state, const Record *record)
{
	(void) record;
	++*(int *) state;
	return true;
}

/* --- a log ------------------------------------------------------------------------- */

/* Adds a record of random length. */
static void
add_record(Book *book, Log *log)
{
	Buffer body = {0};
	size_t len = (size_t) rand() % 700;

	for (size_t i = 0; i < len; i++)
		buffer_put_number(&body, (uint64_t) rand() % 255 + 1, 1);
	(void) book_add(book, 1000, RECORD_TRANSFER, &body);
	buffer_free(&body);
	log->end[book->counter] = log->end[book->counter - 1] + HEAD_MIN + len;
	memcpy(log->head[book->counter], book->head, DCEP_HASH_LEN);
}

/* Reads the file into memory. */
static void
slurp(Log *log)
{
	FILE *file = fopen(path, "rb");
	struct stat status;

	if (file == NULL || fstat(fileno(file), &status) != 0)
		die("no log");
	log->len = (size_t) status.st_size;
	log->bytes = zeros(log->len, 1);
	if (fread(log->bytes, 1, log->len, file) != log->len)
		die("no log");
	fclose(file);
}

/* Writes bytes as the file. */
static void
spit(const uint8_t *bytes, size_t len)
{
	FILE *file = fopen(path, "wb");

	if (file == NULL || fwrite(bytes, 1, len, file) != len || fclose(file) != 0)
		die("no copy");
}

/* Reads bytes as a log: what is wrong with it, or NULL and where it ends in `counter`; -1 with another head than it had. */
static const char *
read_copy(const Log *log, const uint8_t *bytes, size_t len, bool sync, int *counter)
{
	Book book = {.file = -1, .sync = sync};
	int seen = 0;
	const char *wrong;

	spit(bytes, len);
	wrong = book_read(&book, path, accept, &seen);
	*counter = (int) book.counter;
	if (seen != *counter || (*counter > 0 && memcmp(book.head, log->head[*counter], DCEP_HASH_LEN) != 0) ||
		book.end != (off_t) log->end[*counter])
		*counter = -1;
	return wrong;
}

/* --- writing and going on ------------------------------------------------------------- */

/* Writes the log, and reads it as it is left by a process that was killed. */
static void
write_log(Log *log)
{
	Book book = {.sync = true};
	int seen = 0;
	int counter;

	unlink(path);
	book_open(&book, path, accept, &seen);
	ok(seen == 0 && book.counter == 0, "a new log");
	for (int i = 1; i <= RECORDS; i++)
	{
		add_record(&book, log);
		/* The last of them together. */
		if (i <= RECORDS - LATEST || i == RECORDS)
			book_flush(&book);
	}
	slurp(log);
	ok((off_t) log->end[RECORDS] == book.end && log->len > log->end[RECORDS] + 1024 * 1024, "zeros stand ahead");
	ok(read_copy(log, log->bytes, log->len, true, &counter) == NULL && counter == RECORDS, "and are passed over");
	spit(log->bytes, log->len);
	close(book.file);
	buffer_free(&book.pending);
}

/* A process goes on after one that was killed, and then closes the log. */
static void
go_on(const Log *log)
{
	Book book = {.sync = true};
	Buffer nothing = {0};
	struct stat status;
	int seen = 0;
	int counter;

	spit(log->bytes, log->len);
	book_open(&book, path, accept, &seen);
	ok(seen == RECORDS && stat(path, &status) == 0 && status.st_size == (off_t) log->end[RECORDS],
	   "opened, they are cut off");
	(void) book_add(&book, 1000, RECORD_START, &nothing);
	book_flush(&book);
	book_close(&book);
	buffer_free(&book.pending);
	ok(stat(path, &status) == 0 && status.st_size == (off_t) log->end[RECORDS] + HEAD_MIN,
	   "a log that is closed ends with its last record");
	seen = 0;
	book = (Book){.file = -1};
	ok(book_read(&book, path, accept, &seen) == NULL && seen == RECORDS + 1, "and reads");
	ok(read_copy(log, log->bytes, log->end[RECORDS], true, &counter) == NULL && counter == RECORDS,
	   "so does one that never had zeros");
}

/* --- cut short -------------------------------------------------------------------------- */

/* How many records are whole where the file ends here. */
static int
whole_records(const Log *log, size_t len)
{
	int count = 0;

	while (count < RECORDS && log->end[count + 1] <= len)
		count++;
	return count;
}

/* The file ends anywhere: how logs without zeros ended when the process was killed. */
static void
cut_anywhere(const Log *log)
{
	int wrong = 0;
	int counter;

	for (size_t len = log->end[RECORDS - 4]; len < log->end[RECORDS]; len += 3)
		wrong += read_copy(log, log->bytes, len, true, &counter) != NULL || counter != whole_records(log, len);
	ok(wrong == 0, "cut off anywhere it ends with the last whole record");
}

/* The last flush's sectors came to the disk in any order, and not all: it ends before the first record that lacks one. */
static void
lose_sectors(const Log *log)
{
	size_t before = log->end[RECORDS - LATEST];
	uint8_t *copy = zeros(log->len, 1);
	int refused = 0;
	int wrong = 0;

	for (int round = 0; round < 200; round++)
	{
		size_t lost = log->end[RECORDS];
		int counter;

		memcpy(copy, log->bytes, log->end[RECORDS]);
		for (size_t at = before / SECTOR * SECTOR; at < log->end[RECORDS]; at += SECTOR)
			if (rand() % 4 == 0)
			{
				size_t from = at < before ? before : at;

				memset(copy + from, 0, at + SECTOR - from);
				lost = from < lost ? from : lost;
			}
		refused += read_copy(log, copy, log->end[RECORDS] + 3 * SECTOR, true, &counter) != NULL;
		/* A record of which the lost sector has nothing but zeros is whole. */
		wrong += counter < whole_records(log, lost) || counter < RECORDS - LATEST ||
				 (counter < RECORDS && memcmp(copy + log->end[counter], log->bytes + log->end[counter],
											  log->end[counter + 1] - log->end[counter]) == 0);
	}
	ok(refused == 0, "without some sectors of the last flush it is no broken log");
	ok(wrong == 0, "and ends with the last whole record before them");
	free(copy);
}

/* Adds a record of a length that has the log end so many bytes before the end of a sector. */
static void
add_record_up_to(Book *book, size_t before_end)
{
	Buffer body = {0};
	size_t end = (size_t) book->end + book->pending.len + HEAD_MIN;

	for (size_t more = (2 * SECTOR - before_end - end % SECTOR) % SECTOR; more > 0; more--)
		buffer_put_number(&body, 'a', 1);
	(void) book_add(book, 1000, RECORD_TRANSFER, &body);
	buffer_free(&body);
}

/* Writes the file as it is after a flush of two records, of which the first begins so many bytes before the end of a sector. */
static size_t
write_two(Book *book, Log *log, size_t before_end, size_t body_len)
{
	Buffer body = {0};
	size_t begin;
	int seen = 0;

	unlink(path);
	book_open(book, path, accept, &seen);
	add_record_up_to(book, before_end);
	book_flush(book);
	begin = (size_t) book->end;
	for (size_t i = 0; i < body_len; i++)
		buffer_put_number(&body, 'b', 1);
	(void) book_add(book, 1000, RECORD_TRANSFER, &body);
	(void) book_add(book, 1000, RECORD_TRANSFER, &body);
	book_flush(book);
	buffer_free(&body);
	buffer_free(&book->pending);
	slurp(log);
	close(book->file);
	return begin;
}

/* Opens the file as a process that goes on does: how many records it has, and whether it then has these bytes. */
static int
open_again(const uint8_t *bytes, size_t len)
{
	Book book = {.sync = true};
	Log now = {0};
	int seen = 0;
	int counter;

	book_open(&book, path, accept, &seen);
	counter = (int) book.counter;
	book_close(&book);
	slurp(&now);
	if (seen != counter || now.len != len || memcmp(now.bytes, bytes, len) != 0)
		counter = -1;
	free(now.bytes);
	return counter;
}

/* The sector in which a record begins was not written, and holds no more of it than bytes of its length, and zeros of its number. */
static void
lose_length(size_t before_end, size_t body_len)
{
	Book book = {.sync = true};
	Log log = {0};
	size_t begin = write_two(&book, &log, before_end, body_len);
	size_t sector = begin + before_end;
	size_t end = (size_t) book.end;
	uint8_t *copy = zeros(log.len, 1);

	memcpy(copy, log.bytes, log.len);
	memset(copy + begin, 0, before_end);
	spit(copy, log.len);
	ok(memcmp(copy, log.bytes, log.len) != 0 && open_again(log.bytes, end) == 3, "a length is mended");
	memset(copy + sector, 0, SECTOR);
	spit(copy, log.len);
	ok(open_again(log.bytes, begin) == 1, "not where the record lacks another sector: it was cut short");
	memcpy(copy + sector, log.bytes + sector, SECTOR);
	memset(copy + end / SECTOR * SECTOR, 0, SECTOR);
	spit(copy, log.len);
	ok(open_again(log.bytes, begin + (end - begin) / 2) == 2, "what is cut short after it");
	free(copy);
	free(log.bytes);
}

/* --- spoiled ------------------------------------------------------------------------------ */

/* A bit turned over anywhere is found, with zeros behind the log and without. */
static void
turn_bits(const Log *log)
{
	uint8_t *copy = zeros(log->len, 1);
	int missed = 0;
	int counter;

	for (int round = 0; round < 600; round++)
	{
		/* Every other one in a length: what it says is believed last. */
		int record = rand() % RECORDS;
		size_t at = round % 2 == 0 ? log->end[record] + (size_t) rand() % 4 : (size_t) rand() % log->end[RECORDS];
		size_t len = round % 3 == 0 ? log->end[RECORDS] : log->end[RECORDS] + 3 * SECTOR;

		memcpy(copy, log->bytes, log->end[RECORDS]);
		copy[at] ^= (uint8_t) (1 << rand() % 8);
		/* Where it was all that a sector had of a length, it is mended, and nothing is lost. */
		missed += read_copy(log, copy, len, true, &counter) == NULL && counter != RECORDS;
	}
	ok(missed == 0, "a bit turned over is found");
	free(copy);
}

/* What no flush leaves behind. */
static void
add_garbage(const Log *log)
{
	size_t max = 20 * 1024 * 1024;
	uint8_t *copy = zeros(log->end[RECORDS] + max, 1);
	uint8_t *behind = copy + log->end[RECORDS];
	const char *wrong;
	int counter;

	memcpy(copy, log->bytes, log->end[RECORDS]);
	memset(behind, 'x', 100);
	wrong = read_copy(log, copy, log->end[RECORDS] + 100, true, &counter);
	ok(wrong != NULL && strcmp(wrong, "a record's length is none") == 0 && counter == RECORDS, "garbage behind it");
	wrong = read_copy(log, copy, log->end[RECORDS] + 5000, true, &counter);
	ok(wrong != NULL && strcmp(wrong, "a record's length is none") == 0, "also before zeros");
	memset(behind, 0, 100);
	behind[max - 1] = 1;
	wrong = read_copy(log, copy, log->end[RECORDS] + max, true, &counter);
	ok(wrong != NULL && strcmp(wrong, "more stands behind it than one write has") == 0, "something far behind it");
	ok(read_copy(log, copy, log->end[RECORDS] + max, false, &counter) == NULL && counter == RECORDS,
	   "which may be where the kernel wrote when it wanted");
	free(copy);
}

int
main(int count, char **argument)
{
	unsigned seed = count > 1 ? (unsigned) atol(argument[1]) : (unsigned) time(NULL);
	static Log log;

	printf("# seed %u\n", seed);
	srand(seed);
	snprintf(path, sizeof(path), "/tmp/dcep-book.%ld", (long) getpid());
	write_log(&log);
	go_on(&log);
	cut_anywhere(&log);
	lose_sectors(&log);
	lose_length(3, 600);
	lose_length(2, 70000);
	lose_length(4, 300);
	lose_length(11, 700);
	turn_bits(&log);
	add_garbage(&log);
	unlink(path);
	free(log.bytes);
	return end_tests();
}
