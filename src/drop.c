/*
 * drop.c: says what DROP EXTENSION dcep would destroy, while it can still be stopped.
 */
#include "postgres.h"

#include "commands/event_trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(dcep_warn_drop);

/* Does a DROP EXTENSION or DROP SCHEMA name dcep? */
static bool
drops_dcep(const DropStmt *statement)
{
	ListCell *cell;

	foreach (cell, statement->objects)
	{
		Node *object = (Node *) lfirst(cell);

		if (IsA(object, String) && strcmp(strVal(object), "dcep") == 0)
			return true;
	}
	return false;
}

/* Warns with the figures of the ledger. */
static void
warn_of_loss(void)
{
	if (SPI_execute(
			"SELECT pg_catalog.format('It holds %s transfers of %s wallets and live coins worth %s minor units of %s.',"
			" (SELECT pg_catalog.count(*) FROM dcep.transfer), (SELECT pg_catalog.count(*) FROM dcep.wallet),"
			" (SELECT COALESCE(pg_catalog.sum(amount), 0) FROM dcep.coin), l.currency) FROM dcep.ledger AS l",
			true, 1) != SPI_OK_SELECT ||
		SPI_processed == 0)
		return; /* no ledger, nothing to lose */
	ereport(WARNING, (errmsg("dropping the extension dcep destroys its ledger"),
					  errdetail_internal("%s", SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1)),
					  errhint("Roll back unless there is a dump. Key files and the roles dcep_* stay.")));
}

/* Event trigger on ddl_command_start. */
Datum
dcep_warn_drop(PG_FUNCTION_ARGS)
{
	EventTriggerData *data = (EventTriggerData *) fcinfo->context;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
						errmsg("function may only be called as an event trigger")));
	if (!IsA(data->parsetree, DropStmt) || !drops_dcep((DropStmt *) data->parsetree))
		PG_RETURN_NULL();
	SPI_connect();
	warn_of_loss();
	SPI_finish();
	PG_RETURN_NULL();
}
