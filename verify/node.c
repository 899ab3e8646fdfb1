/*
 * node.c: whose database was exported, and whose wallets are in it.
 */
#include "node.h"

#define INSTITUTION_COLUMNS 3

/* Columns of institution. */
enum
{
	INSTITUTION_CODE,
	INSTITUTION_VAULT,
	INSTITUTION_IS_HERE
};

/* Reads a row. NULL, or what is wrong with it. */
static const char *
read_institution(Node *node, const Row *row)
{
	const DcepText *column = row->column;
	int64_t vault = 0;
	bool is_here = row_is(column[INSTITUTION_IS_HERE], "t");
	int code;

	if (!row_int(column[INSTITUTION_CODE], 1, INSTITUTIONS - 1, &code))
		return "The institution is not one.";
	if (!is_here && !row_is(column[INSTITUTION_IS_HERE], "f"))
		return "It does not say where its wallets are.";
	if (column[INSTITUTION_VAULT].data != NULL &&
		(!row_wallet(column[INSTITUTION_VAULT], &vault) || dcep_wallet_institution(vault) != code))
		return "Its vault is no wallet of its own.";
	if (node->own != CENTRAL_BANK ? is_here != (code == node->own) : code == CENTRAL_BANK && !is_here)
		return "Its wallets cannot be where it says.";
	node->vault[code] = vault;
	node->elsewhere[code] = !is_here;
	node->is_one_of_many |= !is_here;
	return NULL;
}

/* Reads dcep.institution. */
void
node_read(Node *node, int own, const Table *institutions)
{
	Cursor cursor = cursor_of_table(institutions);

	node->own = own;
	node->is_one_of_many = own != CENTRAL_BANK;
	for (int code = 1; own != CENTRAL_BANK && code < INSTITUTIONS; code++)
		node->elsewhere[code] = code != own;
	while (cursor_next(&cursor, INSTITUTION_COLUMNS))
	{
		const char *wrong = read_institution(node, &cursor.row);

		if (wrong != NULL)
			cursor_damaged(&cursor, wrong);
	}
	cursor_end(&cursor);
}

/* Is it the registry? */
bool
node_is_registry(const Node *node)
{
	return node->is_one_of_many && node->own == CENTRAL_BANK;
}

/* Is a wallet here? */
bool
node_has(const Node *node, int64_t wallet)
{
	return !node->elsewhere[dcep_wallet_institution(wallet)];
}
