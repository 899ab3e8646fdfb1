/*
 * node.h: whose database was exported, and whose wallets are in it.
 *
 * A single database keeps the wallets of all institutions.  A node of an operator
 * keeps those of its own institution, whatever the export says; the registry,
 * which is the central bank's, keeps all but those that the export calls elsewhere.
 */
#ifndef VERIFY_NODE_H
#define VERIFY_NODE_H

#include "export.h"

#define CENTRAL_BANK 1
#define INSTITUTIONS 10000 /* their codes have four digits */

typedef struct Node
{
	int own;			 /* institution whose node it is: of a single database the central bank */
	bool is_one_of_many; /* there are wallets elsewhere */
	bool elsewhere[INSTITUTIONS];
	int64_t vault[INSTITUTIONS]; /* 0 where there is none, or it is not known */
} Node;

/* Reads dcep.institution, of which there may be no file: then all wallets are here. */
extern void node_read(Node *node, int own, const Table *institutions);
/* Is the database the registry of others? */
extern bool node_is_registry(const Node *node);
/* Is a wallet in this database? */
extern bool node_has(const Node *node, int64_t wallet);

#endif
