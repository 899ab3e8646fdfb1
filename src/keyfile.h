/*
 * keyfile.h: private keys as files.
 *
 * One PEM file a key in the directory of the setting dcep.key_directory, named
 * after the institution, the number and the first half of the public key's
 * SHA-256, so that several ledgers of a server, and keys whose transaction was
 * rolled back, never collide.
 */
#ifndef DCEP_KEYFILE_H
#define DCEP_KEYFILE_H

#include "config.h"
#include "crypto.h"

/* Reads the private half of a key on record. An error (55000, with a hint) where it cannot be used. */
extern DcepKeyPair *dcep_keyfile_read(const DcepSigningKey *key);

#endif
