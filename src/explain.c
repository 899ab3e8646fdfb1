/*
 * explain.c: dcep.explain_transfer(), what a payment would be told, without paying.
 *
 * Every rule that applies is asked on its own, in the order of a payment; the
 * decisions are those of rules.c, spend.c and reserve.c, which a payment asks
 * too, so that the first refusal here is the one that the payment meets.
 *
 * Nothing is locked and nothing written: what is said holds for the facts as
 * they are committed now, and a payment a moment later may find others.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "access.h"
#include "argument.h"
#include "device.h"
#include "errcodes.h"
#include "reserve.h"
#include "spend.h"
#include "till.h"
#include "types.h"

PG_FUNCTION_INFO_V1(dcep_explain_transfer);

/* What the rules are called, and what a refusal by them is raised with. */
static const struct
{
	const char *text;
	int sqlstate;
} rules[DCEP_RULE_LAST + 1] = {
	[DCEP_RULE_PAYER_EXISTS] = {"the payer exists", ERRCODE_DCEP_NO_SUCH_WALLET},
	[DCEP_RULE_PAYEE_EXISTS] = {"the payee exists", ERRCODE_DCEP_NO_SUCH_WALLET},
	[DCEP_RULE_PAYER_OPEN] = {"the payer is open", ERRCODE_DCEP_WALLET_CLOSED},
	[DCEP_RULE_PAYEE_OPEN] = {"the payee is open", ERRCODE_DCEP_WALLET_CLOSED},
	[DCEP_RULE_AMOUNT] = {"the amount is positive", ERRCODE_DCEP_AMOUNT_NOT_POSITIVE},
	[DCEP_RULE_DISTINCT] = {"the payer is not the payee", ERRCODE_DCEP_PAYER_IS_PAYEE},
	[DCEP_RULE_DEVICE] = {"the payer's device has signed the instruction", ERRCODE_DCEP_NOT_SIGNED_BY_DEVICE},
	[DCEP_RULE_KIND] = {"this kind runs between these wallets", ERRCODE_INVALID_PARAMETER_VALUE},
	[DCEP_RULE_PAYER_FREE] = {"the payer may pay", ERRCODE_DCEP_PAYER_BLOCKED},
	[DCEP_RULE_PAYER_ORDERS] = {"no order forbids the payer to pay", ERRCODE_DCEP_PAYER_BLOCKED},
	[DCEP_RULE_REDEMPTION] = {"no order forbids the payer to redeem", ERRCODE_DCEP_PAYER_BLOCKED},
	[DCEP_RULE_PAYEE_FREE] = {"the payee may receive", ERRCODE_DCEP_PAYEE_BLOCKED},
	[DCEP_RULE_PAYEE_ORDERS] = {"no order forbids the payee to receive", ERRCODE_DCEP_PAYEE_BLOCKED},
	[DCEP_RULE_TILL] = {"the till that pays for the vault may pay", ERRCODE_DCEP_PAYER_BLOCKED},
	[DCEP_RULE_BARS] = {"no order bars the two from each other", ERRCODE_DCEP_COUNTERPARTY_BARRED},
	[DCEP_RULE_WINDOWS] = {"within the time windows of orders", ERRCODE_DCEP_OUTSIDE_WINDOW},
	[DCEP_RULE_COUNT] = {"within the payments a day of orders", ERRCODE_DCEP_TOO_MANY_PAYMENTS},
	[DCEP_RULE_PAYMENT] = {"within the class's limit per payment", ERRCODE_DCEP_OVER_PAYMENT_LIMIT},
	[DCEP_RULE_PAYMENT_CAP] = {"within the limit per payment of orders", ERRCODE_DCEP_OVER_PAYMENT_LIMIT},
	[DCEP_RULE_DAY] = {"within the class's daily limit", ERRCODE_DCEP_OVER_DAILY_LIMIT},
	[DCEP_RULE_DAY_CAP] = {"within the daily limit of orders", ERRCODE_DCEP_OVER_DAILY_LIMIT},
	[DCEP_RULE_YEAR] = {"within the class's annual limit", ERRCODE_DCEP_OVER_ANNUAL_LIMIT},
	[DCEP_RULE_CAP] = {"within what the payee's class may hold", ERRCODE_DCEP_OVER_BALANCE_CAP},
	[DCEP_RULE_HOLD] = {"what orders hold stays", ERRCODE_DCEP_AMOUNT_HELD},
	[DCEP_RULE_COINS] = {"the coins suffice and verify", ERRCODE_DCEP_INSUFFICIENT_FUNDS},
	[DCEP_RULE_RESERVE] = {"the reserve covers it", ERRCODE_DCEP_RESERVE_TOO_SMALL},
};

/* Columns of the result. */
enum
{
	EXPLAIN_POSITION,
	EXPLAIN_RULE,
	EXPLAIN_SQLSTATE,
	EXPLAIN_VERDICT,
	EXPLAIN_MESSAGE,
	EXPLAIN_DETAIL,
	EXPLAIN_HINT,
	EXPLAIN_COLUMNS
};

/* A question that is being answered. */
typedef struct Explanation
{
	const DcepConfig *config;
	DcepOrder order;
	DcepText key; /* with memo and signature: what the payer's device has signed, or absent */
	DcepText memo;
	DcepText device_signature;
	DcepFacts facts;
	DcepStatement looking; /* its tables alone, open for reading */
	Snapshot snapshot;
	DcepPurse *payer; /* the one that would pay */
	DcepPurse *payee;
	DcepClass own[2]; /* room for limits that are not their class's */
	bool refused;	  /* by a rule that was asked before */
	bool acts;		  /* the caller acts for the payer */
} Explanation;

/* Opens what is looked at. */
static void
open_tables(Explanation *explanation)
{
	dcep_purses_open(&explanation->looking.purses, CurrentMemoryContext, NULL);
	dcep_journal_open(&explanation->looking.journal, false);
	explanation->snapshot = dcep_purses_snapshot(&explanation->looking.purses);
}

/* Closes it. */
static void
close_tables(Explanation *explanation)
{
	UnregisterSnapshot(explanation->snapshot);
	dcep_journal_close(&explanation->looking.journal);
	dcep_purses_forget(&explanation->looking.purses);
	dcep_purses_close(&explanation->looking.purses);
}

/* The purse that would pay: a till in the vault's stead, where there are any and one may. */
static DcepPurse *
foresee_payer(Explanation *explanation, DcepPurse *named)
{
	const DcepInstitution *tills = dcep_till_owner(explanation->config, explanation->order.payer);
	DcepPurse *till;

	if (tills == NULL || !named->party.exists || !explanation->payee->party.exists ||
		!dcep_till_may_pay(explanation->config, tills, &explanation->order, explanation->facts.day))
		return named;
	till = dcep_till_foresee(&explanation->looking, tills, explanation->order.amount, explanation->snapshot);
	if (till != named)
		dcep_purse_look(&explanation->looking.purses, till, explanation->snapshot);
	return till;
}

/* The limits of a party; NULL where there is no such party. */
static const DcepClass *
limits_of(const Explanation *explanation, const DcepParty *party, DcepClass *room)
{
	return party->exists ? dcep_rules_class(explanation->config, party, explanation->facts.day, room) : NULL;
}

/* Gathers the facts, as a payment does under its locks. */
static void
gather_facts(Explanation *explanation)
{
	DcepPurses *purses = &explanation->looking.purses;
	DcepPurse *named = dcep_purse_of(purses, explanation->order.payer);
	DcepFacts *facts = &explanation->facts;

	explanation->payee = dcep_purse_of(purses, explanation->order.payee);
	dcep_purse_look(purses, named, explanation->snapshot);
	if (explanation->payee != named)
		dcep_purse_look(purses, explanation->payee, explanation->snapshot);
	facts->config = explanation->config;
	facts->order = &explanation->order;
	facts->now = GetCurrentTimestamp();
	facts->day = dcep_config_day(explanation->config, facts->now);
	explanation->payer = foresee_payer(explanation, named);
	facts->day = Max(facts->day, explanation->payer->usage.day);
	facts->payer = &named->party;
	facts->payee = &explanation->payee->party;
	facts->till = explanation->payer == named ? NULL : &explanation->payer->party;
	facts->usage = &explanation->payer->usage;
	facts->limits = limits_of(explanation, facts->payer, &explanation->own[0]);
	facts->payee_limits = limits_of(explanation, facts->payee, &explanation->own[1]);
}

/* Do the payer's coins cover the amount, and verify? */
static bool
ask_coins(Explanation *explanation, DcepRefusal *refusal)
{
	DcepSpend spend;

	return dcep_spend_select(&explanation->looking, explanation->config, explanation->payer, explanation->order.amount,
							 explanation->facts.now, explanation->snapshot, &spend, refusal);
}

/* Does the reserve cover an issue; does it take a redemption? */
static bool
ask_reserve(const Explanation *explanation, DcepRefusal *refusal)
{
	const DcepOrder *order = &explanation->order;

	return order->kind == DCEP_KIND_ISSUE
			   ? dcep_reserve_foresee(dcep_wallet_institution(order->payee), -order->amount, refusal)
			   : dcep_reserve_foresee(dcep_wallet_institution(order->payer), order->amount, refusal);
}

/* Must the payer's device have signed? A signature that is given is looked at in any case. */
static bool
asks_device(const Explanation *explanation)
{
	return explanation->device_signature.data != NULL ||
		   dcep_device_must_sign(explanation->order.kind, explanation->facts.payer->flags);
}

/* Has it signed? */
static bool
ask_device(const Explanation *explanation, DcepRefusal *refusal)
{
	const DcepContext context =
		dcep_instruction_context(&explanation->order, explanation->key, explanation->memo, (DcepText){NULL, 0});
	DcepText kept;

	return dcep_device_check(explanation->config, &context, explanation->device_signature, explanation->facts.now,
							 &kept, refusal);
}

/* Does a rule apply? */
static bool
applies(const Explanation *explanation, DcepRule rule)
{
	return dcep_rules_apply(rule, &explanation->facts) && (rule != DCEP_RULE_DEVICE || asks_device(explanation));
}

/* Asks a rule. */
static bool
ask(Explanation *explanation, DcepRule rule, DcepRefusal *refusal)
{
	switch (rule)
	{
		case DCEP_RULE_DEVICE:
			return ask_device(explanation, refusal);
		case DCEP_RULE_CAP:
			return dcep_rules_cap(
				&explanation->order, explanation->facts.payee_limits,
				dcep_purse_balance(&explanation->looking.purses, explanation->payee, explanation->snapshot), refusal);
		case DCEP_RULE_HOLD:
			return dcep_spend_keeps_hold(&explanation->looking, &explanation->order, explanation->payer,
										 explanation->facts.now, explanation->snapshot, refusal);
		case DCEP_RULE_COINS:
			return ask_coins(explanation, refusal);
		case DCEP_RULE_RESERVE:
			return ask_reserve(explanation, refusal);
		default:
			return dcep_rules_ask(rule, &explanation->facts, refusal);
	}
}

/*
 * May the caller have this answer?  What the payee's class lets it hold yields
 * its balance to whoever tries enough amounts: of that no more is said than a payment would say.
 */
static bool
may_tell(const Explanation *explanation, DcepRule rule)
{
	return rule != DCEP_RULE_CAP || !explanation->refused ||
		   dcep_access_sees_payments(dcep_wallet_institution(explanation->order.payee));
}

/* Adds a rule's row. Hints are the way out for who pays, and name other supervisors' orders. */
static void
put_row(Explanation *explanation, ReturnSetInfo *result, DcepRule rule)
{
	DcepRefusal refusal = {0};
	bool pass = ask(explanation, rule, &refusal);
	Datum values[EXPLAIN_COLUMNS] = {0};
	bool nulls[EXPLAIN_COLUMNS] = {false};

	if (!explanation->acts)
		refusal.hint = NULL;
	values[EXPLAIN_POSITION] = Int32GetDatum(rule);
	values[EXPLAIN_RULE] = CStringGetTextDatum(rules[rule].text);
	values[EXPLAIN_SQLSTATE] = CStringGetTextDatum(unpack_sql_state(pass ? rules[rule].sqlstate : refusal.sqlstate));
	values[EXPLAIN_VERDICT] = CStringGetTextDatum(pass ? "pass" : "refuse");
	dcep_refusal_texts(&refusal, &values[EXPLAIN_MESSAGE], &nulls[EXPLAIN_MESSAGE]);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	explanation->refused |= !pass;
}

/* Refuses a caller that may neither pay from the wallet nor see what it pays. */
static void
check_rights(Explanation *explanation)
{
	int institution = dcep_wallet_institution(explanation->order.payer);
	char digits[DCEP_WALLET_DIGITS + 1];

	explanation->acts = dcep_access_acts_for(institution);
	if (explanation->acts || dcep_access_sees_payments(institution))
		return;
	dcep_wallet_print(explanation->order.payer, digits);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied to explain payments from this wallet"),
			 errdetail("Payer %s belongs to another institution.", digits),
			 errhint("The institution that a role is bound to decides; a supervisor and the central bank need "
					 "a case that shows them the wallet's transfers.")));
}

/* Refuses kinds that are not asked for by an amount, or are not for rules to stop. */
static void
check_kind(int kind)
{
	if (kind == DCEP_KIND_CONSOLIDATE || kind == DCEP_KIND_RECOVER)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("this kind of transfer is not explained"),
						errdetail("No limit stands against consolidations and recoveries.")));
	if (kind == DCEP_KIND_TOKEN)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("this kind of transfer is not explained"),
						errdetail("Who pays to a token does not know the payee.")));
}

/* dcep.explain_transfer(payer, payee, amount, kind, key, memo, device_signature) → a row a rule */
Datum
dcep_explain_transfer(PG_FUNCTION_ARGS)
{
	Explanation explanation = {.config = dcep_config_required(),
							   .key = DCEP_OPTIONAL_TEXT(4),
							   .memo = DCEP_OPTIONAL_TEXT(5),
							   .device_signature = DCEP_OPTIONAL_TEXT(6)};

	dcep_require_arguments(fcinfo, 0, 4, "payer, payee, amount and kind");
	explanation.order = (DcepOrder){.kind = dcep_config_kind(explanation.config, PG_GETARG_OID(3)),
									.payer = PG_GETARG_WALLET_ID(0),
									.payee = PG_GETARG_WALLET_ID(1),
									.amount = PG_GETARG_INT64(2)};
	check_rights(&explanation);
	check_kind(explanation.order.kind);
	InitMaterializedSRF(fcinfo, 0);
	open_tables(&explanation);
	gather_facts(&explanation);
	for (DcepRule rule = DCEP_RULE_PAYER_EXISTS; rule <= DCEP_RULE_LAST; rule++)
		if (applies(&explanation, rule) && may_tell(&explanation, rule))
			put_row(&explanation, (ReturnSetInfo *) fcinfo->resultinfo, rule);
	close_tables(&explanation);
	return (Datum) 0;
}
