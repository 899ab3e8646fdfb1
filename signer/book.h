/*
 * book.h: the signer's log: one file, records one after another, each chained to the one before by its hash.
 *
 * Records are numbered without a gap; the number of the last is the signer's
 * counter.  Nothing that is signed leaves the process before its record is in the
 * file, and where `sync` is on, on the disk.  Where it cannot be written the process
 * ends: what it then has in memory has reached nobody.
 */
#ifndef SIGNER_BOOK_H
#define SIGNER_BOOK_H

#include <sys/types.h>

#include "crypto.h"

#include "buffer.h"

typedef enum RecordType
{
	RECORD_START = 1, /* the process has started */
	RECORD_KEY,		  /* a key was made */
	RECORD_QUOTA,	  /* a statement is in force */
	RECORD_TRANSFER,  /* a transfer was signed */
	RECORD_ENTRY,	  /* a record of an institution's chain was signed */
	RECORD_DELIVERY	  /* a transfer was signed that a message of the registry asked for */
} RecordType;

typedef struct Record
{
	uint64_t serial;
	int64_t at; /* microseconds since 1970 */
	RecordType type;
	DcepReader body;
} Record;

typedef struct Book
{
	int file; /* -1 where it is only read */
	bool sync;
	uint64_t counter;
	uint8_t head[DCEP_HASH_LEN];
	off_t end;		/* of the last record that is written */
	off_t room;		/* up to here the file has zeros behind it */
	Buffer pending; /* records that are not written yet */
} Book;

#define BOOK_FULL (1024 * 1024) /* bytes of records that should be written before more are added */

/* What is done with each record of a log; false where it does not make sense. */
typedef bool (*BookReader)(void *state, const Record *record);

/*
 * Reads a log from its beginning and verifies every hash; NULL, or what is wrong with it. Zeros behind the last record
 * are passed over, and so is a write that was cut short, of which nobody has learned.
 */
extern const char *book_read(Book *book, const char *path, BookReader reader, void *state);

/* Opens a log for writing, a new one where there is none, and reads it; ends the process where it cannot be used. */
extern void book_open(Book *book, const char *path, BookReader reader, void *state);

/* Adds a record; returns its number. */
extern uint64_t book_add(Book *book, int64_t at, RecordType type, const Buffer *body);

/* Writes what has been added; ends the process where it cannot. */
extern void book_flush(Book *book);

/* Ends the file with its last record. */
extern void book_close(Book *book);

#endif
