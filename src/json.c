/*
 * json.c: members of a JSON object.
 */
#include "json.h"

#include <string.h>

/* Takes white space off the front. */
static void
skip_space(DcepSpan *text)
{
	while (text->len > 0 && memchr(" \t\r\n", text->at[0], 4) != NULL)
	{
		text->at++;
		text->len--;
	}
}

/* Takes a character that must stand next, with white space around it. */
static bool
take_char(DcepSpan *text, char expected)
{
	skip_space(text);
	if (text->len == 0 || text->at[0] != expected)
		return false;
	text->at++;
	text->len--;
	skip_space(text);
	return true;
}

/* Length of the string that the text begins with, quotes included; 0 where there is none. */
static size_t
string_length(DcepSpan text)
{
	if (text.len == 0 || text.at[0] != '"')
		return 0;
	for (size_t i = 1; i < text.len; i++)
	{
		if (text.at[i] == '\\')
			i++;
		else if (text.at[i] == '"')
			return i + 1;
	}
	return 0;
}

/* Length of the value that the text begins with, up to the comma or the bracket behind it; 0 where there is none. */
static size_t
value_length(DcepSpan text)
{
	size_t depth = 0;
	size_t at = 0;

	while (at < text.len)
	{
		char next = text.at[at];
		size_t string = string_length((DcepSpan){text.at + at, text.len - at});

		if (depth == 0 && (next == ',' || next == '}' || next == ']'))
			return at;
		if (next == '"' && string == 0)
			return 0;
		if (next == '{' || next == '[')
			depth++;
		if (next == '}' || next == ']')
			depth--;
		at += string > 0 ? string : 1;
	}
	return 0;
}

/* Takes a stretch of the front. */
static DcepSpan
take_span(DcepSpan *text, size_t len)
{
	DcepSpan taken = {text->at, len};

	text->at += len;
	text->len -= len;
	return taken;
}

/* Takes a member; a name in which something is escaped is none of ours, and not looked at. */
static bool
take_member(DcepSpan *text, DcepSpan *name, DcepSpan *value)
{
	size_t len;

	*name = take_span(text, string_length(*text));
	if (name->len < 2 || memchr(name->at, '\\', name->len) != NULL || !take_char(text, ':'))
		return false;
	*name = (DcepSpan){name->at + 1, name->len - 2};
	len = value_length(*text);
	if (len == 0)
		return false;
	*value = take_span(text, len);
	while (value->len > 0 && memchr(" \t\r\n", value->at[value->len - 1], 4) != NULL)
		value->len--;
	return value->len > 0;
}

/* The value of a member. */
bool
json_member(DcepSpan object, const char *name, DcepSpan *value)
{
	int found = 0;

	if (!take_char(&object, '{'))
		return false;
	do
	{
		DcepSpan other;
		DcepSpan content;

		if (!take_member(&object, &other, &content))
			return false;
		if (dcep_span_is(other, name))
		{
			*value = content;
			found++;
		}
	} while (take_char(&object, ','));
	return found == 1 && take_char(&object, '}') && object.len == 0;
}

/* A whole number. */
bool
json_number(DcepSpan value, int64_t *number)
{
	uint64_t read;

	if (!dcep_note_number(value, &read) || read > INT64_MAX)
		return false;
	*number = (int64_t) read;
	return true;
}

/* A text in which nothing is escaped. */
bool
json_text(DcepSpan value, DcepSpan *text)
{
	if (value.len < 2 || string_length(value) != value.len || memchr(value.at, '\\', value.len) != NULL)
		return false;
	*text = (DcepSpan){value.at + 1, value.len - 2};
	return true;
}

/* What stands for one character behind a backslash; 0 for others. */
static char
unescape(char c)
{
	static const char names[] = "\"\\/bfnrt";
	static const char characters[] = "\"\\/\b\f\n\r\t";
	const char *found = c == '\0' ? NULL : strchr(names, c);

	return found == NULL ? 0 : characters[found - names];
}

/* Takes four hexadecimal digits of a control character, the only ones that PostgreSQL writes in this way; 0 for others. */
static char
take_control(DcepSpan *text)
{
	static const char digits[] = "0123456789abcdef";
	const char *low = text->len < 4 ? NULL : memchr(digits, text->at[3], 16);

	if (low == NULL || memcmp(text->at, "00", 2) != 0 || (text->at[2] != '0' && text->at[2] != '1'))
		return 0;
	(void) take_span(text, 4);
	return (char) ((text->at[-2] - '0') * 16 + (low - digits));
}

/* Takes the next byte of a text; false where what is escaped is nothing that PostgreSQL escapes. */
static bool
take_byte(DcepSpan *text, char *byte)
{
	*byte = *take_span(text, 1).at;
	if (*byte != '\\')
		return true;
	if (text->len == 0)
		return false;
	*byte = *take_span(text, 1).at;
	*byte = *byte == 'u' ? take_control(text) : unescape(*byte);
	return *byte != 0;
}

/* Is a value this text? */
bool
json_is_text(DcepSpan value, DcepText text)
{
	uint32_t at = 0;

	if (text.data == NULL)
		return dcep_span_is(value, "null");
	if (value.len < 2 || string_length(value) != value.len)
		return false;
	value = (DcepSpan){value.at + 1, value.len - 2};
	while (value.len > 0)
	{
		char byte;

		if (!take_byte(&value, &byte) || at == text.len || byte != text.data[at++])
			return false;
	}
	return at == text.len;
}
