/*
 * trace_graph.h: a trace as a picture shows it.
 *
 * A node is a wallet that got some of the value, with all that it paid out of it; an
 * edge is value that moved from one to another.  Change stays in its node,
 * so that a wallet which pays twenty times out of one coin is one node with
 * twenty edges.  Only where a payment mixes value of several nodes does its change begin another one.
 *
 * Invariant: an edge leads to a higher layer.  Between two nodes there is one edge at most.
 */
#ifndef DCEP_TRACE_GRAPH_H
#define DCEP_TRACE_GRAPH_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "trace_call.h"

#define DCEP_PICTURE_ROWS_MAX 5000 /* coins of a trace that is drawn */

typedef struct DcepGraphNode
{
	int layer;
	int wallets;	 /* that it stands for; those of least value of a layer are drawn as one */
	int64 wallet;	 /* 0 where it stands for several, or is not shown to the caller */
	int institution; /* 0 where it stands for several */
	int64 value;	 /* of the traced value: what arrived here, or in a trace back what went through here */
	int64 amount;	 /* what the coins were worth in which it arrived */
	int64 live;		 /* of the traced value: what is here now */
	int64 redeemed;
	int64 cut;	   /* of the traced value: what is not followed, or lost */
	bool is_first; /* the trace begins here */
	bool is_issue; /* value was made here */
} DcepGraphNode;

typedef struct DcepGraphEdge
{
	int from;
	int to;
	int64 value;
	int64 transfer; /* the first of them */
	int transfers;
	bool is_kept; /* from a wallet to itself */
} DcepGraphEdge;

typedef struct DcepGraph
{
	const DcepConfig *config;
	const DcepTrace *trace;
	int layer_count;
	int node_count;
	DcepGraphNode *node; /* by layer, those of most value first */
	int edge_count;
	DcepGraphEdge *edge;
} DcepGraph;

extern void dcep_trace_graph_build(const DcepTraceCall *call, const DcepTrace *trace, DcepGraph *graph);

/* An amount in the currency's units, as 1,234.50. */
extern char *dcep_graph_amount(const DcepGraph *graph, int64 amount);
/* Who a node is: 0002 1234 5678 9012, or what is shown instead. */
extern char *dcep_graph_owner(const DcepGraphNode *node);
/* What is there now: "holds 5.00, redeemed 1.00"; empty where nothing is. */
extern char *dcep_graph_rest(const DcepGraph *graph, const DcepGraphNode *node);
/* What an edge is: "12.50 by transfer 17". */
extern char *dcep_graph_movement(const DcepGraph *graph, const DcepGraphEdge *edge);
/* What the whole picture shows. */
extern char *dcep_graph_title(const DcepGraph *graph);
/* How much of a node's coins is tainted: 1 little, 5 all; 0 where that is not asked. */
extern int dcep_graph_shade(const DcepGraph *graph, const DcepGraphNode *node);

/* As text. */
extern void dcep_graph_put_dot(const DcepGraph *graph, StringInfo out);
extern void dcep_graph_put_svg(const DcepGraph *graph, StringInfo out);

#endif
