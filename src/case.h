/*
 * case.h: the case that a session of a supervisor, or of the central bank, has open.
 *
 * What is sensitive is shown to them only within a case, and a case is opened
 * by an act on record (dcep.open_case()). It begins to show once that
 * transaction has committed: nobody reads, rolls the record back, and was never there.
 */
#ifndef DCEP_CASE_H
#define DCEP_CASE_H

#include "postgres.h"

/* Defines the setting that carries the case to the processes of a parallel query. */
extern void dcep_case_init(void);

/* Is a case open, and its opening committed? */
extern bool dcep_case_is_open(void);

#endif
