/*
 * access.c: who may do what.
 *
 * The answer for the current role is worked out once and kept until the
 * bindings, the roles or their memberships change.
 */
#include "access.h"

#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "case.h"
#include "config.h"
#include "table.h"

PG_FUNCTION_INFO_V1(dcep_sees);
PG_FUNCTION_INFO_V1(dcep_sees_institution);
PG_FUNCTION_INFO_V1(dcep_acts_for);
PG_FUNCTION_INFO_V1(dcep_caller_sees);
PG_FUNCTION_INFO_V1(dcep_caller_acts_for);
PG_FUNCTION_INFO_V1(dcep_caller_reads_totals);
PG_FUNCTION_INFO_V1(dcep_sees_payments);
PG_FUNCTION_INFO_V1(dcep_sees_parties);

#define INSTITUTION_MAX 9999

/* What a role may do: the one that was asked for last. */
static struct
{
	Oid role; /* whose answers these are; InvalidOid when they must be worked out anew */
	uint64 generation;
	bool owns;
	bool audits;
	Bitmapset *institutions; /* in TopMemoryContext */
} known;

static bool callback_registered = false;

/* Roles or memberships changed. */
static void
forget_role(Datum arg pg_attribute_unused(), int cache pg_attribute_unused(), uint32 hash pg_attribute_unused())
{
	known.role = InvalidOid;
}

static Oid stand_in = InvalidOid; /* who counts as the caller while a policy runs */

/* Who called the SECURITY DEFINER function that is running. */
Oid
dcep_access_caller(void)
{
	return OidIsValid(stand_in) ? stand_in : GetOuterUserId();
}

/* Makes a role the caller, whoever it is; returns what undoes that. */
Oid
dcep_access_stand_in(Oid role)
{
	Oid before = stand_in;

	stand_in = role;
	return before;
}

/* Owner of the journal, which is the owner of the extension. */
Oid
dcep_access_owner(void)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(dcep_relation_oid(DCEP_TRANSFER)));
	Oid owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for dcep.transfer");
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* Institutions that a role is bound to, itself or by membership. */
static Bitmapset *
bound_institutions(const DcepConfig *config, Oid role)
{
	Bitmapset *set = NULL;

	for (int i = 0; i < config->binding_count; i++)
	{
		Oid bound = get_role_oid(NameStr(config->binding[i].role), true);

		if (OidIsValid(bound) && is_member_of_role_nosuper(role, bound))
			set = bms_add_member(set, config->binding[i].institution);
	}
	return set;
}

/* Is a role a member of a group of that name? */
static bool
is_member_of(Oid role, const char *group)
{
	Oid oid = get_role_oid(group, true);

	return OidIsValid(oid) && is_member_of_role_nosuper(role, oid);
}

/* Works out the answers for a role, unless they are known. */
static void
know_role(Oid role)
{
	const DcepConfig *config = dcep_config();
	Bitmapset *set;
	MemoryContext caller;

	if (known.role == role && known.generation == config->generation)
		return;
	if (!callback_registered)
	{
		CacheRegisterSyscacheCallback(AUTHOID, forget_role, (Datum) 0);
		CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, forget_role, (Datum) 0);
		callback_registered = true;
	}
	known.role = InvalidOid;
	set = bound_institutions(config, role);
	caller = MemoryContextSwitchTo(TopMemoryContext);
	bms_free(known.institutions);
	known.institutions = bms_copy(set);
	MemoryContextSwitchTo(caller);
	known.owns = superuser_arg(role) || has_privs_of_role(role, dcep_access_owner());
	known.audits = known.owns || is_member_of(role, "dcep_auditor") || is_member_of(role, "dcep_central_bank");
	known.generation = config->generation;
	known.role = role;
}

/* Is this one of the institutions that the current role is bound to? */
static bool
is_bound_to(int institution)
{
	return institution >= 0 && institution <= INSTITUTION_MAX && bms_is_member(institution, known.institutions);
}

/* May the current role act for this institution? */
bool
dcep_access_acts_for(int institution)
{
	know_role(GetUserId());
	return known.owns || is_bound_to(institution);
}

/*
 * Does a case show the known role an institution's wallets, or their payments,
 * too? A supervisor those of its agreements, the central bank all.
 */
static bool
is_shown(int institution, bool payments)
{
	const DcepConfig *config = dcep_config();
	TimestampTz now;

	if (!dcep_case_is_open())
		return false;
	if (is_bound_to(DCEP_CENTRAL_BANK))
		return true;
	now = GetCurrentStatementStartTimestamp();
	for (int i = 0; i < config->agreement_count; i++)
	{
		const DcepAgreement *agreement = &config->agreement[i];

		if (agreement->operator_code == institution &&
			(payments ? agreement->shows_transfers : agreement->shows_wallets) && agreement->valid_from <= now &&
			now < agreement->valid_until && is_bound_to(agreement->supervisor))
			return true;
	}
	return false;
}

/* May the current role see what belongs to this institution? */
bool
dcep_access_sees(int institution)
{
	return dcep_access_acts_for(institution);
}

/* May it see the wallets of this institution, or their payments? */
static bool
sees_wallets(int institution, bool payments)
{
	return dcep_access_acts_for(institution) || is_shown(institution, payments);
}

/* Superuser or owner. */
bool
dcep_access_owns(void)
{
	know_role(GetUserId());
	return known.owns;
}

/* Does the current role see the payments of all institutions: the owner, and the central bank within a case? */
bool
dcep_access_sees_all(void)
{
	know_role(GetUserId());
	return known.owns || (is_bound_to(DCEP_CENTRAL_BANK) && dcep_case_is_open());
}

/* May it see the payments of this institution's wallets? */
bool
dcep_access_sees_payments(int institution)
{
	return sees_wallets(institution, true);
}

/* An institution that the current role, or else the calling one, is bound to. */
int
dcep_access_bound(int preferred)
{
	const Oid roles[] = {GetUserId(), dcep_access_caller()};

	for (size_t i = 0; i < lengthof(roles); i++)
	{
		int first;

		know_role(roles[i]);
		if (is_bound_to(preferred))
			return preferred;
		first = bms_next_member(known.institutions, -1);
		if (first >= 0)
			return first;
	}
	return 0;
}

/* Goes on with the owner's rights. */
void
dcep_access_enter_owner(DcepCaller *caller)
{
	GetUserIdAndSecContext(&caller->user, &caller->security);
	SetUserIdAndSecContext(dcep_access_owner(),
						   caller->security | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
}

/* And with the caller's again. */
void
dcep_access_leave_owner(const DcepCaller *caller)
{
	SetUserIdAndSecContext(caller->user, caller->security);
}

/* Auditors, the central bank, the owner. */
bool
dcep_access_audits(void)
{
	know_role(GetUserId());
	return known.audits;
}

/* Refuses a role a wallet, without saying whether there is one. */
static _Noreturn void
raise_denied(int64 wallet)
{
	char digits[DCEP_WALLET_DIGITS + 1];

	dcep_wallet_print(wallet, digits);
	ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for wallet %s", digits),
					errdetail("The role \"%s\" is not bound to institution %04d.",
							  GetUserNameFromId(GetUserId(), false), dcep_wallet_institution(wallet)),
					errhint("A superuser binds it with dcep.grant_institution().")));
	pg_unreachable();
}

/* Refuses a role that may not act for a wallet. */
void
dcep_access_require_acting(int64 wallet)
{
	if (!dcep_access_acts_for(dcep_wallet_institution(wallet)))
		raise_denied(wallet);
}

/* Refuses a role that may not see a wallet. */
void
dcep_access_require_wallet(int64 wallet)
{
	if (!sees_wallets(dcep_wallet_institution(wallet), true))
		raise_denied(wallet);
}

/* dcep.sees(wallet_id): for policies. */
Datum
dcep_sees(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(sees_wallets(dcep_wallet_institution(PG_GETARG_INT64(0)), false));
}

/* dcep.sees_payments(wallet_id): for policies. */
Datum
dcep_sees_payments(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(sees_wallets(dcep_wallet_institution(PG_GETARG_INT64(0)), true));
}

/* dcep.sees_parties(wallet_id): for policies. An operator does not, not even of its own wallets. */
Datum
dcep_sees_parties(PG_FUNCTION_ARGS)
{
	know_role(GetUserId());
	PG_RETURN_BOOL(known.owns || is_shown(dcep_wallet_institution(PG_GETARG_INT64(0)), true));
}

/* dcep.sees_institution(integer): for policies. */
Datum
dcep_sees_institution(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(dcep_access_sees(PG_GETARG_INT32(0)));
}

/*
 * dcep.caller_sees(wallet_id): for functions that run with their owner's
 * rights and must still hide from the caller what it may not see.
 */
Datum
dcep_caller_sees(PG_FUNCTION_ARGS)
{
	int institution = dcep_wallet_institution(PG_GETARG_INT64(0));

	know_role(dcep_access_caller());
	PG_RETURN_BOOL(known.owns || is_bound_to(institution) || is_shown(institution, false));
}

/* dcep.acts_for(wallet_id): for policies. */
Datum
dcep_acts_for(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(dcep_access_acts_for(dcep_wallet_institution(PG_GETARG_INT64(0))));
}

/* dcep.caller_acts_for(institution): the same question for acting. */
Datum
dcep_caller_acts_for(PG_FUNCTION_ARGS)
{
	know_role(dcep_access_caller());
	PG_RETURN_BOOL(known.owns || is_bound_to(PG_GETARG_INT32(0)));
}

/* dcep.caller_reads_totals(): of what names no wallet, all institutions' or its own alone? */
Datum
dcep_caller_reads_totals(PG_FUNCTION_ARGS)
{
	Oid caller = dcep_access_caller();

	know_role(caller);
	PG_RETURN_BOOL(known.audits || is_member_of(caller, "dcep_supervisor"));
}
