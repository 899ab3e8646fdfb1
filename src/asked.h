/*
 * asked.h: the registry's message that asks for a payment, as dcep-signer is shown it.
 */
#ifndef DCEP_ASKED_H
#define DCEP_ASKED_H

#include "postgres.h"

#include "access/htup.h"

#include "codec.h"

typedef struct DcepAsked
{
	const uint8 *bytes; /* what is hashed of the message */
	size_t len;
	uint8 signature[DCEP_SIGNATURE_LEN];
} DcepAsked;

/* Of a row of dcep.message; NULL where it is none. In the current context. */
extern const DcepAsked *dcep_asked_of_row(HeapTupleHeader row);

#endif
