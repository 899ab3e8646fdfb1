/*
 * trust.c: whom whoever verifies trusts.
 */
#include "trust.h"

/* The key that signed a note. */
const DcepNoteKey *
trust_log(const Trust *trust, const DcepNote *note, DcepSpan origin)
{
	for (int i = 0; i < trust->logs; i++)
		if (dcep_span_is(origin, trust->log[i].name) && is_valid(dcep_note_verify(&trust->log[i], note)))
			return &trust->log[i];
	return NULL;
}

/* What is wrong with the signatures of a checkpoint. */
const char *
trust_checkpoint(const Trust *trust, const DcepNote *note, const DcepCheckpoint *checkpoint)
{
	int cosigned;

	if (trust_log(trust, note, checkpoint->origin) == NULL)
		return "It is not signed by a key of the log.";
	if (trust->quorum == 0)
		return NULL;
	cosigned = dcep_note_count_witnesses(trust->witness, trust->witnesses, note);
	require_crypto(cosigned >= 0);
	return cosigned >= trust->quorum ? NULL : "Too few of the witnesses have cosigned it.";
}
