/*
 * crossing_row.h: the rows of dcep.crossing, taken apart.
 */
#ifndef VERIFY_CROSSING_ROW_H
#define VERIFY_CROSSING_ROW_H

#include "message_row.h"

#define CROSSING_COLUMNS 9

typedef enum CrossingState
{
	CROSSING_PENDING,
	CROSSING_SETTLED,
	CROSSING_RETURNED
} CrossingState;

/* A row of dcep.crossing. */
typedef struct CrossingRow
{
	Told told;
	CrossingState state;
	bool waits; /* for its message to be posted */
} CrossingRow;

/* Reads a row. NULL, or what is wrong with it. */
extern const char *crossing_read(const Row *row, CrossingRow *crossing);
/* "pending", "settled" or "returned". */
extern const char *crossing_state_name(CrossingState state);

#endif
