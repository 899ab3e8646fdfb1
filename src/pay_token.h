/*
 * pay_token.h: payments to tokens.
 *
 * dcep.pay_token() inserts a row into the journal like everybody else.  What the
 * row must not say, for it passes through plans that a caller can look at, hangs
 * beside the INSERT, and the triggers take it from there: the payee and the
 * token.  They leave the outcome there, too: a refusal must not reach the payer
 * before it is known to tell nothing about the payee.
 */
#ifndef DCEP_PAY_TOKEN_H
#define DCEP_PAY_TOKEN_H

#include "payment.h"

/* A payment to a token on its way through the journal's triggers. */
typedef struct DcepTokenPayment
{
	int64 payee;
	uint8 proof[DCEP_TOKEN_PROOF_LEN]; /* the token and its salt, as the journal keeps them */
	MemoryContext context;			   /* of what the triggers leave */
	bool executed;					   /* they have left an outcome */
	DcepOutcome outcome;
	DcepTransfer transfer; /* without inputs, key and memo */
	DcepRefusal refusal;
} DcepTokenPayment;

/* The payment whose INSERT is about to begin; NULL where it is none to a token. */
extern DcepTokenPayment *dcep_token_payment_take(void);
/* Puts the payee and the token into the instruction of its row. */
extern void dcep_token_payment_complete(const DcepTokenPayment *payment, DcepInstruction *instruction);
/* Keeps the outcome. */
extern void dcep_token_payment_result(DcepTokenPayment *payment, DcepOutcome outcome, const DcepTransfer *transfer,
									  const DcepRefusal *refusal);

#endif
