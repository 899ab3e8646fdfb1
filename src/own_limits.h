/*
 * own_limits.h: limits that a wallet has beside those of its class.
 *
 * A sub-wallet has limits of its own, and what it was given is taken off its
 * parent's: so the sum of what a family may pay or hold is never more than its
 * class allows, and a payment looks at one wallet's rows alone, without a lock
 * on the family. dcep.wallet_limit has the rows, each from a day on; the one
 * that was decided last stands. A wallet that has any has DCEP_FLAG_LIMITED in
 * its flags, so that the others cost nothing here.
 */
#ifndef DCEP_OWN_LIMITS_H
#define DCEP_OWN_LIMITS_H

#include "postgres.h"

#include "config.h"

/* A row: limits, and what of them sub-wallets were given. */
typedef struct DcepLimit
{
	DateADT valid_from;
	TimestampTz decided_at;
	int64 max_balance; /* DCEP_NO_LIMIT where there is none */
	int64 max_payment;
	int64 max_day;
	int64 max_year;
	int64 given_balance;
	int64 given_day;
	int64 given_year;
} DcepLimit;

typedef struct DcepLimits
{
	int count;
	DcepLimit *limit;
} DcepLimits;

/* A wallet's rows; current facts, whatever the transaction's snapshot. Palloc'd. */
extern DcepLimits *dcep_limits_read(int64 wallet);

/* Makes the limits of a class those of the wallet on a day. */
extern void dcep_limits_apply(const DcepLimits *limits, DateADT day, DcepClass *class);

#endif
