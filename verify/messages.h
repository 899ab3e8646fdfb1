/*
 * messages.h: what nodes have told each other, line by line.
 */
#ifndef VERIFY_MESSAGES_H
#define VERIFY_MESSAGES_H

#include "ledger.h"
#include "message_row.h"

/* What is kept of a row of dcep.message, in memory that all processes share. */
typedef struct MessageRecord
{
	int sender; /* 0: the row is damaged */
	int receiver;
	int64_t number;
	MessageKind kind;
	Told told;
	uint8_t prev_hash[DCEP_HASH_LEN];
	uint8_t hash[DCEP_HASH_LEN];
	uint64_t offset; /* of its row in the file */
	bool is_sound;	 /* by itself */
	bool counts;	 /* sound, and posted by this node, or taken by it */
	bool is_placed;	 /* on a line of this node */
} MessageRecord;

/* How far a line to another node has come, as it is on record. */
typedef struct Line
{
	int peer;
	int64_t posted;
	int64_t taken;
	uint8_t posted_head[DCEP_HASH_LEN];
	uint8_t taken_head[DCEP_HASH_LEN];
} Line;

typedef struct Messages
{
	Table messages;
	Table lines;
	MessageRecord *record; /* as the rows stand in the file */
	uint32_t *order;	   /* by sender, receiver and number */
	uint32_t count;
	Line *line;
	size_t line_count;
	uint64_t waiting; /* messages that have come and were not taken */
} Messages;

/* Verifies every message by itself, and the lines. The tables are open. */
extern void messages_verify(const Ledger *ledger, Messages *messages);
/* Reads the row of a record again; ends the process where it is not as before. */
extern void messages_read(Cursor *cursor, const MessageRecord *record, Message *message);
/* Reads the lines alone. */
extern void messages_read_lines(const Node *node, Messages *messages);
/* The line to a node; NULL where there is none. */
extern const Line *messages_line(const Messages *messages, int peer);
/* A message, the first of its number; NULL where there is none. */
extern const MessageRecord *messages_find(const Messages *messages, int sender, int receiver, int64_t number);

#endif
