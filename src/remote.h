/*
 * remote.h: asks the process dcep-signer for signatures (wire.h).
 *
 * A backend keeps one connection to each socket.  A request that is interrupted
 * or fails closes it, so that no answer is ever taken for another request's.
 * While it waits a backend can be cancelled.
 */
#ifndef DCEP_REMOTE_H
#define DCEP_REMOTE_H

#include "signer.h"

/* Has a key made; fills in the public key. */
extern void dcep_remote_make_key(const char *socket, DcepSigningKey *key);

/* Has transfers signed: the signature is over their root, which must be this one. */
extern void dcep_remote_sign_transfers(const DcepSigner *signer, DcepShown *shown, const uint8 root[DCEP_HASH_LEN],
									   uint8 signature[DCEP_SIGNATURE_LEN]);

/* Has one transfer signed that another node has paid, with the message that asks for it; the same of its root. */
extern void dcep_remote_sign_delivery(const DcepSigner *signer, DcepShown *shown, const uint8 root[DCEP_HASH_LEN],
									  uint8 signature[DCEP_SIGNATURE_LEN]);

/* Has a record signed, whose hash must be this one. */
extern void dcep_remote_sign_record(const DcepSigner *signer, const uint8 *bytes, size_t len,
									const uint8 hash[DCEP_HASH_LEN], uint8 signature[DCEP_SIGNATURE_LEN]);

/* Does somebody listen at the signer's socket? */
extern bool dcep_remote_is_there(const DcepSigner *signer);

/* How an institution stands with the process that holds its key. */
typedef struct DcepRemoteState
{
	int64 counter; /* of the process's log */
	uint8 head[DCEP_HASH_LEN];
	int64 statement; /* number of the quota in force, 0 for none */
	int64 minted;	 /* what the quota counts, and its limits */
	int64 mint_limit;
	int64 paid_out;
	int64 payout_limit;
} DcepRemoteState;

extern void dcep_remote_state(const DcepSigner *signer, int institution, DcepRemoteState *state);

#endif
