/*
 * receipt.h: the composite type dcep.receipt.
 */
#ifndef DCEP_RECEIPT_H
#define DCEP_RECEIPT_H

#include "postgres.h"

#include "fmgr.h"

#include "journal.h"

#define DCEP_RECEIPT_COLUMNS 12

/* Descriptor of dcep.receipt, for a function that returns one. */
extern TupleDesc dcep_receipt_desc(FunctionCallInfo fcinfo);

/* Fills a receipt's columns. */
extern void dcep_receipt_fill(const DcepConfig *config, const DcepTransfer *transfer, Datum *values, bool *nulls);

/* A receipt as a composite datum. */
extern Datum dcep_receipt_make(const DcepConfig *config, TupleDesc desc, const DcepTransfer *transfer);

#endif
