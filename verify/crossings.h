/*
 * crossings.h: what is known of each payment between wallets of two nodes.
 *
 * Messages tell of it, the journal has what left and what came, dcep.crossing
 * what is on record of it.  Here all that is brought together, by payment; what
 * it has to be is for covers, answers and holdings.
 */
#ifndef VERIFY_CROSSINGS_H
#define VERIFY_CROSSINGS_H

#include "crossing_row.h"
#include "messages.h"

/* A payment across: each pointer is NULL where there is no such thing. */
typedef struct Crossing
{
	int origin; /* institution whose node it was made on, and the transfer there */
	int64_t transfer;
	const MessageRecord *pay;
	const MessageRecord *credit;
	const MessageRecord *answer; /* accepted or declined */
	const MessageRecord *end;	 /* settled or returned */
	const Record *left;			 /* the transfer that it was made by, here */
	const Record *entered;		 /* by which it was entered here, made elsewhere */
	const Record *back;			 /* by which it came back, made here */
	bool is_on_record;
	CrossingRow row;
} Crossing;

typedef struct Crossings
{
	const Ledger *ledger;
	const Messages *messages;
	Table table;
	Crossing *crossing; /* by origin and transfer */
	size_t count;
	bool has_table;
} Crossings;

/* Brings together what is known. Messages were verified; the table is open, where there is one. */
extern void crossings_collect(const Ledger *ledger, const Messages *messages, Crossings *crossings);

/* A payment; NULL where nothing is known of it. */
extern const Crossing *crossings_find(const Crossings *crossings, int origin, int64_t transfer);

/* The payment as the journal has it that it was made in, else as a message tells of it, else as it was entered; origin 0 where nothing does. */
extern Told crossing_payment(const Crossing *crossing);
/* Are payer, payee, amount and kind the same, as far as both say them? */
extern bool told_is_same(const Told *told, const Told *other);
/* A transfer, in the manner of a message about it. */
extern Told told_of_record(int origin, const Record *record);
/* The registry: does a payment of an operator's node end here? What is redeemed does, and what its own database's wallets get. */
extern bool crossing_ends_here(const Node *node, const Crossing *crossing);
/* Is a message of this kind there? */
extern bool message_is(const MessageRecord *message, MessageKind kind);

#endif
