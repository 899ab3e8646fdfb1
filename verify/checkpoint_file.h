/*
 * checkpoint_file.h: a checkpoint in a file.
 */
#ifndef VERIFY_CHECKPOINT_FILE_H
#define VERIFY_CHECKPOINT_FILE_H

#include "supply.h"
#include "trust.h"

typedef struct CheckpointFile
{
	const char *path;
	DcepNote note;
	DcepCheckpoint checkpoint;
	Statement statement;
} CheckpointFile;

/* Reads a checkpoint, and verifies its signatures and its sums; false and a defect where it is not sound. */
extern bool checkpoint_file_read(const Trust *trust, const char *path, CheckpointFile *file);
/* Takes a checkpoint's text apart, sums included. NULL, or what is wrong; `*check` is then the name of the check. */
extern const char *checkpoint_parse(DcepSpan text, CheckpointFile *file, const char **check);
/* The same, and verifies its signatures. */
extern const char *checkpoint_read(const Trust *trust, DcepSpan text, CheckpointFile *file, const char **check);

#endif
