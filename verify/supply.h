/*
 * supply.h: what a checkpoint of dcep says beyond size and root.
 */
#ifndef VERIFY_SUPPLY_H
#define VERIFY_SUPPLY_H

#include "note.h"

#define STATEMENT_OPERATORS_MAX 9999

/* Minor units. */
typedef struct Supply
{
	int institution; /* 0: of all */
	int64_t issued;
	int64_t redeemed;
	int64_t outstanding;
} Supply;

typedef struct Statement
{
	uint64_t previous; /* size of the checkpoint before */
	uint8_t previous_hash[DCEP_HASH_LEN];
	int64_t time; /* microseconds since 1970-01-01 UTC */
	char currency[DCEP_CURRENCY_LEN];
	int exponent;
	Supply all;
	int count;
	Supply operator_of[STATEMENT_OPERATORS_MAX];
} Statement;

/*
 * Reads the lines behind a checkpoint's root, and adds them up: outstanding is issued
 * less redeemed, and the operators make up the whole. NULL, or what is wrong.
 */
extern const char *statement_parse(const DcepCheckpoint *checkpoint, Statement *statement);
/* The sums of an operator; zeros where there are none. */
extern Supply statement_of(const Statement *statement, int institution);
/* SHA-256 of a note's text, which the next checkpoint names; ends the process where OpenSSL fails. */
extern void statement_hash(DcepSpan text, uint8_t hash[DCEP_HASH_LEN]);
/* What is wrong with a checkpoint as a later one than another, from what both say; NULL where nothing is. */
extern const char *statement_follows(const Statement *old, const DcepCheckpoint *old_checkpoint, DcepSpan old_text,
									 const Statement *statement, const DcepCheckpoint *checkpoint);

#endif
