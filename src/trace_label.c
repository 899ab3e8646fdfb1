/*
 * trace_label.c: what stands in the pictures of a trace.
 */
#include "trace_graph.h"

/* An amount in the currency's units. */
char *
dcep_graph_amount(const DcepGraph *graph, int64 amount)
{
	char digits[32];
	int decimals = graph->config->exponent;
	int len = snprintf(digits, sizeof(digits), "%0*" INT64_MODIFIER "d", decimals + 1, amount);
	int whole = len - decimals;
	StringInfoData out;

	initStringInfo(&out);
	for (int i = 0; i < whole; i++)
	{
		appendStringInfoChar(&out, digits[i]);
		if (i + 1 < whole && (whole - i - 1) % 3 == 0)
			appendStringInfoChar(&out, ',');
	}
	if (decimals > 0)
		appendStringInfo(&out, ".%s", &digits[whole]);
	return out.data;
}

/* Who a node is. */
char *
dcep_graph_owner(const DcepGraphNode *node)
{
	char digits[DCEP_WALLET_DIGITS + 1];

	if (node->wallets > 1)
		return psprintf("%d more", node->wallets);
	if (node->wallet == 0)
		return psprintf("a wallet of %04d", node->institution);
	dcep_wallet_print(node->wallet, digits);
	return psprintf("%.4s %.4s %.4s %.4s", &digits[0], &digits[4], &digits[8], &digits[12]);
}

/* Adds a part of a list. */
static void
add_part(StringInfo out, const DcepGraph *graph, const char *what, int64 amount)
{
	if (amount == 0)
		return;
	appendStringInfo(out, "%s%s %s", out->len ? ", " : "", what, dcep_graph_amount(graph, amount));
}

/* What is there now. */
char *
dcep_graph_rest(const DcepGraph *graph, const DcepGraphNode *node)
{
	StringInfoData out;

	initStringInfo(&out);
	add_part(&out, graph, "holds", node->live);
	add_part(&out, graph, "redeemed", node->redeemed);
	add_part(&out, graph, "not followed", node->cut);
	if (node->is_issue && !graph->trace->is_forward)
		add_part(&out, graph, "issued", node->value);
	return out.data;
}

/* What an edge is. */
char *
dcep_graph_movement(const DcepGraph *graph, const DcepGraphEdge *edge)
{
	char *amount = dcep_graph_amount(graph, edge->value);

	if (edge->transfers == 1)
		return psprintf("%s by transfer " INT64_FORMAT, amount, edge->transfer);
	return psprintf("%s by %d transfers, the first " INT64_FORMAT, amount, edge->transfers, edge->transfer);
}

/* What the whole picture shows. */
char *
dcep_graph_title(const DcepGraph *graph)
{
	const DcepTracedCoin *first = &graph->trace->coin[0];
	char *amount = psprintf("%.3s %s", graph->config->currency, dcep_graph_amount(graph, first->amount));
	const char *coin = first->id % 2 == 0 ? "" : "the change of ";

	if (graph->trace->is_forward)
		return psprintf("Where %s of %stransfer " INT64_FORMAT " went (%s)", amount, coin, first->id / 2,
						dcep_trace_method_name(graph->trace->method));
	return psprintf("Where %s of %stransfer " INT64_FORMAT " came from", amount, coin, first->id / 2);
}

/* How much of a node's coins is tainted. */
int
dcep_graph_shade(const DcepGraph *graph, const DcepGraphNode *node)
{
	if (!graph->trace->is_forward || node->amount == 0)
		return 0;
	return Min(5, 1 + (int) (5 * ((double) node->value / (double) node->amount)));
}
