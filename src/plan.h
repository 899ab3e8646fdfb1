/*
 * plan.h: plans of SQL that a backend runs again and again.
 */
#ifndef DCEP_PLAN_H
#define DCEP_PLAN_H

#include "postgres.h"

#include "executor/spi.h"

/* A plan that is kept; zero before the first use. */
typedef struct DcepKeptPlan
{
	SPIPlanPtr plan;
	Oid first_type; /* of its first parameter */
} DcepKeptPlan;

/*
 * The plan of a statement whose first parameter is of a type of this extension,
 * which has another oid once the extension was created anew. SPI is connected.
 * The plan belongs to the backend and is revalidated by the plan cache.
 */
extern SPIPlanPtr dcep_kept_plan(DcepKeptPlan *kept, const char *sql, int count, const Oid *types);

#endif
