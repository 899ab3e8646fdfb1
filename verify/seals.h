/*
 * seals.h: the log, and the checkpoints that were made of it.
 */
#ifndef VERIFY_SEALS_H
#define VERIFY_SEALS_H

#include "ledger.h"
#include "options.h"

/* The tables of the log. What has no name is not in the export. */
typedef struct Seals
{
	Table state;
	Table tiles;
	Table keys;
	Table checkpoints;
} Seals;

/*
 * Verifies that every transfer is in the log, once and as it stands in the journal, and that the
 * log was what the checkpoints say: those of the export, and those that somebody kept. Without
 * keys of the log in the options, those of the export are taken.
 */
extern void seals_verify(const Ledger *ledger, const Seals *seals, const Options *options);

#endif
