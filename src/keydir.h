/*
 * keydir.h: files of the key directory, which nobody but the server's user may read or replace.
 */
#ifndef DCEP_KEYDIR_H
#define DCEP_KEYDIR_H

#include "postgres.h"

#include "codec.h"

/* The setting dcep.key_directory. */
extern char *dcep_key_directory;

/* Path of a file in it, palloc'd. */
extern char *dcep_keydir_path(const char *name);

/* The first half of a digest in hexadecimal, palloc'd: what tells files of several ledgers apart. */
extern char *dcep_keydir_digits(const uint8 digest[DCEP_HASH_LEN]);

/*
 * Reads up to `size` bytes of a file and returns their number; -1 where it cannot be
 * used, with the reason in `why` (a sentence without its full stop). The caller wipes `to`.
 */
extern ssize_t dcep_keydir_read(const char *path, void *to, size_t size, const char **why);

/* Writes a new file, durably; never over another. Wipes `data`, even where it raises an error. */
extern void dcep_keydir_write(const char *path, void *data, size_t len);

#endif
