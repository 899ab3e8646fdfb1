/*
 * message.h: what a message of the registry asks a node to mint.
 */
#ifndef SIGNER_MESSAGE_H
#define SIGNER_MESSAGE_H

#include "act.h"

#include "quota.h"

typedef struct Message
{
	uint8_t hash[DCEP_HASH_LEN];
	bool returns; /* a payment of the receiver's own comes back; else a credit */
	int kind;	  /* DcepKind of the payment that was made; of a return 0 */
	int origin;	  /* whose node the payment was made on: of a return the receiver's */
	int64_t transfer;
	int64_t payer;
	int64_t payee;
	int64_t amount;
} Message;

/*
 * Reads the message and verifies that one of the registry's keys of a statement has signed it, for this receiver.
 * NULL, or what is wrong with it.
 */
extern const char *message_read(const uint8_t *bytes, size_t len, const uint8_t signature[DCEP_SIGNATURE_LEN],
								const Quota *quota, int receiver, Message *message);

/* Is the act a message of this kind? */
extern bool message_is(const DcepAct *act, const char *kind);

#endif
