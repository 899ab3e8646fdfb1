/*
 * plan.c: plans of SQL that a backend runs again and again.
 */
#include "plan.h"

/* The plan of a statement, prepared at the first use. */
SPIPlanPtr
dcep_kept_plan(DcepKeptPlan *kept, const char *sql, int count, const Oid *types)
{
	if (kept->plan && kept->first_type == types[0])
		return kept->plan;
	if (kept->plan)
		SPI_freeplan(kept->plan);
	kept->plan = SPI_prepare(sql, count, unconstify(Oid *, types));
	if (kept->plan == NULL)
		elog(ERROR, "could not prepare a statement: %s", SPI_result_code_string(SPI_result));
	SPI_keepplan(kept->plan);
	kept->first_type = types[0];
	return kept->plan;
}
