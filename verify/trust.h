/*
 * trust.h: whom whoever verifies trusts.
 */
#ifndef VERIFY_TRUST_H
#define VERIFY_TRUST_H

#include "keys.h"
#include "note.h"

#define TRUST_KEYS_MAX 64

typedef struct Trust
{
	DcepNoteKey log[TRUST_KEYS_MAX]; /* keys of one log, or of several */
	int logs;
	DcepNoteKey witness[TRUST_KEYS_MAX];
	int witnesses;
	int quorum; /* of the witnesses, how many must have cosigned */
	Keys signers;
	bool has_signers;
} Trust;

/* What is wrong with the signatures of a checkpoint; NULL where nothing is. */
extern const char *trust_checkpoint(const Trust *trust, const DcepNote *note, const DcepCheckpoint *checkpoint);
/* The key of a log of this name that signed the note; NULL where none did. */
extern const DcepNoteKey *trust_log(const Trust *trust, const DcepNote *note, DcepSpan origin);

#endif
