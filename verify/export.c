/*
 * export.c: the files of an exported journal, a table each.
 */
#include "export.h"

#include "input.h"
#include "memory.h"
#include "report.h"

#include <stdio.h>
#include <string.h>

#define PIECE_LEN ((size_t) 256 * 1024)
#define ROWS_MAX UINT32_MAX

/* Number of newlines in a stretch. */
static uint64_t
count_rows(const char *at, size_t len)
{
	const char *end = at + len;
	uint64_t rows = 0;

	while (at < end && (at = memchr(at, '\n', (size_t) (end - at))) != NULL)
	{
		at++;
		rows++;
	}
	return rows;
}

/* Length of the piece that begins at an offset: to the end of the row that its last byte is in. */
static size_t
piece_len(const Table *table, size_t offset)
{
	size_t rest = table->bytes.len - offset;
	const char *newline;

	if (rest <= PIECE_LEN)
		return rest;
	newline = memchr(table->bytes.at + offset + PIECE_LEN - 1, '\n', rest - PIECE_LEN + 1);
	return newline == NULL ? rest : (size_t) (newline + 1 - table->bytes.at) - offset;
}

/* Cuts a table into pieces. */
static void
cut(Table *table)
{
	size_t room = 0;

	for (size_t offset = 0; offset < table->bytes.len;)
	{
		size_t len = piece_len(table, offset);

		table->piece = memory_grow(table->piece, sizeof(Piece), table->pieces + 1, &room);
		table->piece[table->pieces++] = (Piece){offset, len, table->rows};
		table->rows += count_rows(table->bytes.at + offset, len);
		offset += len;
	}
	if (table->rows > ROWS_MAX)
		fail("%s: more than 4,294,967,295 rows", table->name);
}

/* Leaves out what stands behind the last newline. */
static void
drop_cut_row(Table *table)
{
	const char *newline = table->bytes.len == 0 ? NULL : memrchr(table->bytes.at, '\n', table->bytes.len);
	size_t len = newline == NULL ? 0 : (size_t) (newline + 1 - table->bytes.at);

	if (len == table->bytes.len)
		return;
	report_defect("damaged", "%s line %llu: The file ends within a row.", table->name,
				  (unsigned long long) count_rows(table->bytes.at, len) + 1);
	table->bytes.len = len;
}

/* Opens a table. */
bool
table_open(Table *table, const char *dir, const char *name)
{
	char path[4096];

	memset(table, 0, sizeof(*table));
	table->name = name;
	if ((size_t) snprintf(path, sizeof(path), "%s/%s.copy", dir, name) >= sizeof(path))
		fail("%s: the path is too long", dir);
	if (!input_map(path, &table->bytes))
		return false;
	drop_cut_row(table);
	cut(table);
	return true;
}

/* Goes over a piece. */
Cursor
cursor_of_piece(const Table *table, uint32_t piece)
{
	const Piece *cut = &table->piece[piece];

	return (Cursor){.table = table, .at = cut->offset, .end = cut->offset + cut->len, .number = cut->first - 1};
}

/* Goes over all rows. */
Cursor
cursor_of_table(const Table *table)
{
	return (Cursor){.table = table, .end = table->bytes.len, .number = (uint64_t) -1};
}

/* Reports a row. */
void
cursor_damaged(const Cursor *cursor, const char *sentence)
{
	report_defect("damaged", "%s line %llu: %s", cursor->table->name, (unsigned long long) cursor->number + 1,
				  sentence);
}

/* Takes the row apart that begins where the cursor is, and passes it. NULL, or what is wrong with it. */
static const char *
read_row(Cursor *cursor, int columns)
{
	const char *line = cursor->table->bytes.at + cursor->at;
	const char *newline = memchr(line, '\n', cursor->end - cursor->at);
	size_t len = newline == NULL ? cursor->end - cursor->at : (size_t) (newline - line);
	const char *wrong = row_split(&cursor->row, line, len);

	cursor->offset = cursor->at;
	cursor->at += len + (newline == NULL ? 0 : 1);
	cursor->number++;
	if (wrong == NULL && cursor->row.count != columns)
		wrong = "The row has another number of columns.";
	return wrong;
}

/* Reads the next row. */
bool
cursor_next(Cursor *cursor, int columns)
{
	while (cursor->at < cursor->end)
	{
		const char *wrong = read_row(cursor, columns);

		if (wrong == NULL)
			return true;
		cursor_damaged(cursor, wrong);
	}
	return false;
}

/* Reads a row again. */
bool
cursor_read(Cursor *cursor, size_t offset, int columns)
{
	cursor->at = offset;
	cursor->end = cursor->table->bytes.len;
	return offset < cursor->end && read_row(cursor, columns) == NULL;
}

/* Gives the cursor's memory back. */
void
cursor_end(Cursor *cursor)
{
	row_free(&cursor->row);
}
