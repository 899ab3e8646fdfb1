/*
 * vault.c: dcep.vault(), which a payout asks for once a row.
 */
#include "postgres.h"

#include "fmgr.h"

#include "config.h"
#include "types.h"

PG_FUNCTION_INFO_V1(dcep_vault);
PG_FUNCTION_INFO_V1(dcep_is_here);

/* A code as users write it; one that cannot be is shown as it is. */
static char *
print_code(int code)
{
	return code >= 0 && code <= 9999 ? psprintf("%04d", code) : psprintf("%d", code);
}

/* dcep.vault(code) → wallet_id */
Datum
dcep_vault(PG_FUNCTION_ARGS)
{
	const DcepInstitution *institution;

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("institution must not be null")));
	institution = dcep_config_institution(dcep_config(), PG_GETARG_INT32(0));
	if (institution == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("institution %s does not exist", print_code(PG_GETARG_INT32(0))),
						errhint("Enroll it first with dcep.enroll_institution().")));
	if (institution->vault == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("institution %s has no vault", print_code(institution->code)),
						institution->is_operator ? errdetail("Its node has not been joined to this one yet.")
												 : errdetail("It is a supervisor.")));
	PG_RETURN_WALLET_ID(institution->vault);
}

/* dcep.is_here(wallet) → boolean */
Datum
dcep_is_here(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(dcep_config_is_here(dcep_config_required(), PG_GETARG_WALLET_ID(0)));
}
