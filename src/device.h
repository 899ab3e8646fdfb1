/*
 * device.h: keys of the devices that wallets' holders pay with.
 *
 * A wallet that has ever had a device key has DCEP_FLAG_SIGNED in its flags, and
 * what its holder instructs is paid only where one of its keys has signed the
 * instruction (codec.h).  The signature becomes part of the transfer: the payer
 * cannot deny it, and nobody else could have made it.
 */
#ifndef DCEP_DEVICE_H
#define DCEP_DEVICE_H

#include "postgres.h"

#include "config.h"
#include "refusal.h"
#include "rules.h"

/* Must a payment of this kind be signed, by a payer with these flags? Those that the payer's holder instructs. */
static inline bool
dcep_device_must_sign(int kind, int flags)
{
	return (flags & DCEP_FLAG_SIGNED) != 0 &&
		   (kind == DCEP_KIND_TRANSFER || kind == DCEP_KIND_EXCHANGE_OUT || kind == DCEP_KIND_TOKEN);
}

/* What of an instruction the payer's device has to have signed. */
static inline DcepContext
dcep_instruction_context(const DcepOrder *order, DcepText key, DcepText memo, DcepText token)
{
	return (DcepContext){.kind = order->kind,
						 .payer = order->payer,
						 .payee = order->payee,
						 .amount = order->amount,
						 .key = key,
						 .memo = memo,
						 .token = token};
}

/*
 * Has a key of the payer that holds at this time signed the instruction in the
 * context? Refuses with LG104 where not. `kept` becomes the signature as the journal
 * keeps it, 64 bytes, palloc'd; `signature` may be DER. The caller holds the payer's lock.
 */
extern bool dcep_device_check(const DcepConfig *config, const DcepContext *context, DcepText signature, TimestampTz at,
							  DcepText *kept, DcepRefusal *refusal);

#endif
