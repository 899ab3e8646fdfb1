/*
 * allowance.c: does the central bank's statement allow it?
 */
#include "allowance.h"

#include <string.h>

/* Is the payer one of the vaults whose payouts are counted? */
bool
allowance_pays_out(const Quota *quota, const Item *item)
{
	return !item->issues && !item->burns && item->context.payee != item->context.payer &&
		   quota_has_vault(quota, item->context.payer);
}

/* Is a statement in force for this key? */
bool
allowance_statement(Case *judged)
{
	const HeldKey *key = judged->key;
	const Quota *quota = &key->institution->quota;

	if (quota->number == 0)
		return case_refuse(judged, DCEP_WIRE_OVER_QUOTA, "Institution %04d has no quota statement in force.",
						   key->institution->code);
	if (quota->key_len > 0 &&
		(quota->key_len != key->public_len || memcmp(quota->key, key->public_key, key->public_len) != 0))
		return case_refuse(judged, DCEP_WIRE_OVER_QUOTA, "Statement %lld of institution %04d is for another key.",
						   (long long) quota->number, key->institution->code);
	if (judged->now < quota->valid_from || judged->now >= quota->valid_until)
		return case_refuse(judged, DCEP_WIRE_OVER_QUOTA, "Statement %lld of institution %04d is not valid now.",
						   (long long) quota->number, key->institution->code);
	return true;
}

/* Does one of the limits allow what is asked for? */
static bool
check_limit(Case *judged, const char *what, int64_t used, int64_t more, int64_t limit)
{
	if (more == 0 || limit == QUOTA_NO_LIMIT || (used <= limit && more <= limit - used))
		return true;
	return case_refuse(judged, DCEP_WIRE_OVER_QUOTA, "Institution %04d would %s %lld more; it has %lld left of %lld.",
					   judged->key->institution->code, what, (long long) more,
					   used < limit ? (long long) (limit - used) : 0, (long long) limit);
}

/* Do the limits allow what the request mints and pays out? */
bool
allowance_check(Case *judged)
{
	Institution *institution = judged->key->institution;
	int64_t minted = 0;
	int64_t paid_out = 0;
	int64_t used_minted;
	int64_t used_paid_out;

	for (uint32_t i = 0; i < judged->count; i++)
		if (__builtin_add_overflow(minted, judged->item[i].minted, &minted) ||
			__builtin_add_overflow(paid_out, judged->item[i].paid_out, &paid_out))
			return case_refuse_malformed(judged);
	institution_used(institution, judged->now, &used_minted, &used_paid_out);
	return check_limit(judged, "mint", used_minted, minted, institution->quota.mint) &&
		   check_limit(judged, "pay out", used_paid_out, paid_out, institution->quota.payout);
}
