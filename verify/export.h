/*
 * export.h: the files of an exported journal, a table each.
 *
 * A file is mapped and cut into pieces at the ends of rows, so that several
 * processes can read it.  What is kept of it in memory is a few bytes a piece.
 */
#ifndef VERIFY_EXPORT_H
#define VERIFY_EXPORT_H

#include "note.h"
#include "row.h"

/* A stretch of whole rows. */
typedef struct Piece
{
	size_t offset;
	size_t len;
	uint64_t first; /* number of its first row, from 0 on */
} Piece;

typedef struct Table
{
	const char *name; /* as the table of schema dcep */
	DcepSpan bytes;
	Piece *piece;
	uint32_t pieces;
	uint64_t rows;
} Table;

/* Goes over the rows of a piece. */
typedef struct Cursor
{
	const Table *table;
	size_t at;
	size_t end;
	uint64_t number; /* of the row that was read last, from 0 on */
	size_t offset;	 /* where it begins */
	Row row;
} Cursor;

/* Opens DIR/NAME.copy; false where there is no such file. A last row that is cut off is a defect. */
extern bool table_open(Table *table, const char *dir, const char *name);

extern Cursor cursor_of_piece(const Table *table, uint32_t piece);
extern Cursor cursor_of_table(const Table *table);
/* Reads the next row of so many columns; passes over those that are none, and reports them. */
extern bool cursor_next(Cursor *cursor, int columns);
extern void cursor_end(Cursor *cursor);
/* Reads one row again that begins at an offset; false where it is not sound. */
extern bool cursor_read(Cursor *cursor, size_t offset, int columns);

/* Reports the row that the cursor is at. */
extern void cursor_damaged(const Cursor *cursor, const char *sentence);

#endif
