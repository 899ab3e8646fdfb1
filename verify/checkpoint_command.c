/*
 * checkpoint_command.c: dcep-verify checkpoint and consistency: what a log has signed.
 */
#include "checkpoint_file.h"
#include "commands.h"
#include "input.h"
#include "report.h"
#include "row.h"
#include "tree.h"

#include <inttypes.h>
#include <string.h>

/* Says what a sound checkpoint states. */
static void
say(const Trust *trust, const CheckpointFile *file)
{
	const Statement *statement = &file->statement;

	report_line("checkpoint %s: size %" PRIu64 ", %.3s issued %" PRId64 ", redeemed %" PRId64 ", outstanding %" PRId64,
				file->path, file->checkpoint.size, statement->currency, statement->all.issued, statement->all.redeemed,
				statement->all.outstanding);
	for (int i = 0; i < trust->witnesses; i++)
	{
		uint64_t time;
		bool has_signed = is_valid(dcep_note_verify_cosignature(&trust->witness[i], &file->note, &time));

		report_line("checkpoint %s: witness %s has %s", file->path, trust->witness[i].name,
					has_signed ? "cosigned it" : "not cosigned it");
	}
}

/* Verifies checkpoints. */
void
command_checkpoint(const Options *options)
{
	static CheckpointFile file;

	for (int i = 0; i < options->arguments; i++)
		if (checkpoint_file_read(&options->trust, options->argument[i], &file))
			say(&options->trust, &file);
}

/* --- consistency ---------------------------------------------------------------------- */

/* Reads a proof in hexadecimal digits, as SQL shows it. */
static bool
read_hex(DcepSpan text, DcepTreePath *path)
{
	size_t len;

	if (text.len > 0 && text.at[text.len - 1] == '\n')
		text.len--;
	if (!row_bytea((DcepText){text.at, (uint32_t) text.len}, path->hash[0], sizeof(path->hash), &len))
		return false;
	path->count = (int) (len / DCEP_HASH_LEN);
	return len % DCEP_HASH_LEN == 0;
}

/* Reads a proof: that, or a line of base64 for each hash. */
static bool
read_proof(DcepSpan text, DcepTreePath *path)
{
	DcepSpan line;

	path->count = 0;
	if (text.len > 0 && text.at[0] == '\\')
		return read_hex(text, path);
	while (dcep_note_line(&text, &line))
		if (path->count == DCEP_TREE_PATH_MAX || !dcep_base64_get(line, path->hash[path->count++], DCEP_HASH_LEN))
			return false;
	return text.len == 0;
}

/* Verifies that a log only grew. */
static const char *
find_defect(const CheckpointFile *old, const CheckpointFile *file, const DcepTreePath *path, const char **check)
{
	*check = "consistency";
	if (old->checkpoint.size > file->checkpoint.size)
		return "The old checkpoint is larger than the new one.";
	if (old->checkpoint.size == file->checkpoint.size &&
		memcmp(old->checkpoint.root, file->checkpoint.root, DCEP_HASH_LEN) != 0)
		return "Two checkpoints of one size have different roots: the log has shown two histories.";
	if (!is_valid(dcep_tree_verify_consistency(old->checkpoint.size, old->checkpoint.root, file->checkpoint.size,
											   file->checkpoint.root, path)))
		return "The proof does not show that the new log begins with the old one.";
	*check = "supply";
	return statement_follows(&old->statement, &old->checkpoint, old->note.text, &file->statement, &file->checkpoint);
}

/* Verifies that one checkpoint goes on where another one was. */
void
command_consistency(const Options *options)
{
	static CheckpointFile old;
	static CheckpointFile file;
	DcepTreePath path;
	const char *check;
	const char *wrong;
	bool is_sound = checkpoint_file_read(&options->trust, options->argument[0], &old);

	if (!checkpoint_file_read(&options->trust, options->argument[1], &file) || !is_sound)
		return;
	if (!read_proof(input_read(options->argument[2], INPUT_TEXT_MAX), &path))
	{
		report_defect("damaged", "proof %s: It is neither hexadecimal digits nor lines of base64.",
					  options->argument[2]);
		return;
	}
	wrong = find_defect(&old, &file, &path, &check);
	if (wrong != NULL)
		report_defect(check, "checkpoint %s: %s", file.path, wrong);
	else
		report_line("checkpoint %s: it goes on where %s was: from size %" PRIu64 " to %" PRIu64 ", issued %" PRId64
					" and redeemed %" PRId64 " meanwhile",
					file.path, old.path, old.checkpoint.size, file.checkpoint.size,
					file.statement.all.issued - old.statement.all.issued,
					file.statement.all.redeemed - old.statement.all.redeemed);
}
