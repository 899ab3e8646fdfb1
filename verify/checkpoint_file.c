/*
 * checkpoint_file.c: a checkpoint in a file.
 */
#include "checkpoint_file.h"

#include "input.h"
#include "report.h"

/* Takes a checkpoint apart. */
const char *
checkpoint_parse(DcepSpan text, CheckpointFile *file, const char **check)
{
	const char *wrong = dcep_note_parse(text.at, text.len, &file->note);

	*check = "damaged";
	if (wrong == NULL)
		wrong = dcep_checkpoint_parse(&file->note, &file->checkpoint);
	if (wrong != NULL)
		return wrong;
	*check = "supply";
	return statement_parse(&file->checkpoint, &file->statement);
}

/* Takes a checkpoint apart and verifies its signatures. */
const char *
checkpoint_read(const Trust *trust, DcepSpan text, CheckpointFile *file, const char **check)
{
	const char *wrong = checkpoint_parse(text, file, check);

	if (wrong != NULL)
		return wrong;
	*check = "signature";
	return trust_checkpoint(trust, &file->note, &file->checkpoint);
}

/* Reads a checkpoint from a file. */
bool
checkpoint_file_read(const Trust *trust, const char *path, CheckpointFile *file)
{
	const char *check;
	const char *wrong = checkpoint_read(trust, input_read(path, DCEP_NOTE_MAX), file, &check);

	file->path = path;
	if (wrong != NULL)
		report_defect(check, "checkpoint %s: %s", path, wrong);
	return wrong == NULL;
}
