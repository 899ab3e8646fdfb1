/*
 * hidden.c: EXPLAIN ANALYZE does not count what row-level security hides.
 *
 * It says how many rows a scan has read and how many a filter has removed, and
 * policies are filters: who asks for the payments of a wallet that it must not
 * see is told how many there are.  So EXPLAIN ANALYZE of a statement that reads
 * dcep's tables under row-level security is refused, wherever it stands: in a
 * function, of a prepared statement, through a view.
 *
 * Counting for others than EXPLAIN, such as auto_explain, was not asked for by
 * the session: the statement runs, but its counts are not shown.
 *
 * A statement that counts nothing pays for two comparisons.
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "commands/extension.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/rls.h"

#include "access.h"
#include "hidden.h"

#define COUNTS_ROWS (INSTRUMENT_TIMER | INSTRUMENT_ROWS)

static ProcessUtility_hook_type next_utility = NULL;
static ExecutorStart_hook_type next_start = NULL;

static int explaining = 0; /* EXPLAIN statements that are running, one within another */

/* Is this one of dcep's tables, with rows that a policy hides from the current role? */
static bool
hides_rows(Oid table, Oid extension)
{
	return getExtensionOfObject(RelationRelationId, table) == extension &&
		   check_enable_rls(table, InvalidOid, true) == RLS_ENABLED;
}

/* Does a plan read such a table? */
static bool
reads_hidden(const PlannedStmt *plan)
{
	Oid extension = get_extension_oid("dcep", true);
	ListCell *cell;

	if (!OidIsValid(extension))
		return false;
	foreach (cell, plan->rtable)
	{
		const RangeTblEntry *entry = lfirst_node(RangeTblEntry, cell);

		if (entry->rtekind == RTE_RELATION && entry->relkind == RELKIND_RELATION && hides_rows(entry->relid, extension))
			return !dcep_access_owns();
	}
	return false;
}

/* Starts a statement; one that would count what is hidden is refused, or does not show it. */
static void
start(QueryDesc *query, int flags)
{
	bool counts = (query->instrument_options & COUNTS_ROWS) != 0 && (flags & EXEC_FLAG_EXPLAIN_ONLY) == 0;

	if (counts && explaining > 0 && reads_hidden(query->plannedstmt))
		ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
						errmsg("permission denied to explain with ANALYZE what row-level security hides"),
						errdetail("It would count rows of dcep's tables that the role must not see."),
						errhint("Use EXPLAIN without ANALYZE, or have a superuser explain the statement.")));
	if (next_start)
		next_start(query, flags);
	else
		standard_ExecutorStart(query, flags);
	/* A hook of others may have asked for it, before this one or after. */
	if (explaining == 0 && (query->instrument_options & COUNTS_ROWS) != 0 && reads_hidden(query->plannedstmt))
		query->instrument_options = 0;
}

/* Runs a utility statement, and knows meanwhile if it is an EXPLAIN. */
static void
run_utility(PlannedStmt *statement, const char *text, bool read_only, ProcessUtilityContext context,
			ParamListInfo params, QueryEnvironment *environment, DestReceiver *to, QueryCompletion *completion)
{
	ProcessUtility_hook_type run = next_utility ? next_utility : standard_ProcessUtility;

	if (!IsA(statement->utilityStmt, ExplainStmt))
	{
		run(statement, text, read_only, context, params, environment, to, completion);
		return;
	}
	explaining++;
	PG_TRY();
	{
		run(statement, text, read_only, context, params, environment, to, completion);
	}
	PG_FINALLY();
	{
		explaining--;
	}
	PG_END_TRY();
}

/* Sets the hooks. */
void
dcep_hidden_init(void)
{
	next_utility = ProcessUtility_hook;
	ProcessUtility_hook = run_utility;
	next_start = ExecutorStart_hook;
	ExecutorStart_hook = start;
}
