/*
 * case.c: the case that a session has open.
 *
 * The setting dcep.session_case holds "xid/case number", the xid being that of the
 * transaction in which the case was opened. A setting follows transactions
 * (a rollback closes the case again), reaches parallel workers, and is reset by
 * DISCARD ALL, so that a pooled connection does not pass a case on.
 */
#include "case.h"

#include "access/xact.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"

PG_FUNCTION_INFO_V1(dcep_set_case);
PG_FUNCTION_INFO_V1(dcep_current_case);

static char *case_setting;

/* Refuses a value that dcep.open_case() would not have set; only a superuser gets here. */
static bool
check_case(char **value, void **extra pg_attribute_unused(), GucSource source pg_attribute_unused())
{
	const char *slash = strchr(*value, '/');

	return **value == '\0' || (slash && slash > *value && strspn(*value, "0123456789") == (size_t) (slash - *value));
}

/* Defines the setting. */
void
dcep_case_init(void)
{
	DefineCustomStringVariable(
		"dcep.session_case", "Case that this session has open.",
		"Set by dcep.open_case() and dcep.close_case(): the transaction that opened it, a slash, "
		"and the case number. Empty where none is open.",
		&case_setting, "", PGC_SUSET, GUC_DISALLOW_IN_FILE | GUC_NOT_IN_SAMPLE, check_case, NULL, NULL);
}

/* Is a case open, and its opening committed? */
bool
dcep_case_is_open(void)
{
	return case_setting && *case_setting &&
		   !TransactionIdIsCurrentTransactionId((TransactionId) strtoul(case_setting, NULL, 10));
}

/* dcep.set_case(case_no): NULL closes it */
Datum
dcep_set_case(PG_FUNCTION_ARGS)
{
	const char *value =
		PG_ARGISNULL(0) ? "" : psprintf("%u/%s", GetCurrentTransactionId(), text_to_cstring(PG_GETARG_TEXT_PP(0)));

	SetConfigOption("dcep.session_case", value, PGC_SUSET, PGC_S_SESSION);
	PG_RETURN_VOID();
}

/* dcep.current_case() → text: NULL where none is open */
Datum
dcep_current_case(PG_FUNCTION_ARGS)
{
	if (!dcep_case_is_open())
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(strchr(case_setting, '/') + 1));
}
