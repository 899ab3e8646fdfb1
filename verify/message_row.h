/*
 * message_row.h: the rows of dcep.message, taken apart, and what their bodies tell of payments.
 */
#ifndef VERIFY_MESSAGE_ROW_H
#define VERIFY_MESSAGE_ROW_H

#include "act.h"
#include "note.h"
#include "row.h"

#define MESSAGE_COLUMNS 12
#define MESSAGE_KIND_MAX 100 /* bytes of a kind's name */

/* What a message tells; of all kinds that are about payments across the name. */
typedef enum MessageKind
{
	MESSAGE_OTHER,
	MESSAGE_PAY,
	MESSAGE_CREDIT,
	MESSAGE_ACCEPTED,
	MESSAGE_DECLINED,
	MESSAGE_SETTLED,
	MESSAGE_RETURNED
} MessageKind;

/* A payment across, as far as a message tells of it. */
typedef struct Told
{
	int origin; /* institution whose node it was made on */
	int kind;	/* DcepKind; 0 where the message does not say it; so the others */
	int64_t transfer;
	int64_t payer;
	int64_t payee;
	int64_t amount;
	int64_t local_transfer;
} Told;

/* A row of dcep.message. Pointers in it are good as long as the row, and the next one that is read. */
typedef struct Message
{
	DcepAct act; /* its bytes: institution is the sender, id the receiver, seq the number */
	int receiver;
	int suite;
	int key_number;
	uint8_t hash[DCEP_HASH_LEN];
	uint8_t signature[DCEP_SIGNATURE_LEN];
	MessageKind kind;
	char case_no[5];
	char kind_text[MESSAGE_KIND_MAX + 9];
} Message;

/* Reads a row. NULL, or what is wrong with it. */
extern const char *message_read_row(const Row *row, Message *message);
/* Reads what it tells of a payment. False where it does not tell what one of its kind has to. */
extern bool message_read_told(const Message *message, Told *told);
/* The coin that it carries, as text; false where there is none. */
extern bool message_read_coin(const Message *message, DcepSpan *coin);
/* Does it carry this memo? */
extern bool message_has_memo(const Message *message, DcepText memo);

#endif
