/*
 * receipt.h: the composite type dcep.receipt.
 */
#ifndef DCEP_RECEIPT_H
#define DCEP_RECEIPT_H

#include "postgres.h"

#include "fmgr.h"

#include "journal.h"

#define DCEP_RECEIPT_COLUMNS 15

/* Descriptor of dcep.receipt, for a function that returns one. */
extern TupleDesc dcep_receipt_desc(FunctionCallInfo fcinfo);

/* May the current role have the receipt: does it see a party? Of a payment to a token, the payer. */
extern bool dcep_receipt_allowed(const DcepContext *context);

/* A receipt as a composite datum. The journal serves the batch of a transfer that was not signed alone. */
extern Datum dcep_receipt_make(const DcepConfig *config, DcepJournal *journal, TupleDesc desc,
							   const DcepTransfer *transfer);

#endif
