/*
 * verify_test.c: what dcep-verify reads: rows, times, and what checkpoints state.
 */
#include "unit.h"

#include "journal_row.h"
#include "moment.h"
#include "supply.h"
#include "totals.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A text as a column. */
static DcepText
column(const char *text)
{
	return (DcepText){text, (uint32_t) strlen(text)};
}

/* --- times ------------------------------------------------------------------- */

/* Times, and what they are in microseconds since 1970; as PostgreSQL computes them. */
static const struct
{
	const char *text;
	int64_t moment;
} moments[] = {{"1970-01-01 00:00:00+00", 0},
			   {"2000-01-01 00:00:00+00", INT64_C(946684800000000)},
			   {"2026-01-01 00:00:00.123456+00", INT64_C(1767225600123456)},
			   {"2026-01-01 08:00:00.1+08", INT64_C(1767225600100000)},
			   {"2025-12-31 18:30:00-05:30", INT64_C(1767225600000000)},
			   {"1969-12-31 23:59:59.999999+00", -1},
			   {"2024-02-29 12:00:00+00", INT64_C(1709208000000000)},
			   {"1900-03-01 00:00:00+00", -INT64_C(2203891200000000)},
			   {"0001-01-01 00:00:00+00", -INT64_C(62135596800000000)},
			   {"0001-12-31 00:00:00+00 BC", -INT64_C(62135683200000000)},
			   {"4714-11-24 00:00:00+00 BC", -INT64_C(210866803200000000)},
			   {"294246-12-31 23:59:59.999999+00", INT64_C(9223371244799999999)},
			   {"infinity", MOMENT_END},
			   {"-infinity", MOMENT_BEGINNING}};

/* Tests times. */
void
unit_test_moments(void)
{
	static const char *const wrong[] = {"",
										"2026-01-01",
										"2026-01-01 00:00:00",
										"2026-13-01 00:00:00+00",
										"2026-01-32 00:00:00+00",
										"2026-01-01 24:00:00+00",
										"2026-01-01 00:00:00.+00",
										"2026-01-01 00:00:00.1234567+00",
										"2026-01-01 00:00:00+00 AC",
										"2026-01-01 00:00:00+00 ",
										"2026-01-01T00:00:00+00",
										"0000-01-01 00:00:00+00",
										"01/01/2026 00:00:00+00",
										"Infinity"};
	int64_t moment;

	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++)
		ok(moment_parse(column(moments[i].text), &moment) && moment == moments[i].moment, "%s is a time",
		   moments[i].text);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ok(!moment_parse(column(wrong[i]), &moment), "\"%s\" is none", wrong[i]);
}

/* --- rows -------------------------------------------------------------------- */

/* Is a line taken apart into these columns? */
static bool
splits_into(const char *line, int count, const DcepText *expected)
{
	Row row = {0};
	bool same = row_split(&row, line, strlen(line)) == NULL && row.count == count;

	for (int i = 0; same && i < count; i++)
		same = (row.column[i].data == NULL) == (expected[i].data == NULL) && row.column[i].len == expected[i].len &&
			   (expected[i].data == NULL || memcmp(row.column[i].data, expected[i].data, expected[i].len) == 0);
	row_free(&row);
	return same;
}

/* Is a line refused? */
static bool
is_refused(const char *line, size_t len)
{
	Row row = {0};
	bool refused = row_split(&row, line, len) != NULL;

	row_free(&row);
	return refused;
}

/* Lines that COPY writes, and others. */
static void
test_lines(void)
{
	const DcepText null = {NULL, 0};

	ok(splits_into("", 1, (DcepText[]){column("")}), "an empty line is one empty column");
	ok(splits_into("a\t\\N\t", 3, (DcepText[]){column("a"), null, column("")}), "null and empty are told apart");
	ok(splits_into("\\\\N\tx\\ty\\\\\\n", 2, (DcepText[]){column("\\N"), column("x\ty\\\n")}), "escapes are undone");
	ok(splits_into("\\b\\f\\r\\v", 1, (DcepText[]){column("\b\f\r\v")}), "all of them");
	ok(is_refused("\\", 1) && is_refused("\\x41", 4) && is_refused("\\101", 4) && is_refused("\\Na", 3) &&
		   is_refused("a\\N", 3) && is_refused("\\.", 2),
	   "others are refused");
	ok(is_refused("a\rb", 3) && is_refused("a\0b", 3) && is_refused("a\bb", 3), "so are characters that COPY escapes");
	ok(!is_refused("\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t", 23) &&
		   is_refused("\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t\t", 24),
	   "24 columns are the most");
}

/* Numbers, as PostgreSQL writes them. */
static void
test_numbers(void)
{
	static const char *const wrong[] = {"",
										"-",
										"+1",
										"01",
										"-0",
										"1 ",
										" 1",
										"1e3",
										"9223372036854775808",
										"-9223372036854775809",
										"99999999999999999999"};
	int64_t number;
	bool refused = true;

	ok(row_number(column("9223372036854775807"), INT64_MIN, INT64_MAX, &number) && number == INT64_MAX &&
		   row_number(column("-9223372036854775808"), INT64_MIN, INT64_MAX, &number) && number == INT64_MIN &&
		   row_number(column("0"), 0, 0, &number) && number == 0,
	   "the greatest, the smallest and zero are read");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		refused = refused && !row_number(column(wrong[i]), INT64_MIN, INT64_MAX, &number);
	ok(refused && !row_number((DcepText){NULL, 0}, INT64_MIN, INT64_MAX, &number), "what is none is refused");
	ok(!row_number(column("4"), 5, 6, &number) && !row_number(column("7"), 5, 6, &number), "and what is out of range");
}

/* Other values. */
static void
test_values(void)
{
	static const char *const wrong[] = {"", "{", "}", "1", "{1,}", "{,1}", "{1,,2}", "{1, 2}", "{NULL}", "{{1}}"};
	RowIds ids = {0};
	uint8_t bytes[3];
	size_t len;
	int64_t wallet;
	int kind;
	bool refused = true;

	ok(row_ids(column("{}"), &ids) && ids.count == 0 && row_ids(column("{41,-86,99}"), &ids) && ids.count == 3 &&
		   ids.id[0] == 41 && ids.id[1] == -86 && ids.id[2] == 99,
	   "arrays are read");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		refused = refused && !row_ids(column(wrong[i]), &ids);
	ok(refused, "what is none is refused");
	free(ids.id);
	ok(row_bytea(column("\\x"), bytes, 3, &len) && len == 0 && row_bytes(column("\\x00ff7a"), bytes, 3) &&
		   memcmp(bytes, "\0\xff\x7a", 3) == 0,
	   "bytes are read");
	ok(!row_bytes(column("\\x00ff7a00"), bytes, 3) && !row_bytes(column("\\x00ff"), bytes, 3) &&
		   !row_bytes(column("\\x00FF7A"), bytes, 3) && !row_bytes(column("00ff7a"), bytes, 3) &&
		   !row_bytes(column("\\x00ff7"), bytes, 3) && !row_bytes(column("\\x00fg7a"), bytes, 3),
	   "of their length, in small hexadecimal digits");
	ok(row_wallet(column("0002999999999990"), &wallet) && wallet == INT64_C(2999999999990) &&
		   !row_wallet(column("0002999999999991"), &wallet) && !row_wallet(column("0002 9999 9999 9990"), &wallet),
	   "a wallet number has its check digit and no spaces");
	ok(row_kind(column("issue"), &kind) && kind == DCEP_KIND_ISSUE && row_kind(column("token"), &kind) &&
		   kind == DCEP_KIND_TOKEN && !row_kind(column("Issue"), &kind) && !row_kind(column(""), &kind),
	   "kinds have their names");
}

/* Tests rows. */
void
unit_test_rows(void)
{
	test_lines();
	test_numbers();
	test_values();
}

/* --- statements ---------------------------------------------------------------- */

#define HASH "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s="

/* What is wrong with a statement of a checkpoint of size 9; NULL where nothing is. */
static const char *
defect_of(const char *lines)
{
	static Statement statement;
	const DcepCheckpoint checkpoint = {.size = 9, .extensions = {lines, strlen(lines)}};

	return statement_parse(&checkpoint, &statement);
}

/* Every operator that there can be, and one more. */
static void
test_many_operators(void)
{
	static char lines[400000];
	size_t len = (size_t) snprintf(lines, sizeof(lines), "previous 0 " HASH "\ntime 1\nsupply CNY 2 9999 0 9999\n");

	for (int code = 1; code <= STATEMENT_OPERATORS_MAX; code++)
		len += (size_t) snprintf(lines + len, sizeof(lines) - len, "operator %04d 1 0 1\n", code);
	ok(defect_of(lines) == NULL, "all operators that there can be");
	snprintf(lines + len, sizeof(lines) - len, "operator 9999 0 0 0\n");
	ok(defect_of(lines) != NULL, "and no more");
}

/* Tests statements. */
void
unit_test_statements(void)
{
	char text[SUM_ROOM];

	ok(defect_of("previous 0 " HASH "\ntime 1\nsupply CNY 2 0 0 0\n") == NULL, "a statement without operators");
	ok(defect_of("previous 8 " HASH
				 "\ntime 1\nsupply CNY 2 30 12 18\noperator 0002 30 2 28\noperator 0003 0 10 -10\n") == NULL,
	   "and with two, of whom one redeemed what another was issued");
	ok(defect_of("previous 0 " HASH "\ntime 1\nsupply CNY 2 30 12 19\noperator 0002 30 12 18\n") != NULL &&
		   defect_of("previous 0 " HASH "\ntime 1\nsupply CNY 2 30 12 18\noperator 0002 30 12 19\n") != NULL,
	   "outstanding is issued less redeemed");
	ok(defect_of("previous 0 " HASH "\ntime 1\nsupply CNY 2 30 12 18\noperator 0002 30 11 19\n") != NULL &&
		   defect_of("previous 0 " HASH "\ntime 1\nsupply CNY 2 30 12 18\n") != NULL,
	   "operators make up the whole");
	ok(defect_of("previous 0 " HASH
				 "\ntime 1\nsupply CNY 2 30 12 18\noperator 0003 0 10 -10\noperator 0002 30 2 28\n") != NULL &&
		   defect_of("previous 0 " HASH "\ntime 1\nsupply CNY 2 2 0 2\noperator 0002 1 0 1\noperator 0002 1 0 1\n") !=
			   NULL &&
		   defect_of("previous 0 " HASH "\ntime 1\nsupply CNY 2 1 0 1\noperator 2 1 0 1\n") != NULL,
	   "in the order of their codes, each once");
	ok(defect_of("previous 9 " HASH "\ntime 1\nsupply CNY 2 0 0 0\n") != NULL &&
		   defect_of("previous 0 x\ntime 1\nsupply CNY 2 0 0 0\n") != NULL &&
		   defect_of("time 1\nsupply CNY 2 0 0 0\n") != NULL && defect_of("") != NULL &&
		   defect_of("previous 0 " HASH "\ntime 1\nsupply CNY 2 0 0 0 0\n") != NULL,
	   "what is no statement is refused");
	test_many_operators();
	ok(strcmp(sum_text(0, text), "0") == 0 &&
		   strcmp(sum_text(-(Sum) INT64_MAX - 1, text), "-9223372036854775808") == 0 &&
		   strcmp(sum_text((Sum) INT64_MAX * 10, text), "92233720368547758070") == 0,
	   "sums are written in digits");
}
