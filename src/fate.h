/*
 * fate.h: what became of a coin.
 *
 * Who consumed a coin is written nowhere but in the consuming row, which is in
 * the chain of the coin's owner.  A chain is read from its first row that can
 * have consumed what is asked for, only as far as needed, and once: which
 * transfer consumed what is kept in a table as long as the fates are open.
 */
#ifndef DCEP_FATE_H
#define DCEP_FATE_H

#include "journal.h"

typedef enum DcepFate
{
	DCEP_FATE_LIVE,
	DCEP_FATE_CONSUMED,
	DCEP_FATE_ELSEWHERE, /* its owner's node has it */
	DCEP_FATE_LOST		 /* neither: dcep.audit() reports it */
} DcepFate;

typedef struct DcepFates DcepFates;

/* For a registered snapshot; lives in the current memory context. */
extern DcepFates *dcep_fates_open(const DcepConfig *config, Snapshot snapshot);
extern void dcep_fates_close(DcepFates *fates);

/*
 * What became of a coin, and in `consumer` the transfer that consumed it, else 0. No row of the
 * owner's chain before `first_seq` can have consumed it: 1 where nothing is known.
 */
extern DcepFate dcep_fates_find(DcepFates *fates, int64 coin, int64 owner, int64 amount, int64 first_seq,
								int64 *consumer);

#endif
