/*
 * guess.h: payers who guess at payment tokens.
 *
 * A failure must count even though the payment's transaction rolls back, or
 * guessing would be free.  So it is recorded by another process, a background
 * worker, in a transaction of its own, while the payer waits.
 */
#ifndef DCEP_GUESS_H
#define DCEP_GUESS_H

#include "postgres.h"

#include "datatype/timestamp.h"

/* Until when this payer may not pay to tokens; a time that is past where it may. */
extern TimestampTz dcep_guess_locked_until(int64 payer);

/* Records a failure of this payer, for good. Where no process can be had for it, it waits, and says so in the log. */
extern void dcep_guess_record(int64 payer);

/* The process. */
extern PGDLLEXPORT void dcep_guess_main(Datum payer);

#endif
