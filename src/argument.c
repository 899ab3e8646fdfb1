/*
 * argument.c: what is asked of the arguments of functions in SQL.
 */
#include "argument.h"

/* Refuses an argument that is null. */
void
dcep_require_arguments(FunctionCallInfo fcinfo, int first, int count, const char *names)
{
	for (int i = first; i < first + count; i++)
		if (PG_ARGISNULL(i))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be null", names)));
}

/* Refuses a number that is too small. */
int
dcep_require_at_least(const char *name, int value, int least)
{
	if (value < least)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must be at least %d", name, least),
						errdetail("It is %d.", value)));
	return value;
}

/* Refuses a number that is too large. */
int
dcep_require_at_most(const char *name, int value, int most)
{
	if (value > most)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must be at most %d", name, most),
						errdetail("It is %d.", value)));
	return value;
}
