/*
 * row.h: rows as COPY writes them in its text format, and the values in them.
 *
 * Made for files that strangers send: whatever COPY would not have written is
 * refused.  Functions return NULL or true where the input is sound.
 */
#ifndef VERIFY_ROW_H
#define VERIFY_ROW_H

#include "codec.h"

#define ROW_COLUMNS_MAX 24
#define ROW_LEN_MAX 4000000 /* bytes of a row */

/* A row. The columns are good until the next one is read into it. */
typedef struct Row
{
	int count;
	DcepText column[ROW_COLUMNS_MAX]; /* data NULL: the column is null */
	char *buffer;
	size_t room;
} Row;

/* Numbers, as long as there are numbers to be read into it. */
typedef struct RowIds
{
	int64_t *id;
	size_t count;
	size_t room;
} RowIds;

/* Takes a line, without its newline, apart. NULL, or what is wrong with it. A row begins as zeros. */
extern const char *row_split(Row *row, const char *line, size_t len);
extern void row_free(Row *row);

/* A whole number from min to max. */
extern bool row_number(DcepText column, int64_t min, int64_t max, int64_t *value);
extern bool row_int(DcepText column, int min, int max, int *value);
/* A bytea of exactly, or of at most, so many bytes. */
extern bool row_bytes(DcepText column, uint8_t *to, size_t len);
extern bool row_bytea(DcepText column, uint8_t *to, size_t max, size_t *len);
/* A wallet number, of a wallet. */
extern bool row_wallet(DcepText column, int64_t *wallet);
/* A time that is one: no infinity. */
extern bool row_moment(DcepText column, int64_t *moment);
/* An array of bigint without nulls. */
extern bool row_ids(DcepText column, RowIds *ids);
/* The name of a kind of transfer; false for others. */
extern bool row_kind(DcepText column, int *kind);

extern bool row_is(DcepText column, const char *text);

#endif
