/*
 * pseudonym.h: what stands in a wallet's place in a payment to a token.
 *
 * Neither side learns the other.  Each sees a number in a wallet number's form,
 * of institution 0000, which no wallet has: a keyed hash of the transfer and the
 * side, the same each time the payment is shown and another for every payment.
 */
#ifndef DCEP_PSEUDONYM_H
#define DCEP_PSEUDONYM_H

#include "postgres.h"

typedef enum DcepSide
{
	DCEP_SIDE_PAYER = 0,
	DCEP_SIDE_PAYEE = 1
} DcepSide;

/* The pseudonym of one side of a transfer. */
extern int64 dcep_pseudonym(int64 transfer, DcepSide side);

#endif
