/*
 * moment.c: times as PostgreSQL writes them with DateStyle ISO.
 *
 *   2026-01-01 08:00:00.123456+08:00, with " BC" behind it before the year 1, infinity, -infinity
 */
#include "moment.h"

#include <string.h>

#define MICROSECONDS INT64_C(1000000)
/* What 64 bits of microseconds since 1970 hold of what PostgreSQL has. */
#define YEAR_MAX 294246
#define YEAR_MAX_BEFORE_CHRIST 4714

/* What is left to be read. */
typedef struct Rest
{
	const char *at;
	const char *end;
} Rest;

/* Reads a number of digits; false where there are fewer than `min`, or more than `max`. */
static bool
take_number(Rest *rest, int min, int max, int *value)
{
	int digits = 0;

	*value = 0;
	for (; rest->at < rest->end && *rest->at >= '0' && *rest->at <= '9'; rest->at++)
	{
		if (++digits > max)
			return false;
		*value = *value * 10 + (*rest->at - '0');
	}
	return digits >= min;
}

/* Passes a character that must be there. */
static bool
take(Rest *rest, char c)
{
	if (rest->at == rest->end || *rest->at != c)
		return false;
	rest->at++;
	return true;
}

/* Days from 1970-01-01 to a day of the proleptic Gregorian calendar; the year 0 is 1 BC. */
static int64_t
days_to(int64_t year, int month, int day)
{
	/* Years begin in March, so that a leap day is a year's last. */
	int64_t shifted = year - (month <= 2 ? 1 : 0);
	int64_t era = (shifted >= 0 ? shifted : shifted - 399) / 400;
	int64_t of_era = shifted - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* Reads hours, minutes and seconds. */
static bool
take_time(Rest *rest, int64_t *microseconds)
{
	int hour;
	int minute;
	int second;
	int fraction = 0;
	const char *begin;

	if (!take_number(rest, 2, 2, &hour) || !take(rest, ':') || !take_number(rest, 2, 2, &minute) || !take(rest, ':') ||
		!take_number(rest, 2, 2, &second) || hour > 23 || minute > 59 || second > 59)
		return false;
	if (take(rest, '.'))
	{
		begin = rest->at;
		if (!take_number(rest, 1, 6, &fraction))
			return false;
		for (long digits = rest->at - begin; digits < 6; digits++)
			fraction *= 10;
	}
	*microseconds = ((hour * 60 + minute) * INT64_C(60) + second) * MICROSECONDS + fraction;
	return true;
}

/* Reads what a time is ahead of UTC. */
static bool
take_offset(Rest *rest, int64_t *microseconds)
{
	bool is_behind = take(rest, '-');
	int part[3] = {0, 0, 0};

	if ((!is_behind && !take(rest, '+')) || !take_number(rest, 2, 2, &part[0]))
		return false;
	for (int i = 1; i < 3 && take(rest, ':'); i++)
		if (!take_number(rest, 2, 2, &part[i]) || part[i] > 59)
			return false;
	if (part[0] > 15)
		return false;
	*microseconds = ((part[0] * 60 + part[1]) * INT64_C(60) + part[2]) * MICROSECONDS * (is_behind ? -1 : 1);
	return true;
}

/* Reads a time. */
static bool
take_moment(Rest *rest, int64_t *moment)
{
	int year;
	int month;
	int day;
	int64_t of_day;
	int64_t offset;
	bool is_before_christ;

	if (!take_number(rest, 4, 6, &year) || !take(rest, '-') || !take_number(rest, 2, 2, &month) || !take(rest, '-') ||
		!take_number(rest, 2, 2, &day) || !take(rest, ' ') || !take_time(rest, &of_day) || !take_offset(rest, &offset))
		return false;
	if (year < 1 || year > YEAR_MAX || month < 1 || month > 12 || day < 1 || day > 31)
		return false;
	is_before_christ = take(rest, ' ');
	if (is_before_christ && (year > YEAR_MAX_BEFORE_CHRIST || !take(rest, 'B') || !take(rest, 'C')))
		return false;
	*moment = days_to(is_before_christ ? 1 - year : year, month, day) * 86400 * MICROSECONDS + of_day - offset;
	return true;
}

/* Is a text this one? */
static bool
is_text(DcepText text, const char *other)
{
	return text.len == strlen(other) && memcmp(text.data, other, text.len) == 0;
}

/* Reads a timestamptz. */
bool
moment_parse(DcepText text, int64_t *moment)
{
	Rest rest = {text.data, text.data + text.len};

	if (is_text(text, "infinity"))
		*moment = MOMENT_END;
	else if (is_text(text, "-infinity"))
		*moment = MOMENT_BEGINNING;
	else
		return take_moment(&rest, moment) && rest.at == rest.end;
	return true;
}
