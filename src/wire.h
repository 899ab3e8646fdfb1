/*
 * wire.h: what the ledger and the process dcep-signer say to each other.
 *
 * Both talk over a Unix socket, one request at a time: a message is its length
 * in four bytes, its type in one, and a body (docs/format.md, "The signer's
 * protocol").  Plain C, shared by both sides.
 */
#ifndef DCEP_WIRE_H
#define DCEP_WIRE_H

#include "crypto.h"

#define DCEP_WIRE_MAX (16 * 1024 * 1024) /* bytes of a message behind its length */
#define DCEP_WIRE_HEAD_LEN 5			 /* length and type */
#define DCEP_WIRE_BATCH_MAX 1024		 /* transfers of a request */
#define DCEP_WIRE_NEED_MAX 10000		 /* coins that an answer asks for */

/* Requests. */
#define DCEP_WIRE_MAKE_KEY 'K'	/* institution, number, suite */
#define DCEP_WIRE_TRANSFERS 'T' /* key, transfers, coins that were asked for */
#define DCEP_WIRE_DELIVERY 'D'	/* key, a transfer, the registry's message that asks for it */
#define DCEP_WIRE_RECORD 'R'	/* key, what is hashed of an act or a reserve entry */
#define DCEP_WIRE_STATUS 'Q'	/* an institution */

/* Answers. */
#define DCEP_WIRE_KEY 'k'	  /* public key */
#define DCEP_WIRE_SIGNED 's'  /* what was signed, signature */
#define DCEP_WIRE_NEED 'n'	  /* ids of coins that must be shown */
#define DCEP_WIRE_STATE 'q'	  /* counter, head of the log, quota */
#define DCEP_WIRE_REFUSED 'e' /* why, a sentence */

/* Why a request was refused. */
typedef enum DcepWireRefusal
{
	DCEP_WIRE_OVER_QUOTA = 1, /* the central bank's quota does not allow it, or there is none */
	DCEP_WIRE_NOT_COVERED,	  /* what is to be signed is not what may be signed */
	DCEP_WIRE_UNKNOWN_KEY,	  /* the process does not have the key, or not the institution */
	DCEP_WIRE_MALFORMED		  /* not a request */
} DcepWireRefusal;

/* A limit of a quota that is not there. */
#define DCEP_WIRE_NO_LIMIT INT64_MAX

#endif
