/*
 * signer.h: who holds a private key, and signs with it.
 *
 * Three kinds, told by the key's file in the key directory:
 *
 *   file     a PEM file; the key is in this process
 *   pkcs11   a token, such as an HSM, by way of OpenSSL; the key stays in it
 *   process  dcep-signer behind a Unix socket, which looks at what it signs
 *
 * The first two sign a hash.  The third is shown the transfers themselves, and
 * refuses what the central bank's quota does not allow.
 */
#ifndef DCEP_SIGNER_H
#define DCEP_SIGNER_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "config.h"
#include "crypto.h"

typedef enum DcepSignerKind
{
	DCEP_SIGNER_FILE,
	DCEP_SIGNER_PKCS11,
	DCEP_SIGNER_PROCESS
} DcepSignerKind;

typedef struct DcepSigner
{
	DcepSignerKind kind;
	DcepKeyPair *pair; /* NULL of a process's key */
	char *socket;	   /* of the process, malloc'd; else NULL */
	int public_len;
	uint8 public_key[DCEP_PUBLIC_KEY_MAX];
} DcepSigner;

/* Shows a coin, as its holder would: appends the signed coin of this id to the buffer. */
typedef void (*DcepShowCoin)(void *state, int64 id, StringInfo to);

/* The registry's message that asks for a transfer, which another node has paid. */
typedef struct DcepAsked
{
	const uint8 *bytes; /* what is hashed of the message */
	size_t len;
	uint8 signature[DCEP_SIGNATURE_LEN];
} DcepAsked;

/* Transfers that one signature shall cover, as a process is shown them. */
typedef struct DcepShown
{
	StringInfoData transfers;
	uint32 count;
	DcepShowCoin show; /* for coins that the process has not met yet */
	void *state;
	const DcepAsked *asked; /* the message that asks for the one transfer, which another node has paid; else NULL */
} DcepShown;

/* Memory in the current context. */
extern void dcep_shown_init(DcepShown *shown, DcepShowCoin show, void *state);
extern void dcep_shown_add(DcepShown *shown, const DcepContext *context, int64 change);
extern void dcep_shown_reset(DcepShown *shown);

/* Does the signer ask to see transfers? */
static inline bool
dcep_signer_looks(const DcepSigner *signer)
{
	return signer->kind == DCEP_SIGNER_PROCESS;
}

/*
 * Signs a root (opening.h); of a signer that looks with the transfers below it, else `shown` is not looked at.
 * LG311, LG312 where it refuses, 55000 where it is not there.
 */
extern void dcep_signer_sign_root(DcepSigner *signer, const uint8 root[DCEP_HASH_LEN], DcepShown *shown,
								  uint8 signature[DCEP_SIGNATURE_LEN]);

/* Hashes and signs a record of an institution's chain: what dcep_entry_put() or dcep_act_put() has written. */
extern void dcep_signer_sign_record(DcepSigner *signer, int suite, const uint8 *bytes, size_t len,
									uint8 hash[DCEP_HASH_LEN], uint8 signature[DCEP_SIGNATURE_LEN]);

/* Lets go of a signer; NULL is allowed. */
extern void dcep_signer_free(DcepSigner *signer);

#endif
