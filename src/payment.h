/*
 * payment.h: executes one instruction.
 */
#ifndef DCEP_PAYMENT_H
#define DCEP_PAYMENT_H

#include "statement.h"

#define DCEP_KEY_MAX 200   /* bytes of an idempotency key */
#define DCEP_MEMO_MAX 1000 /* bytes of a memo */

/* What a caller asks for. */
typedef struct DcepInstruction
{
	DcepOrder order;
	DcepText key;
	DcepText memo;
	DcepText token;			   /* of a payment to a token, as in DcepContext; else absent */
	DcepText device_signature; /* of the payer's device, or absent */
} DcepInstruction;

typedef enum DcepOutcome
{
	DCEP_PAID,	   /* executed: the transfer must now enter the journal */
	DCEP_NOTHING,  /* a consolidation that finds nothing to do, or passes over a wallet that is locked */
	DCEP_REPLAYED, /* the same instruction was executed before: the transfer is that one */
	DCEP_REFUSED   /* nothing was changed */
} DcepOutcome;

/*
 * Executes an instruction in the current statement. The transfer's pointers
 * are good as long as the instruction's and the current memory context.
 */
extern DcepOutcome dcep_payment_execute(DcepStatement *statement, const DcepConfig *config,
										const DcepInstruction *instruction, DcepTransfer *transfer,
										DcepRefusal *refusal);

/* Refuses a key that stands for another transfer (LG302). */
extern bool dcep_payment_refuse_key(DcepText key, int64 transfer, DcepRefusal *refusal);
/* An error (55000): a row was dropped before it could be executed. */
extern _Noreturn void dcep_payment_raise_dropped(void);

#endif
