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

/* Does a party exist? */
static bool
check_exists(const DcepParty *party, const char *role, DcepRefusal *refusal)
{
	return party->exists ||
		   refuse_wallet(refusal, ERRCODE_DCEP_NO_SUCH_WALLET, "wallet does not exist", role, party->wallet);
}

/* Is it open? */
static bool
check_open(const DcepParty *party, const char *role, DcepRefusal *refusal)
{
	return !party->closed ||
		   refuse_wallet(refusal, ERRCODE_DCEP_WALLET_CLOSED, "wallet is closed", role, party->wallet);
}

/* Is it an amount that can be paid? */
bool
dcep_rules_amount(const DcepOrder *order, DcepRefusal *refusal)
{
	if (order->amount > 0)
		return true;
	dcep_refuse(refusal, ERRCODE_DCEP_AMOUNT_NOT_POSITIVE, "amount must be positive");
	return dcep_refusal_detail(refusal, "The amount is " INT64_FORMAT ".", order->amount);
}

/* Is somebody else paid? */
static bool
check_distinct(const DcepOrder *order, DcepRefusal *refusal)
{
	return order->payer != order->payee ||
		   refuse_wallet(refusal, ERRCODE_DCEP_PAYER_IS_PAYEE, "payer is the payee", "Both are", order->payer);
}

/* Existence, closure, amount, and that the payer is not the payee. */
bool
dcep_rules_parties(const DcepOrder *order, const DcepParty *payer, const DcepParty *payee, DcepRefusal *refusal)
{
	if (!check_exists(payer, "Payer", refusal) || !check_exists(payee, "Payee", refusal) ||
		!check_open(payer, "Payer", refusal) || !check_open(payee, "Payee", refusal))
		return false;
	if (order->kind == DCEP_KIND_CONSOLIDATE)
		return true; /* the coins decide the amount, and a wallet pays itself */
	return dcep_rules_amount(order, refusal) && check_distinct(order, refusal);
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

/* Does another node keep one of the two, or both? */
static bool
is_across(const DcepParty *payer, const DcepParty *payee)
{
	return payer->elsewhere || payee->elsewhere;
}

/* Are these a vault and a customer's wallet of one institution? */
static bool
is_exchange(const DcepParty *vault, const DcepParty *customer)
{
	return !is_across(vault, customer) && vault->class == DCEP_CLASS_VAULT && customer->class != DCEP_CLASS_VAULT &&
		   dcep_wallet_institution(vault->wallet) == dcep_wallet_institution(customer->wallet);
}

/* What of a kind another node may have a part in, in words; NULL where it is right. */
static const char *
wrong_across(const DcepOrder *order, const DcepParty *payer, const DcepParty *payee)
{
	if (payer->elsewhere && payee->elsewhere)
		return "Neither wallet is kept in this database.";
	if (order->kind == DCEP_KIND_RETURN && !payer->elsewhere)
		return "A return brings back what was paid to a wallet that another node keeps.";
	if (is_across(payer, payee) && (order->kind == DCEP_KIND_TOKEN || order->kind == DCEP_KIND_CONSOLIDATE))
		return "This kind runs between wallets of one database.";
	return NULL;
}

/* What each kind of transfer runs between, in words; NULL where it is right. */
static const char *
wrong_for_kind(const DcepConfig *config, const DcepOrder *order, const DcepParty *payer, const DcepParty *payee)
{
	const char *wrong = wrong_across(order, payer, payee);

	if (wrong)
		return wrong;
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
		case DCEP_KIND_TOKEN:
		case DCEP_KIND_RECOVER:
			return is_issuance_vault(config, order->payer) || is_issuance_vault(config, order->payee)
					   ? "The central bank's vault takes part in issues and redemptions only."
					   : NULL;
		case DCEP_KIND_RETURN:
			/* From the central bank's vault where it is a redemption that was refused. */
			return is_issuance_vault(config, order->payee) ? "A return does not run to the central bank's vault."
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

/* Of a wallet that another node keeps: its limits and services are that node's to ask for. */
static const DcepClass unlimited = {.class = -1,
									.max_balance = DCEP_NO_LIMIT,
									.max_payment = DCEP_NO_LIMIT,
									.max_day = DCEP_NO_LIMIT,
									.max_year = DCEP_NO_LIMIT,
									.services = -1};

/* A party's limits on a day. An organisation holds what it will, unless its own limits cap it. */
const DcepClass *
dcep_rules_class(const DcepConfig *config, const DcepParty *party, DateADT day, DcepClass *room)
{
	const DcepClass *class;

	if (party->elsewhere)
		return &unlimited;
	class = dcep_config_class(config, party->class, day);
	if (party->limits == NULL && (party->flags & DCEP_FLAG_ORGANISATION) == 0)
		return class;
	*room = *class;
	if (party->flags & DCEP_FLAG_ORGANISATION)
		room->max_balance = DCEP_NO_LIMIT;
	if (party->limits)
		dcep_limits_apply(party->limits, day, room);
	return room;
}

/* Is what the party may hold capped? */
bool
dcep_rules_is_capped(const DcepConfig *config, const DcepParty *party, DateADT day)
{
	DcepClass room;

	return party->exists && dcep_rules_class(config, party, day, &room)->max_balance != DCEP_NO_LIMIT;
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

/* Refuses the payer for a supervisor's order. Its order it may know, so that it can ask. */
static bool
refuse_for_order(DcepRefusal *refusal, int sqlstate, const char *message, int64 wallet, const DcepControl *control)
{
	refuse_wallet(refusal, sqlstate, message, "Payer", wallet);
	refusal->order = control->order;
	return dcep_refusal_hint(refusal, "Order " INT64_FORMAT " of supervisor %04d forbids it; see dcep.order_status.",
							 control->order, control->supervisor);
}

/* Do supervisors' orders forbid the payer to pay? */
static bool
check_payer_orders(const DcepParty *payer, TimestampTz now, DcepRefusal *refusal)
{
	const DcepControl *found = dcep_controls_no_debit(payer->controls, now);

	return found == NULL ||
		   refuse_for_order(refusal, ERRCODE_DCEP_PAYER_BLOCKED, "payer may not pay", payer->wallet, found);
}

/* Is this a kind by which money goes back to where it came from? */
static bool
is_redemption(const DcepOrder *order)
{
	return order->kind == DCEP_KIND_EXCHANGE_OUT || order->kind == DCEP_KIND_REDEEM;
}

/* Do they forbid that? */
static bool
check_redemption(const DcepOrder *order, const DcepParty *payer, TimestampTz now, DcepRefusal *refusal)
{
	const DcepControl *found =
		is_redemption(order) ? dcep_controls_find(payer->controls, DCEP_CONTROL_NO_REDEEM, now) : NULL;

	return found == NULL ||
		   refuse_for_order(refusal, ERRCODE_DCEP_PAYER_BLOCKED, "payer may not redeem", payer->wallet, found);
}

/* What they forbid the payee. Whose order it is, is not the payer's business. */
static bool
check_payee_orders(const DcepParty *payee, TimestampTz now, DcepRefusal *refusal)
{
	if (dcep_controls_no_credit(payee->controls, now) == NULL)
		return true;
	refuse_wallet(refusal, ERRCODE_DCEP_PAYEE_BLOCKED, "payee may not receive", "Payee", payee->wallet);
	return dcep_refusal_hint(refusal, "A supervisor's order forbids it.");
}

/* The service of its class by which a payer pays; 0 where the kind asks for none. */
static int
service_of_payer(const DcepOrder *order)
{
	if (order->kind == DCEP_KIND_TRANSFER || order->kind == DCEP_KIND_TOKEN)
		return DCEP_SERVICE_PAY;
	return is_redemption(order) ? DCEP_SERVICE_REDEEM : 0;
}

/* And that by which a payee is paid. */
static int
service_of_payee(const DcepOrder *order)
{
	if (order->kind == DCEP_KIND_TRANSFER || order->kind == DCEP_KIND_TOKEN)
		return DCEP_SERVICE_RECEIVE;
	return order->kind == DCEP_KIND_EXCHANGE_IN ? DCEP_SERVICE_EXCHANGE : 0;
}

/* Does a party's class give the service? */
static bool
check_service(const DcepParty *party, const DcepClass *class, int service, int sqlstate, const char *message,
			  const char *role, DcepRefusal *refusal)
{
	if ((class->services & service) == service)
		return true;
	refuse_wallet(refusal, sqlstate, message, role, party->wallet);
	return dcep_refusal_hint(refusal, "Its class does not give this service; see dcep.wallet_class.");
}

/* May the payer pay, but for orders? */
static bool
check_payer(const DcepConfig *config, const DcepOrder *order, const DcepParty *payer, const DcepClass *class,
			DcepRefusal *refusal)
{
	return check_restriction(config, payer, DCEP_FLAG_NO_DEBIT, ERRCODE_DCEP_PAYER_BLOCKED, "payer may not pay",
							 "Payer", refusal) &&
		   check_service(payer, class, service_of_payer(order), ERRCODE_DCEP_PAYER_BLOCKED, "payer may not pay",
						 "Payer", refusal);
}

/* May the payee receive, but for orders? */
static bool
check_payee(const DcepConfig *config, const DcepOrder *order, const DcepParty *payee, const DcepClass *class,
			DcepRefusal *refusal)
{
	return check_restriction(config, payee, DCEP_FLAG_NO_CREDIT, ERRCODE_DCEP_PAYEE_BLOCKED, "payee may not receive",
							 "Payee", refusal) &&
		   check_service(payee, class, service_of_payee(order), ERRCODE_DCEP_PAYEE_BLOCKED, "payee may not receive",
						 "Payee", refusal);
}

/* May the payer pay, may the payee receive? Who consolidates receives nothing. */
bool
dcep_rules_restrictions(const DcepConfig *config, const DcepOrder *order, const DcepParty *payer,
						const DcepParty *payee, const DcepClass *payer_class, const DcepClass *payee_class,
						TimestampTz now, DcepRefusal *refusal)
{
	return check_payer(config, order, payer, payer_class, refusal) && check_payer_orders(payer, now, refusal) &&
		   check_redemption(order, payer, now, refusal) &&
		   (payer->wallet == payee->wallet ||
			(check_payee(config, order, payee, payee_class, refusal) && check_payee_orders(payee, now, refusal)));
}

/* The order that bars a wallet from dealing with another. */
static const DcepControl *
find_bar(const DcepParty *party, int64 other, TimestampTz now)
{
	for (int i = 0; party->controls && i < party->controls->count; i++)
	{
		const DcepControl *control = &party->controls->control[i];

		if (control->kind == DCEP_CONTROL_BAR_COUNTERPARTY && control->counterparty == other &&
			dcep_control_is_in_force(control, now))
			return control;
	}
	return NULL;
}

/* May these two deal with each other? */
static bool
check_bars(const DcepParty *payer, const DcepParty *payee, TimestampTz now, DcepRefusal *refusal)
{
	const DcepControl *bar = find_bar(payer, payee->wallet, now);

	if (bar)
		return refuse_for_order(refusal, ERRCODE_DCEP_COUNTERPARTY_BARRED, "counterparty is barred", payer->wallet,
								bar);
	if (find_bar(payee, payer->wallet, now) == NULL)
		return true;
	refuse_wallet(refusal, ERRCODE_DCEP_COUNTERPARTY_BARRED, "counterparty is barred", "Payee", payee->wallet);
	return dcep_refusal_hint(refusal, "A supervisor's order on the payee forbids it.");
}

/* Is a second of the day within a window? One that ends before it begins goes over midnight. */
static bool
is_within(const DcepControl *window, int second)
{
	if (window->from_second <= window->until_second)
		return window->from_second <= second && second < window->until_second;
	return window->from_second <= second || second < window->until_second;
}

/* Is this a time at which the payer may pay? It must be within every window. */
static bool
check_windows(const DcepConfig *config, const DcepParty *payer, TimestampTz now, DcepRefusal *refusal)
{
	for (int i = 0; payer->controls && i < payer->controls->count; i++)
	{
		const DcepControl *control = &payer->controls->control[i];

		if (control->kind != DCEP_CONTROL_TIME_WINDOW || !dcep_control_is_in_force(control, now) ||
			is_within(control, dcep_config_second(config, now)))
			continue;
		refuse_for_order(refusal, ERRCODE_DCEP_OUTSIDE_WINDOW, "outside the time window", payer->wallet, control);
		return dcep_refusal_detail(
			refusal, "The wallet pays from %02d:%02d:%02d to %02d:%02d:%02d, ledger's time zone.",
			control->from_second / 3600, control->from_second / 60 % 60, control->from_second % 60,
			control->until_second / 3600, control->until_second / 60 % 60, control->until_second % 60);
	}
	return true;
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

/* Refuses for a limit that an order sets; true where it sets none, or the amount is within it. */
static bool
check_cap(const DcepOrder *order, const DcepControls *controls, int kind, int64 spent, TimestampTz now, int sqlstate,
		  const char *message, DcepRefusal *refusal)
{
	const DcepControl *cap = dcep_controls_strictest(controls, kind, now);

	if (cap == NULL || spent <= cap->amount - order->amount)
		return true;
	refuse_limit(refusal, sqlstate, message, order->amount, spent, cap->amount);
	refusal->order = cap->order;
	return dcep_refusal_hint(refusal, "Order " INT64_FORMAT " of supervisor %04d sets it; see dcep.order_status.",
							 cap->order, cap->supervisor);
}

/* May the payer pay once more today? */
static bool
check_count(const DcepParty *payer, const DcepUsage *usage, DateADT day, TimestampTz now, DcepRefusal *refusal)
{
	const DcepControl *most = dcep_controls_strictest(payer->controls, DCEP_CONTROL_COUNT_DAY, now);
	DcepUsage today = *usage;

	roll_usage(&today, day);
	if (most == NULL || today.day_count < most->amount)
		return true;
	refuse_for_order(refusal, ERRCODE_DCEP_TOO_MANY_PAYMENTS, "too many payments today", payer->wallet, most);
	return dcep_refusal_detail(refusal, "The wallet has paid %d times today, the limit is " INT64_FORMAT ".",
							   today.day_count, most->amount);
}

/* May these two pay each other, at this time, once more today? */
bool
dcep_rules_dealings(const DcepConfig *config, const DcepParty *payer, const DcepParty *payee, const DcepUsage *usage,
					DateADT day, TimestampTz now, DcepRefusal *refusal)
{
	if (payer->controls == NULL && payee->controls == NULL)
		return true;
	return check_bars(payer, payee, now, refusal) && check_windows(config, payer, now, refusal) &&
		   check_count(payer, usage, day, now, refusal);
}

/* What the payer has paid, the order included. */
static bool
add_usage(const DcepOrder *order, DateADT day, DcepUsage *usage, DcepRefusal *refusal)
{
	roll_usage(usage, day);
	if (pg_add_s64_overflow(usage->day_spent, order->amount, &usage->day_spent) ||
		pg_add_s64_overflow(usage->year_spent, order->amount, &usage->year_spent))
	{
		dcep_refuse(refusal, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, "sum of payments out of range");
		return dcep_refusal_detail(refusal, "The amount is " INT64_FORMAT ".", order->amount);
	}
	usage->day_count++;
	return true;
}

/* Is it within what the payer's class may pay at once? */
static bool
check_payment(const DcepOrder *order, const DcepClass *limits, DcepRefusal *refusal)
{
	return order->amount <= limits->max_payment ||
		   refuse_limit(refusal, ERRCODE_DCEP_OVER_PAYMENT_LIMIT, "amount is over the limit per payment", order->amount,
						0, limits->max_payment);
}

/* Is it within what orders let the payer pay at once? */
static bool
check_payment_cap(const DcepOrder *order, const DcepControls *controls, TimestampTz now, DcepRefusal *refusal)
{
	return check_cap(order, controls, DCEP_CONTROL_CAP_PAYMENT, 0, now, ERRCODE_DCEP_OVER_PAYMENT_LIMIT,
					 "amount is over the limit per payment", refusal);
}

/* Is it within what the class may pay in a day? `after` has what will have been paid. */
static bool
check_day(const DcepOrder *order, const DcepClass *limits, const DcepUsage *after, DcepRefusal *refusal)
{
	return after->day_spent <= limits->max_day ||
		   refuse_limit(refusal, ERRCODE_DCEP_OVER_DAILY_LIMIT, "amount is over the daily limit", order->amount,
						after->day_spent - order->amount, limits->max_day);
}

/* Is it within what orders let the payer pay in a day? */
static bool
check_day_cap(const DcepOrder *order, const DcepControls *controls, const DcepUsage *after, TimestampTz now,
			  DcepRefusal *refusal)
{
	return check_cap(order, controls, DCEP_CONTROL_CAP_DAY, after->day_spent - order->amount, now,
					 ERRCODE_DCEP_OVER_DAILY_LIMIT, "amount is over the daily limit", refusal);
}

/* Is it within what the class may pay in a year? */
static bool
check_year(const DcepOrder *order, const DcepClass *limits, const DcepUsage *after, DcepRefusal *refusal)
{
	return after->year_spent <= limits->max_year ||
		   refuse_limit(refusal, ERRCODE_DCEP_OVER_ANNUAL_LIMIT, "amount is over the annual limit", order->amount,
						after->year_spent - order->amount, limits->max_year);
}

/* Is the order within the payer's limits? */
bool
dcep_rules_limits(const DcepOrder *order, const DcepClass *limits, const DcepControls *controls, DateADT day,
				  TimestampTz now, DcepUsage *usage, DcepRefusal *refusal)
{
	DcepUsage after = *usage;

	if (!add_usage(order, day, &after, refusal) || !check_payment(order, limits, refusal) ||
		!check_payment_cap(order, controls, now, refusal) || !check_day(order, limits, &after, refusal) ||
		!check_day_cap(order, controls, &after, now, refusal) || !check_year(order, limits, &after, refusal))
		return false;
	*usage = after;
	return true;
}

/* Does the payer keep what is held? */
bool
dcep_rules_hold(const DcepOrder *order, int64 held, int64 balance, DcepRefusal *refusal)
{
	if (held == 0 || (balance >= held && balance - held >= order->amount))
		return true;
	refuse_wallet(refusal, ERRCODE_DCEP_AMOUNT_HELD, "amount is held", "Payer", order->payer);
	dcep_refusal_detail(refusal,
						"The wallet holds " INT64_FORMAT ", of which " INT64_FORMAT
						" must stay; the payment needs " INT64_FORMAT ".",
						balance, Min(held, balance), order->amount);
	return dcep_refusal_hint(refusal, "Supervisors' orders hold it; see dcep.order_status.");
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

/* --- one by one -------------------------------------------------------------- */

/* Rules that ask for nothing but what the order says, and the parties. */
static bool
ask_parties(DcepRule rule, const DcepFacts *facts, DcepRefusal *refusal)
{
	switch (rule)
	{
		case DCEP_RULE_PAYER_EXISTS:
			return check_exists(facts->payer, "Payer", refusal);
		case DCEP_RULE_PAYEE_EXISTS:
			return check_exists(facts->payee, "Payee", refusal);
		case DCEP_RULE_PAYER_OPEN:
			return check_open(facts->payer, "Payer", refusal);
		case DCEP_RULE_PAYEE_OPEN:
			return check_open(facts->payee, "Payee", refusal);
		case DCEP_RULE_AMOUNT:
			return dcep_rules_amount(facts->order, refusal);
		case DCEP_RULE_DISTINCT:
			return check_distinct(facts->order, refusal);
		default:
			return dcep_rules_kind(facts->config, facts->order, facts->payer, facts->payee, refusal);
	}
}

/* Rules of restrictions and dealings. */
static bool
ask_restrictions(DcepRule rule, const DcepFacts *facts, DcepRefusal *refusal)
{
	switch (rule)
	{
		case DCEP_RULE_PAYER_FREE:
			return check_payer(facts->config, facts->order, facts->payer, facts->limits, refusal);
		case DCEP_RULE_PAYER_ORDERS:
			return check_payer_orders(facts->payer, facts->now, refusal);
		case DCEP_RULE_REDEMPTION:
			return check_redemption(facts->order, facts->payer, facts->now, refusal);
		case DCEP_RULE_PAYEE_FREE:
			return check_payee(facts->config, facts->order, facts->payee, facts->payee_limits, refusal);
		case DCEP_RULE_PAYEE_ORDERS:
			return check_payee_orders(facts->payee, facts->now, refusal);
		case DCEP_RULE_TILL:
			return check_payer(facts->config, facts->order, facts->till, facts->limits, refusal) &&
				   check_payer_orders(facts->till, facts->now, refusal);
		case DCEP_RULE_BARS:
			return check_bars(facts->payer, facts->payee, facts->now, refusal) &&
				   (facts->till == NULL || check_bars(facts->till, facts->payee, facts->now, refusal));
		case DCEP_RULE_WINDOWS:
			return check_windows(facts->config, facts->payer, facts->now, refusal);
		default:
			return check_count(facts->payer, facts->usage, facts->day, facts->now, refusal);
	}
}

/* Rules of limits: what will have been paid, and what may be. */
static bool
ask_limits(DcepRule rule, const DcepFacts *facts, DcepRefusal *refusal)
{
	const DcepControls *controls = facts->payer->controls;
	DcepUsage after = *facts->usage;

	if (!add_usage(facts->order, facts->day, &after, refusal))
		return false;
	switch (rule)
	{
		case DCEP_RULE_PAYMENT:
			return check_payment(facts->order, facts->limits, refusal);
		case DCEP_RULE_PAYMENT_CAP:
			return check_payment_cap(facts->order, controls, facts->now, refusal);
		case DCEP_RULE_DAY:
			return check_day(facts->order, facts->limits, &after, refusal);
		case DCEP_RULE_DAY_CAP:
			return check_day_cap(facts->order, controls, &after, facts->now, refusal);
		default:
			return check_year(facts->order, facts->limits, &after, refusal);
	}
}

/* Asks one rule. */
bool
dcep_rules_ask(DcepRule rule, const DcepFacts *facts, DcepRefusal *refusal)
{
	Assert(rule < DCEP_RULE_CAP && rule != DCEP_RULE_DEVICE);
	if (rule <= DCEP_RULE_KIND)
		return ask_parties(rule, facts, refusal);
	return rule <= DCEP_RULE_COUNT ? ask_restrictions(rule, facts, refusal) : ask_limits(rule, facts, refusal);
}

/* Does a rule apply to an order, as far as its kind and what is known decide? */
bool
dcep_rules_apply(DcepRule rule, const DcepFacts *facts)
{
	const DcepOrder *order = facts->order;

	if (rule == DCEP_RULE_PAYER_EXISTS || rule == DCEP_RULE_PAYEE_EXISTS || rule == DCEP_RULE_AMOUNT ||
		rule == DCEP_RULE_DISTINCT)
		return true;
	if (rule == DCEP_RULE_PAYER_OPEN)
		return facts->payer->exists;
	if (rule == DCEP_RULE_PAYEE_OPEN)
		return facts->payee->exists;
	if (!facts->payer->exists || !facts->payee->exists || (rule >= DCEP_RULE_PAYMENT && order->amount <= 0))
		return false;
	switch (rule)
	{
		case DCEP_RULE_REDEMPTION:
			return is_redemption(order);
		case DCEP_RULE_TILL:
			return facts->till != NULL;
		case DCEP_RULE_CAP:
			return dcep_rules_cap_applies(order, facts->payee_limits);
		case DCEP_RULE_COINS:
			return order->kind != DCEP_KIND_ISSUE;
		case DCEP_RULE_RESERVE:
			return order->kind == DCEP_KIND_ISSUE || order->kind == DCEP_KIND_REDEEM;
		default:
			return true;
	}
}
