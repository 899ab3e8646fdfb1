/*
 * rules.h: what a payment must satisfy, in the order of docs/errors.md.
 *
 * Pure decisions over facts that the caller has read under the payer's lock.
 * Supervisors' orders (control.h) are facts of a party among the others.
 */
#ifndef DCEP_RULES_H
#define DCEP_RULES_H

#include "postgres.h"

#include "config.h"
#include "control.h"
#include "own_limits.h"
#include "refusal.h"

/* What dcep.wallet.flags says of a wallet. */
#define DCEP_FLAG_NO_DEBIT 1
#define DCEP_FLAG_NO_CREDIT 2
#define DCEP_FLAG_CONTROLLED 4	  /* orders bear on this wallet */
#define DCEP_FLAG_SIGNED 8		  /* it pays on instructions alone that a device of its holder has signed (device.h) */
#define DCEP_FLAG_LIMITED 16	  /* it has limits beside those of its class */
#define DCEP_FLAG_ORGANISATION 32 /* its holder is no person: no balance cap */

/* A wallet as far as rules look at it. */
typedef struct DcepParty
{
	int64 wallet;
	bool exists;
	bool elsewhere; /* another node keeps it: nothing but its number is known here */
	bool closed;
	bool changing; /* another transaction is restricting, releasing or closing it right now */
	int class;
	int flags;
	const DcepControls *controls; /* orders that bear on it; NULL where there are none */
	const DcepLimits *limits;	  /* beside those of its class; NULL where it has none */
} DcepParty;

/* What a wallet has paid, as of the day of its last payment. */
typedef struct DcepUsage
{
	DateADT day;
	int32 day_count;
	int64 day_spent;
	int64 year_spent;
} DcepUsage;

/* What is asked for. */
typedef struct DcepOrder
{
	int kind; /* DcepKind */
	int64 payer;
	int64 payee;
	int64 amount;
} DcepOrder;

/* Do the two wallets exist, are they open, and does the order make sense between them? (LG305, 306, 304, 303) */
extern bool dcep_rules_parties(const DcepOrder *order, const DcepParty *payer, const DcepParty *payee,
							   DcepRefusal *refusal);
/* Is it an amount that can be paid? (LG304) */
extern bool dcep_rules_amount(const DcepOrder *order, DcepRefusal *refusal);
/* May this kind of transfer run between these two? (22023) */
extern bool dcep_rules_kind(const DcepConfig *config, const DcepOrder *order, const DcepParty *payer,
							const DcepParty *payee, DcepRefusal *refusal);
/*
 * A party's limits on a day, and the services of its class. They are those of its class, unless it has some of its
 * own: then they are put together in `room`.
 */
extern const DcepClass *dcep_rules_class(const DcepConfig *config, const DcepParty *party, DateADT day,
										 DcepClass *room);
/* Is what the party may hold capped? */
extern bool dcep_rules_is_capped(const DcepConfig *config, const DcepParty *party, DateADT day);
/* May the payer pay, may the payee receive? (LG201, 202) */
extern bool dcep_rules_restrictions(const DcepConfig *config, const DcepOrder *order, const DcepParty *payer,
									const DcepParty *payee, const DcepClass *payer_class, const DcepClass *payee_class,
									TimestampTz now, DcepRefusal *refusal);
/* May these two pay each other, at this time, once more today? (LG208, 209, 210) */
extern bool dcep_rules_dealings(const DcepConfig *config, const DcepParty *payer, const DcepParty *payee,
								const DcepUsage *usage, DateADT day, TimestampTz now, DcepRefusal *refusal);
/*
 * Is the order within the payer's limits, those of its class and those of
 * orders (LG203, 204, 205)? `usage` becomes what it will be after the payment.
 */
extern bool dcep_rules_limits(const DcepOrder *order, const DcepClass *limits, const DcepControls *controls,
							  DateADT day, TimestampTz now, DcepUsage *usage, DcepRefusal *refusal);
/* Does the payer keep what is held of its money? (LG207) */
extern bool dcep_rules_hold(const DcepOrder *order, int64 held, int64 balance, DcepRefusal *refusal);
/* Will the payee's balance be within its cap (LG206)? */
extern bool dcep_rules_cap(const DcepOrder *order, const DcepClass *limits, int64 balance, DcepRefusal *refusal);

/* Is there a cap to ask for? Where there is none the payee's balance need not be known. */
static inline bool
dcep_rules_cap_applies(const DcepOrder *order, const DcepClass *limits)
{
	return order->kind != DCEP_KIND_REDEEM && limits->max_balance != DCEP_NO_LIMIT;
}

/*
 * The rules one by one, in the order in which a payment is checked, for whoever
 * asks for all verdicts (explain.c). A payment asks by the functions above,
 * which stop at the first refusal; both come to the same decisions.
 */
typedef enum DcepRule
{
	DCEP_RULE_PAYER_EXISTS = 1,
	DCEP_RULE_PAYEE_EXISTS,
	DCEP_RULE_PAYER_OPEN,
	DCEP_RULE_PAYEE_OPEN,
	DCEP_RULE_AMOUNT,
	DCEP_RULE_DISTINCT,
	DCEP_RULE_DEVICE, /* the caller asks for it, who knows signatures */
	DCEP_RULE_KIND,
	DCEP_RULE_PAYER_FREE,
	DCEP_RULE_PAYER_ORDERS,
	DCEP_RULE_REDEMPTION,
	DCEP_RULE_PAYEE_FREE,
	DCEP_RULE_PAYEE_ORDERS,
	DCEP_RULE_TILL,
	DCEP_RULE_BARS,
	DCEP_RULE_WINDOWS,
	DCEP_RULE_COUNT,
	DCEP_RULE_PAYMENT, /* from here on the amount counts */
	DCEP_RULE_PAYMENT_CAP,
	DCEP_RULE_DAY,
	DCEP_RULE_DAY_CAP,
	DCEP_RULE_YEAR,
	DCEP_RULE_CAP, /* from here on balances, coins and reserves do, which the caller asks for */
	DCEP_RULE_HOLD,
	DCEP_RULE_COINS,
	DCEP_RULE_RESERVE
} DcepRule;

#define DCEP_RULE_LAST DCEP_RULE_RESERVE

/* What the rules are asked on. */
typedef struct DcepFacts
{
	const DcepConfig *config;
	const DcepOrder *order; /* of any kind but consolidations and recoveries */
	const DcepParty *payer; /* the one that is named */
	const DcepParty *till;	/* the one that pays in its stead; NULL where it pays itself */
	const DcepParty *payee;
	const DcepClass *limits; /* of the payer and of the payee; where both exist */
	const DcepClass *payee_limits;
	const DcepUsage *usage;
	DateADT day;
	TimestampTz now;
} DcepFacts;

/* Does a rule apply? One that needs a wallet that does not exist, or an amount that is none, does not. */
extern bool dcep_rules_apply(DcepRule rule, const DcepFacts *facts);
/* Asks a rule that applies, of those before DCEP_RULE_CAP but DCEP_RULE_DEVICE. */
extern bool dcep_rules_ask(DcepRule rule, const DcepFacts *facts, DcepRefusal *refusal);

#endif
