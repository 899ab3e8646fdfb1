/*
 * row.c: rows as COPY writes them in its text format, and the values in them.
 */
#include "row.h"

#include "memory.h"
#include "moment.h"

#include <stdlib.h>
#include <string.h>

/* What stands for one character behind a backslash; 0 where COPY writes no such thing. */
static char
unescape(char c)
{
	switch (c)
	{
		case 'b':
			return '\b';
		case 'f':
			return '\f';
		case 'n':
			return '\n';
		case 'r':
			return '\r';
		case 't':
			return '\t';
		case 'v':
			return '\v';
		case '\\':
			return '\\';
		default:
			return 0;
	}
}

/* Reads one column into the buffer; `*at` goes to the tab behind it, or to the end. */
static const char *
read_column(const char **at, const char *end, char **to, DcepText *column)
{
	char *begin = *to;

	if (end - *at >= 2 && memcmp(*at, "\\N", 2) == 0 && (end - *at == 2 || (*at)[2] == '\t'))
	{
		*at += 2;
		*column = (DcepText){NULL, 0};
		return NULL;
	}
	for (; *at < end && **at != '\t'; ++*at)
	{
		char c = **at;

		if (c == '\\')
		{
			c = ++*at < end ? unescape(**at) : 0;
			if (c == 0)
				return "A backslash stands where COPY writes none.";
		}
		else if (c == '\0' || (c >= '\b' && c <= '\r'))
			return "A character stands there that COPY does not write.";
		*(*to)++ = c;
	}
	*column = (DcepText){begin, (uint32_t) (*to - begin)};
	return NULL;
}

/* Takes a line apart. */
const char *
row_split(Row *row, const char *line, size_t len)
{
	const char *at = line;
	const char *end = line + len;
	char *to;

	row->count = 0;
	if (len > ROW_LEN_MAX)
		return "The row has more than 4,000,000 bytes.";
	row->buffer = memory_grow(row->buffer, 1, len + 1, &row->room);
	to = row->buffer;
	for (;;)
	{
		const char *wrong;

		if (row->count == ROW_COLUMNS_MAX)
			return "The row has too many columns.";
		wrong = read_column(&at, end, &to, &row->column[row->count++]);
		if (wrong != NULL)
			return wrong;
		if (at == end)
			return NULL;
		at++;
	}
}

/* Gives a row's memory back. */
void
row_free(Row *row)
{
	free(row->buffer);
	memset(row, 0, sizeof(*row));
}

/* Reads digits without leading zeros up to what 64 bits hold, negative ones too. */
static bool
parse_number(const char *at, const char *end, int64_t *value)
{
	bool is_negative = at < end && *at == '-';
	uint64_t limit = is_negative ? (uint64_t) INT64_MAX + 1 : (uint64_t) INT64_MAX;
	uint64_t sum = 0;

	if (is_negative)
		at++;
	if (at == end || (*at == '0' && (end - at > 1 || is_negative)))
		return false;
	for (; at < end; at++)
	{
		uint64_t digit = (uint64_t) (*at - '0');

		if (*at < '0' || *at > '9' || sum > (limit - digit) / 10)
			return false;
		sum = sum * 10 + digit;
	}
	*value = is_negative ? (int64_t) (0 - sum) : (int64_t) sum;
	return true;
}

/* Reads a bigint. */
bool
row_number(DcepText column, int64_t min, int64_t max, int64_t *value)
{
	return column.data != NULL && parse_number(column.data, column.data + column.len, value) && *value >= min &&
		   *value <= max;
}

/* Reads an integer. */
bool
row_int(DcepText column, int min, int max, int *value)
{
	int64_t number;

	if (!row_number(column, min, max, &number))
		return false;
	*value = (int) number;
	return true;
}

/* Value of a hexadecimal digit as PostgreSQL writes it, -1 when it is none. */
static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads a bytea. */
bool
row_bytea(DcepText column, uint8_t *to, size_t max, size_t *len)
{
	if (column.data == NULL || column.len < 2 || column.len % 2 != 0 || memcmp(column.data, "\\x", 2) != 0)
		return false;
	*len = (column.len - 2) / 2;
	if (*len > max)
		return false;
	for (size_t i = 0; i < *len; i++)
	{
		int high = hex_value(column.data[2 + 2 * i]);
		int low = hex_value(column.data[3 + 2 * i]);

		if (high < 0 || low < 0)
			return false;
		to[i] = (uint8_t) (high * 16 + low);
	}
	return true;
}

/* Reads a bytea of a length. */
bool
row_bytes(DcepText column, uint8_t *to, size_t len)
{
	size_t found;

	return row_bytea(column, to, len, &found) && found == len;
}

/* Reads a wallet number; as PostgreSQL writes it, it has no spaces. */
bool
row_wallet(DcepText column, int64_t *wallet)
{
	return column.data != NULL && column.len == DCEP_WALLET_DIGITS &&
		   dcep_wallet_parse(column.data, column.len, wallet) == NULL &&
		   dcep_wallet_institution(*wallet) != DCEP_PSEUDONYMS;
}

/* Reads a time. */
bool
row_moment(DcepText column, int64_t *moment)
{
	return column.data != NULL && moment_parse(column, moment) && *moment != MOMENT_BEGINNING && *moment != MOMENT_END;
}

/* Reads an array of numbers. */
bool
row_ids(DcepText column, RowIds *ids)
{
	const char *at = column.data;
	const char *end = column.data == NULL ? NULL : column.data + column.len;

	ids->count = 0;
	if (at == NULL || column.len < 2 || *at != '{' || end[-1] != '}')
		return false;
	at++;
	end--;
	while (at < end)
	{
		const char *comma = memchr(at, ',', (size_t) (end - at));
		const char *stop = comma ? comma : end;

		ids->id = memory_grow(ids->id, sizeof(*ids->id), ids->count + 1, &ids->room);
		if (!parse_number(at, stop, &ids->id[ids->count++]))
			return false;
		if (comma && comma + 1 == end)
			return false;
		at = comma ? comma + 1 : end;
	}
	return true;
}

/* Is a column this text? */
bool
row_is(DcepText column, const char *text)
{
	return column.data != NULL && column.len == strlen(text) && memcmp(column.data, text, column.len) == 0;
}

/* Reads a kind of transfer. */
bool
row_kind(DcepText column, int *kind)
{
	for (*kind = 1; *kind <= DCEP_KIND_MAX; ++*kind)
		if (row_is(column, dcep_kind_name(*kind)))
			return true;
	return false;
}
