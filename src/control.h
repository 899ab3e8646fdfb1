/*
 * control.h: supervisors' orders as they bear on one wallet.
 *
 * dcep.control_effect has a row for each wallet, or class of an operator's
 * wallets, and order; dcep.impose() and dcep.lift() keep it. A wallet with
 * orders of its own has DCEP_FLAG_CONTROLLED in its flags, and controlled classes
 * are part of the configuration, so that a wallet without orders costs nothing here.
 *
 * Effects begin and end by themselves: each is asked at the time of the payment.
 */
#ifndef DCEP_CONTROL_H
#define DCEP_CONTROL_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/snapshot.h"

#include "config.h"
#include "table.h"

/* Numbers of the kinds in dcep.control_effect. */
typedef enum DcepControlKind
{
	DCEP_CONTROL_NO_DEBIT = 1,
	DCEP_CONTROL_NO_CREDIT,
	DCEP_CONTROL_FREEZE,
	DCEP_CONTROL_HOLD_AMOUNT,
	DCEP_CONTROL_FREEZE_COINS,
	DCEP_CONTROL_CAP_PAYMENT,
	DCEP_CONTROL_CAP_DAY,
	DCEP_CONTROL_COUNT_DAY,
	DCEP_CONTROL_BAR_COUNTERPARTY,
	DCEP_CONTROL_TIME_WINDOW,
	DCEP_CONTROL_NO_REDEEM
} DcepControlKind;

/* One order's effect on one wallet. */
typedef struct DcepControl
{
	int kind; /* DcepControlKind */
	int supervisor;
	int64 order;
	TimestampTz valid_from;
	TimestampTz valid_until;
	int64 amount;		/* of holds and caps: minor units; of counts: payments */
	int64 counterparty; /* a wallet, of bars */
	int64 coin;			/* of frozen coins */
	int from_second;	/* of time windows: seconds of the day, ledger's time zone */
	int until_second;
} DcepControl;

typedef struct DcepControls
{
	int count;
	DcepControl *control;
} DcepControls;

/*
 * The effects on a wallet of a class, those that are not in force included; NULL
 * where there are none. They are current facts, whatever the transaction's snapshot. Palloc'd.
 */
extern DcepControls *dcep_controls_read(const DcepConfig *config, int64 wallet, int class, bool has_own);

/* Is it in force? */
extern bool dcep_control_is_in_force(const DcepControl *control, TimestampTz now);

/* The first effect of a kind that is in force; NULL where there is none. `controls` may be NULL. */
extern const DcepControl *dcep_controls_find(const DcepControls *controls, int kind, TimestampTz now);

/* The one of a kind with the smallest amount, of those in force; NULL where there is none. */
extern const DcepControl *dcep_controls_strictest(const DcepControls *controls, int kind, TimestampTz now);

/* The first that forbids the wallet to pay, or to receive; NULL where none does. */
extern const DcepControl *dcep_controls_no_debit(const DcepControls *controls, TimestampTz now);
extern const DcepControl *dcep_controls_no_credit(const DcepControls *controls, TimestampTz now);

/* What is held of a wallet's money. */
extern int64 dcep_controls_held(const DcepControls *controls, TimestampTz now);

/* Is this coin frozen? */
extern bool dcep_controls_freeze(const DcepControls *controls, int64 coin, TimestampTz now);

/* What a wallet's live coins that orders freeze are worth; `coins` is dcep.coin. */
extern int64 dcep_controls_frozen(const DcepControls *controls, DcepTable *coins, int64 wallet, TimestampTz now,
								  Snapshot snapshot);

#endif
