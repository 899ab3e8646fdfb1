/*
 * asked.h: the registry's message that asks for a payment, as dcep-signer is shown it.
 */
#ifndef DCEP_ASKED_H
#define DCEP_ASKED_H

#include "postgres.h"

#include "access/htup.h"

#include "signer.h"

/* Of a row of dcep.message; NULL where it is none. In the current context. */
extern const DcepAsked *dcep_asked_of_row(HeapTupleHeader row);

#endif
