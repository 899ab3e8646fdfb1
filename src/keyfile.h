/*
 * keyfile.h: files of the key directory that say how a key signs.
 *
 * One file a key in the directory of the setting dcep.key_directory, named after
 * the institution ("witness" where it is this database as one), the number and the first half of the public key's SHA-256, so
 * that several ledgers of a server, and keys whose transaction was rolled back,
 * never collide.  Its ending tells what is in it (signer.h):
 *
 *   .pem      the private key itself
 *   .p11      the pkcs11: URI of a key in a token
 *   .socket   the path of the socket of dcep-signer, which holds the key
 *
 * Before the first key of the last two kinds somebody puts a file 0002.p11 or
 * 0002.socket there, for institution 2: its keys get copies of it.
 */
#ifndef DCEP_KEYFILE_H
#define DCEP_KEYFILE_H

#include "config.h"
#include "crypto.h"
#include "signer.h"

/* The log's keys are those of institution 0, which there is not. */
#define DCEP_KEYS_OF_LOG 0
/* And those that this database has as a witness of other logs those of one beyond all others. */
#define DCEP_KEYS_OF_WITNESS 10000

/*
 * Makes a key of this institution, number and suite: writes its file, fills in the public key. A token's
 * key is there already and is taken over.
 */
extern void dcep_keyfile_create(DcepSigningKey *key, DcepSignerKind kind);

/* The kind of a key, and what it is called in SQL; false, and a file, where it has none. */
extern bool dcep_keyfile_kind(const DcepSigningKey *key, DcepSignerKind *kind);
extern const char *dcep_keyfile_kind_name(DcepSignerKind kind);

/* What signs with a key on record. An error (55000, with a hint) where it cannot be used. */
extern DcepSigner *dcep_keyfile_read(const DcepSigningKey *key);

#endif
