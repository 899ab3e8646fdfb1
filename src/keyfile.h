/*
 * keyfile.h: private keys as files.
 *
 * One PEM file a key in the directory of the setting dcep.key_directory, named
 * after the institution ("witness" where it is this database as one), the number and the first half of the public key's
 * SHA-256, so that several ledgers of a server, and keys whose transaction was
 * rolled back, never collide.
 */
#ifndef DCEP_KEYFILE_H
#define DCEP_KEYFILE_H

#include "config.h"
#include "crypto.h"

/* The log's keys are those of institution 0, which there is not. */
#define DCEP_KEYS_OF_LOG 0
/* And those that this database has as a witness of other logs those of one beyond all others. */
#define DCEP_KEYS_OF_WITNESS 10000

/* Makes a key of this institution, number and suite: writes its file, fills in the public key. */
extern void dcep_keyfile_create(DcepSigningKey *key);

/* Reads the private half of a key on record. An error (55000, with a hint) where it cannot be used. */
extern DcepKeyPair *dcep_keyfile_read(const DcepSigningKey *key);

#endif
