/*
 * policy.c: an operator's own say in who opens which wallet.
 *
 * A policy is a function that an operator has written. It must run neither
 * with the rights of the extension's owner, for which dcep.open_wallet() runs,
 * nor with those of whoever opens a wallet, who may be a superuser: it runs as
 * the role that owned it when it was registered, as it would were it SECURITY
 * DEFINER, and only who has that role's rights can register it. The context is
 * the server's own for running what others have written: no SET ROLE, and what
 * it sets ends with it. Where it calls dcep's functions, that role is their
 * caller, too, and not the session's.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/syscache.h"

#include "access.h"

PG_FUNCTION_INFO_V1(dcep_caller_owns);
PG_FUNCTION_INFO_V1(dcep_judge);

/* dcep.caller_owns(function): inside a SECURITY DEFINER function, has its caller the rights of the function's owner? */
Datum
dcep_caller_owns(PG_FUNCTION_ARGS)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(PG_GETARG_OID(0)));
	Oid owner;

	if (!HeapTupleIsValid(tuple))
		PG_RETURN_NULL();
	owner = ((Form_pg_proc) GETSTRUCT(tuple))->proowner;
	ReleaseSysCache(tuple);
	PG_RETURN_BOOL(has_privs_of_role(dcep_access_caller(), owner));
}

/* Calls the function; NULL where it has no answer. The current role must be allowed to. */
static Datum
call_policy(const char *function, Datum institution, Datum request, bool *is_null)
{
	const Oid types[] = {INT4OID, JSONBOID};
	const Datum values[] = {institution, request};
	char *query = psprintf("SELECT %s($1, $2)", function);
	Datum answer;

	if (SPI_execute_with_args(query, lengthof(types), (Oid *) types, (Datum *) values, NULL, false, 2) !=
			SPI_OK_SELECT ||
		SPI_processed != 1 || SPI_gettypeid(SPI_tuptable->tupdesc, 1) != JSONBOID)
		ereport(ERROR, (errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
						errmsg("opening policy %s does not return one jsonb value", function)));
	answer = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, is_null);
	return *is_null ? answer : SPI_datumTransfer(answer, false, -1);
}

/* Calls the function as a role, and takes all back that it set. Errors take the role and the settings back themselves. */
static Datum
call_as(Oid role, const char *function, Datum institution, Datum request, bool *is_null)
{
	Oid caller;
	int context;
	int settings = NewGUCNestLevel();
	Oid before = dcep_access_stand_in(role);
	volatile Datum answer = 0;

	GetUserIdAndSecContext(&caller, &context);
	SetUserIdAndSecContext(role, context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	PG_TRY();
	{
		answer = call_policy(function, institution, request, is_null);
	}
	PG_FINALLY();
	{
		dcep_access_stand_in(before);
	}
	PG_END_TRY();
	AtEOXact_GUC(false, settings);
	SetUserIdAndSecContext(caller, context);
	return answer;
}

/*
 * dcep.judge(function, role, institution, request): what an opening policy
 * says, run as a role. `function` is its name as SQL needs it.
 */
Datum
dcep_judge(PG_FUNCTION_ARGS)
{
	char *function = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Oid role = get_role_oid(NameStr(*PG_GETARG_NAME(1)), false);
	bool is_null;
	Datum answer;

	SPI_connect();
	answer = call_as(role, function, PG_GETARG_DATUM(2), PG_GETARG_DATUM(3), &is_null);
	SPI_finish();
	if (is_null)
		PG_RETURN_NULL();
	PG_RETURN_DATUM(answer);
}
