/*
 * submit.h: the lines of a payment file while dcep.submit() plays them.
 *
 * dcep.submit() runs one ordinary INSERT into dcep.transfer with the lines that
 * can be read, and hangs this beside it: a line that the rules refuse then
 * leaves its reason here and no row, instead of raising an error.
 */
#ifndef DCEP_SUBMIT_H
#define DCEP_SUBMIT_H

#include "payment.h"

typedef struct DcepLine
{
	DcepInstruction instruction;
	DcepOutcome outcome;
	DcepRefusal refusal;   /* when refused */
	DcepTransfer transfer; /* when paid or replayed; inputs are not kept */
} DcepLine;

typedef struct DcepSubmission
{
	MemoryContext context; /* of all that the lines point to */
	int line_count;
	DcepLine *line;
	int row_count; /* lines that could be read, and became rows of the INSERT */
	int row_next;
	int *row_line; /* which line a row belongs to */
} DcepSubmission;

/* The submission whose INSERT is about to begin, or NULL; the statement takes it over. */
extern DcepSubmission *dcep_submission_take(void);

/* Locks what the rows will lock, in the order of the wallets' numbers, so that two files never deadlock. */
extern void dcep_submission_lock(DcepStatement *statement, const DcepConfig *config);

/* Keeps the result of the next row. */
extern void dcep_submission_result(DcepSubmission *submission, DcepOutcome outcome, const DcepTransfer *transfer,
								   const DcepRefusal *refusal);

#endif
