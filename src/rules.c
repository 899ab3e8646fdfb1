/*
 * rules.c: what a payment must satisfy, in the order of docs/errors.md.
 */
#include "rules.h"

#include "common/int.h"

#include "errcodes.h"

typedef char Digits[DCEP_WALLET_DIGITS + 1];

/* Refuses, naming a wallet. */
static bool
refuse_wallet(DcepRefusal *refusal, int sqlstate, const char *message, const char *role, int64 wallet)
{
	Digits digits;

	dcep_wallet_print(wallet, digits);
	dcep_refuse(refusal, sqlstate, message);
	return dcep_refusal_detail(refusal, "%s %s.", role, digits);
}

/* Existence, closure, amount, and that the payer is not the payee. */
bool
dcep_rules_parties(const DcepOrder *order, const DcepParty *payer, const DcepParty *payee, DcepRefusal *refusal)
{
	if (!payer->exists)
		return refuse_wallet(refusal, ERRCODE_DCEP_NO_SUCH_WALLET, "wallet does not exist", "Payer", order->payer);
	if (!payee->exists)
		return refuse_wallet(refusal, ERRCODE_DCEP_NO_SUCH_WALLET, "wallet does not exist", "Payee", order->payee);
	if (payer->closed)
		return refuse_wallet(refusal, ERRCODE_DCEP_WALLET_CLOSED, "wallet is closed", "Payer", order->payer);
	if (payee->closed)
		return refuse_wallet(refusal, ERRCODE_DCEP_WALLET_CLOSED, "wallet is closed", "Payee", order->payee);
	if (order->kind == DCEP_KIND_CONSOLIDATE)
		return true; /* the coins decide the amount, and a wallet pays itself */
	if (order->amount <= 0)
	{
		dcep_refuse(refusal, ERRCODE_DCEP_AMOUNT_NOT_POSITIVE, "amount must be positive");
		return dcep_refusal_detail(refusal, "The amount is " INT64_FORMAT ".", order->amount);
	}
	if (order->payer == order->payee)
		return refuse_wallet(refusal, ERRCODE_DCEP_PAYER_IS_PAYEE, "payer is the payee", "Both are", order->payer);
	return true;
}

/* Is this the vault of an operator? */
static bool
is_operator_vault(const DcepConfig *config, int64 wallet)
{
	const DcepInstitution *institution = dcep_config_institution(config, dcep_wallet_institution(wallet));

	return institution && institution->is_operator && institution->vault == wallet;
}

/* Is this the central bank's issuance vault? */
static bool
is_issuance_vault(const DcepConfig *config, int64 wallet)
{
	return dcep_config_institution(config, DCEP_CENTRAL_BANK)->vault == wallet;
}

/* Are these a vault and a customer's wallet of one institution? */
static bool
is_exchange(const DcepParty *vault, const DcepParty *customer)
{
	return vault->class == DCEP_CLASS_VAULT && customer->class != DCEP_CLASS_VAULT &&
		   dcep_wallet_institution(vault->wallet) == dcep_wallet_institution(customer->wallet);
}

/* What each kind of transfer runs between, in words; NULL where it is right. */
static const char *
wrong_for_kind(const DcepConfig *config, const DcepOrder *order, const DcepParty *payer, const DcepParty *payee)
{
	switch ((DcepKind) order->kind)
	{
		case DCEP_KIND_ISSUE:
			return is_issuance_vault(config, order->payer) && is_operator_vault(config, order->payee)
					   ? NULL
					   : "An issue runs from the central bank's vault to an operator's vault.";
		case DCEP_KIND_REDEEM:
			return is_operator_vault(config, order->payer) && is_issuance_vault(config, order->payee)
					   ? NULL
					   : "A redemption runs from an operator's vault to the central bank's vault.";
		case DCEP_KIND_EXCHANGE_IN:
			return is_exchange(payer, payee) ? NULL
											 : "An exchange_in runs from a vault to a wallet of its institution.";
		case DCEP_KIND_EXCHANGE_OUT:
			return is_exchange(payee, payer) ? NULL : "An exchange_out runs from a wallet to its institution's vault.";
		case DCEP_KIND_TRANSFER:
			return is_issuance_vault(config, order->payer) || is_issuance_vault(config, order->payee)
					   ? "The central bank's vault takes part in issues and redemptions only."
					   : NULL;
		case DCEP_KIND_CONSOLIDATE:
			return order->payer == order->payee ? NULL : "A consolidation runs from a wallet to itself.";
	}
	return "There is no such kind.";
}

/* May this kind of transfer run between these two? */
bool
dcep_rules_kind(const DcepConfig *config, const DcepOrder *order, const DcepParty *payer, const DcepParty *payee,
				DcepRefusal *refusal)
{
	const char *wrong = wrong_for_kind(config, order, payer, payee);

	if (wrong == NULL)
		return true;
	dcep_refuse(refusal, ERRCODE_INVALID_PARAMETER_VALUE, "this kind of transfer cannot run between these wallets");
	return dcep_refusal_detail(refusal, "%s", wrong);
}

/* Is the institution of a wallet suspended? */
static bool
is_suspended(const DcepConfig *config, int64 wallet)
{
	const DcepInstitution *institution = dcep_config_institution(config, dcep_wallet_institution(wallet));

	return institution == NULL || !institution->is_active;
}

/* One party's restrictions. */
static bool
check_restriction(const DcepConfig *config, const DcepParty *party, int flag, int sqlstate, const char *message,
				  const char *role, DcepRefusal *refusal)
{
	if (is_suspended(config, party->wallet))
	{
		refuse_wallet(refusal, sqlstate, message, role, party->wallet);
		return dcep_refusal_hint(refusal, "Its institution is suspended.");
	}
	if (party->changing)
	{
		refuse_wallet(refusal, sqlstate, message, role, party->wallet);
		return dcep_refusal_hint(refusal, "Its restrictions are being changed right now; try again.");
	}
	if (party->flags & flag)
	{
		refuse_wallet(refusal, sqlstate, message, role, party->wallet);
		return dcep_refusal_hint(refusal, "The central bank lifts the restriction with dcep.unfreeze().");
	}
	return true;
}

/* May the payer pay, may the payee receive? Who consolidates receives nothing. */
bool
dcep_rules_restrictions(const DcepConfig *config, const DcepParty *payer, const DcepParty *payee, DcepRefusal *refusal)
{
	return check_restriction(config, payer, DCEP_FLAG_NO_DEBIT, ERRCODE_DCEP_PAYER_BLOCKED, "payer may not pay",
							 "Payer", refusal) &&
		   (payer->wallet == payee->wallet ||
			check_restriction(config, payee, DCEP_FLAG_NO_CREDIT, ERRCODE_DCEP_PAYEE_BLOCKED, "payee may not receive",
							  "Payee", refusal));
}

/* Brings the usage to a day: sums of a past day or year count no more. The day never goes back. */
static void
roll_usage(DcepUsage *usage, DateADT day)
{
	if (usage->day >= day)
		return;
	if (dcep_config_year(usage->day) != dcep_config_year(day))
		usage->year_spent = 0;
	usage->day = day;
	usage->day_spent = 0;
	usage->day_count = 0;
}

/* Refuses for a limit, with what was asked and what is allowed. */
static bool
refuse_limit(DcepRefusal *refusal, int sqlstate, const char *message, int64 amount, int64 spent, int64 limit)
{
	dcep_refuse(refusal, sqlstate, message);
	return dcep_refusal_detail(
		refusal, "The amount is " INT64_FORMAT ", spent before " INT64_FORMAT ", the limit is " INT64_FORMAT ".",
		amount, spent, limit);
}

/* Is the order within the payer's limits? */
bool
dcep_rules_limits(const DcepOrder *order, const DcepClass *limits, DateADT day, DcepUsage *usage, DcepRefusal *refusal)
{
	DcepUsage after = *usage;

	roll_usage(&after, day);
	if (pg_add_s64_overflow(after.day_spent, order->amount, &after.day_spent) ||
		pg_add_s64_overflow(after.year_spent, order->amount, &after.year_spent))
	{
		dcep_refuse(refusal, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, "sum of payments out of range");
		return dcep_refusal_detail(refusal, "The amount is " INT64_FORMAT ".", order->amount);
	}
	after.day_count++;
	if (order->amount > limits->max_payment)
		return refuse_limit(refusal, ERRCODE_DCEP_OVER_PAYMENT_LIMIT, "amount is over the limit per payment",
							order->amount, 0, limits->max_payment);
	if (after.day_spent > limits->max_day)
		return refuse_limit(refusal, ERRCODE_DCEP_OVER_DAILY_LIMIT, "amount is over the daily limit", order->amount,
							after.day_spent - order->amount, limits->max_day);
	if (after.year_spent > limits->max_year)
		return refuse_limit(refusal, ERRCODE_DCEP_OVER_ANNUAL_LIMIT, "amount is over the annual limit", order->amount,
							after.year_spent - order->amount, limits->max_year);
	*usage = after;
	return true;
}

/* Will the payee's balance be within its cap? The payee's balance is nobody else's business: it is not shown. */
bool
dcep_rules_cap(const DcepOrder *order, const DcepClass *limits, int64 balance, DcepRefusal *refusal)
{
	if (order->amount <= limits->max_balance && balance <= limits->max_balance - order->amount)
		return true;
	return refuse_wallet(refusal, ERRCODE_DCEP_OVER_BALANCE_CAP, "payee would hold more than its class allows", "Payee",
						 order->payee);
}
