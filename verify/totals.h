/*
 * totals.h: sums over a ledger, which no number in it can overflow.
 */
#ifndef VERIFY_TOTALS_H
#define VERIFY_TOTALS_H

#include "ledger.h"

#define TOTALS_INSTITUTIONS 10000

typedef __int128 Sum;

/* Minor units, by institution. */
typedef struct Totals
{
	Sum issued[TOTALS_INSTITUTIONS];
	Sum redeemed[TOTALS_INSTITUTIONS];
	Sum moved[TOTALS_INSTITUTIONS];	  /* what its wallets received, less what they paid */
	Sum live[TOTALS_INSTITUTIONS];	  /* what its wallets hold */
	Sum debited[TOTALS_INSTITUTIONS]; /* taken out of its reserve for issues, less what redemptions brought back */
} Totals;

/* Adds all transfers. */
extern void totals_of_journal(const Ledger *ledger, Totals *totals);
/* issued - redeemed = live coins = reserve debits, for all and for each operator; of nodes what each of them can say of that. */
extern void totals_verify(const Node *node, const Totals *totals);
/* What was issued, redeemed, and is live, as a line. */
extern void totals_say(const Ledger *ledger, const Totals *totals);

#define SUM_ROOM 44 /* digits of the longest sum, its sign and a NUL */
extern const char *sum_text(Sum sum, char out[SUM_ROOM]);

#endif
