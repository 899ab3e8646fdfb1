/*
 * graph.h: who paid whom, as a graph that is searched in memory.
 *
 * Wallets are counted 0, 1, 2 ... in the order of their numbers, pairs in the
 * order of their payers.
 */
#ifndef DCEP_GRAPH_H
#define DCEP_GRAPH_H

#include "postgres.h"

#include "utils/array.h"

typedef struct DcepGraph
{
	int wallets;
	int pairs;
	int64 *number;		/* of each wallet */
	int *payer;			/* of each pair */
	int *payee;			/* of each pair */
	double *rarity;		/* of each pair: -log10 of the share of pairs paid as often; 0 where that is common */
	int *out_start;		/* of each wallet: its first pair as a payer; one more marks the end */
	int *in_start;		/* of each wallet: where in in_pair its pairs as a payee begin; one more marks the end */
	int *in_pair;		/* pairs in the order of their payees */
	double *log_out;	/* of each wallet: log10 of how many it paid */
	double *log_in;		/* of each wallet: log10 of how many paid it */
	double log_pairs;	/* log10 of the number of pairs */
	double log_wallets; /* log10 of the number of wallets */
} DcepGraph;

/*
 * The graph of distinct pairs, given as three arrays of one length: payers, payees, and how often each paid.
 * Frequent is what is paid twice or more and as often as at most a share `rarity` of all.
 */
extern DcepGraph *dcep_graph_build(ArrayType *payers, ArrayType *payees, ArrayType *payments, double rarity);

/* -log10 of the probability that chance would bring a payer and a payee together; not below 0. */
static inline double
dcep_graph_weight(const DcepGraph *graph, int payer, int payee)
{
	return Max(0.0, graph->log_pairs - graph->log_out[payer] - graph->log_in[payee]);
}

/* How many wallets a wallet paid. */
static inline int
dcep_graph_payees(const DcepGraph *graph, int wallet)
{
	return graph->out_start[wallet + 1] - graph->out_start[wallet];
}

#endif
