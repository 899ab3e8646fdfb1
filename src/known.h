/*
 * known.h: signatures that this server knows to be good.
 *
 * Before a coin is spent, everything that is stored about it is hashed anew and
 * compared; the signature over the result is the expensive part.  A signature
 * that this server has made or verified since it started need not be computed
 * again: what is remembered is a digest of key, content and signature together, so
 * that bytes which differ in any way are not found here and are verified.
 *
 * The memory is shared by all backends where the library is preloaded
 * (shared_preload_libraries = 'dcep'), else each backend has its own.
 */
#ifndef DCEP_KNOWN_H
#define DCEP_KNOWN_H

#include "postgres.h"

#include "opening.h"

/* How a signature is verified. */
typedef enum DcepEffort
{
	DCEP_ANEW,		  /* compute it, as an auditor must */
	DCEP_UNLESS_KNOWN /* compute it unless this very signature is known to be good */
} DcepEffort;

/* Defines the setting and asks for shared memory; when the library is loaded. */
extern void dcep_known_init(void);

/* The digest of a signature by a key over some content; an error where OpenSSL fails. */
extern void dcep_known_digest(const uint8 *public_key, int public_len, const void *content, size_t len,
							  const uint8 signature[DCEP_SIGNATURE_LEN], uint8 digest[DCEP_HASH_LEN]);

extern bool dcep_known_has(const uint8 digest[DCEP_HASH_LEN]);
extern void dcep_known_add(const uint8 digest[DCEP_HASH_LEN]);

#endif
