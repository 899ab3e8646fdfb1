/*
 * trace_graph.c: a trace as a picture shows it.
 */
#include "trace_graph.h"

#include "utils/builtins.h"

#define NODES_A_LAYER 16 /* more than fit on a screen one below the other are drawn as one */

/* Value that went from one coin of the trace into another. */
typedef struct Link
{
	int from;
	int to;
	int64 value;
} Link;

/* A graph that is being built. Coins are named by their place in the trace. */
typedef struct Build
{
	const DcepTrace *trace;
	int *by_id; /* coins in order of their ids */
	Link *link; /* in order of `to` */
	int link_count;
	int *first_in;	 /* of each coin, and one more: its first link in */
	int (*out)[2];	 /* of each coin: what its consumer minted; -1 for none */
	int *order;		 /* every coin after those that it was made from */
	int order_count; /* fewer than coins only in a journal that goes in a circle */
	int64 *value;	 /* of each coin: how much of the traced value */
	int *node;		 /* of each coin; -1 before it has one */
	int node_count;
	DcepGraphNode *nodes;
	int64 *owner; /* of each node: whom it belongs to, negative and alone where that is not shown */
} Build;

/* --- links ------------------------------------------------------------------- */

/* Order by id; the trace is the argument. */
static int
compare_ids(const void *a, const void *b, void *arg)
{
	const DcepTracedCoin *coin = ((const DcepTrace *) arg)->coin;
	int64 x = coin[*(const int *) a].id;
	int64 y = coin[*(const int *) b].id;

	return (x > y) - (x < y);
}

/* A coin by id, or -1. */
static int
find_coin(const Build *build, int64 id)
{
	int low = 0;
	int high = build->trace->count;

	while (low < high)
	{
		int middle = low + (high - low) / 2;

		if (build->trace->coin[build->by_id[middle]].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < build->trace->count && build->trace->coin[build->by_id[low]].id == id)
		return build->by_id[low];
	return -1;
}

/* Order by the coin that is led to. */
static int
compare_links(const void *a, const void *b)
{
	const Link *x = a;
	const Link *y = b;

	if (x->to != y->to)
		return x->to < y->to ? -1 : 1;
	return (x->from > y->from) - (x->from < y->from);
}

/* Finds which coins of the trace were made from which. */
static void
find_links(Build *build)
{
	int count = build->trace->count;

	build->by_id = palloc(count * sizeof(int));
	for (int i = 0; i < count; i++)
		build->by_id[i] = i;
	qsort_arg(build->by_id, count, sizeof(int), compare_ids, unconstify(DcepTrace *, build->trace));
	build->link = palloc(2 * count * sizeof(Link));
	build->out = palloc(count * sizeof(*build->out));
	for (int i = 0; i < count; i++)
		for (int which = 0; which < 2; which++)
		{
			int64 consumer = build->trace->coin[i].consumer;
			int to = consumer ? find_coin(build, consumer * 2 + which) : -1;

			build->out[i][which] = to;
			if (to >= 0)
				build->link[build->link_count++] = (Link){.from = i, .to = to};
		}
	qsort(build->link, build->link_count, sizeof(Link), compare_links);
	build->first_in = palloc((count + 1) * sizeof(int));
	for (int i = 0, n = 0; i <= count; i++)
	{
		while (n < build->link_count && build->link[n].to < i)
			n++;
		build->first_in[i] = n;
	}
}

/* Puts the coins in an order in which each comes after those that it was made from. */
static void
find_order(Build *build)
{
	int count = build->trace->count;
	int *waits_for = palloc(count * sizeof(int));

	build->order = palloc(count * sizeof(int));
	for (int i = 0; i < count; i++)
	{
		waits_for[i] = build->first_in[i + 1] - build->first_in[i];
		if (waits_for[i] == 0)
			build->order[build->order_count++] = i;
	}
	for (int n = 0; n < build->order_count; n++)
		for (int which = 0; which < 2; which++)
		{
			int to = build->out[build->order[n]][which];

			if (to >= 0 && --waits_for[to] == 0)
				build->order[build->order_count++] = to;
		}
}

/* --- values ------------------------------------------------------------------ */

/* Divides a coin's value among the coins that it was made from, by what they had, to the last unit. */
static void
divide_value(Build *build, int to, const int64 *had)
{
	int64 whole = 0;
	int64 before = 0;

	for (int n = build->first_in[to]; n < build->first_in[to + 1]; n++)
		whole += had[build->link[n].from];
	for (int n = build->first_in[to]; n < build->first_in[to + 1]; n++)
	{
		int64 after = before + had[build->link[n].from];

		build->link[n].value =
			dcep_taint_share(build->value[to], after, whole) - dcep_taint_share(build->value[to], before, whole);
		before = after;
	}
}

/* Forward, a coin's value is its taint; back, what of the first coin came through it, in proportion to the amounts. */
static void
find_values(Build *build)
{
	const DcepTrace *trace = build->trace;
	int64 *amount = palloc(trace->count * sizeof(int64));

	build->value = palloc0(trace->count * sizeof(int64));
	for (int i = 0; i < trace->count; i++)
	{
		build->value[i] = trace->coin[i].tainted;
		amount[i] = trace->coin[i].amount;
	}
	if (trace->is_forward)
	{
		for (int i = 0; i < trace->count; i++)
			divide_value(build, i, build->value);
		return;
	}
	build->value[0] = trace->coin[0].amount;
	for (int n = build->order_count - 1; n >= 0; n--)
	{
		int to = build->order[n];

		divide_value(build, to, amount);
		for (int in = build->first_in[to]; in < build->first_in[to + 1]; in++)
			build->value[build->link[in].from] += build->link[in].value;
	}
}

/* --- nodes ------------------------------------------------------------------- */

/* The node that a coin stays in because it is change of that node alone, or -1. */
static int
find_node(const Build *build, int coin)
{
	const DcepTracedCoin *coins = build->trace->coin;
	int first = build->first_in[coin];
	int end = build->first_in[coin + 1];
	int node = first < end ? build->node[build->link[first].from] : -1;

	for (int n = first; n < end; n++)
	{
		int from = build->link[n].from;

		if (build->node[from] != node || coins[from].owner != coins[coin].owner)
			return -1;
	}
	return node;
}

/* Begins a node with a coin. */
static int
add_node(Build *build, int n)
{
	const DcepTracedCoin *coin = &build->trace->coin[n];
	bool is_shown = dcep_trace_shows(coin->owner);
	DcepGraphNode *node = &build->nodes[build->node_count];

	*node = (DcepGraphNode){.wallets = 1,
							.wallet = is_shown ? coin->owner : 0,
							.institution = dcep_wallet_institution(coin->owner),
							.value = build->value[n],
							.amount = coin->amount,
							.is_issue = coin->kind == DCEP_KIND_ISSUE};
	build->owner[build->node_count] = is_shown ? coin->owner : -1 - n;
	return build->node_count++;
}

/* Adds to a node what of a coin is there now. */
static void
add_rest(DcepGraphNode *node, DcepTraceState state, int64 value)
{
	switch (state)
	{
		case DCEP_TRACE_LIVE:
		case DCEP_TRACE_ELSEWHERE:
			node->live += value;
			break;
		case DCEP_TRACE_REDEEMED:
			node->redeemed += value;
			break;
		case DCEP_TRACE_CUT:
		case DCEP_TRACE_STOPPED:
		case DCEP_TRACE_LOST:
			node->cut += value;
			break;
		case DCEP_TRACE_CONSUMED:
			break;
	}
}

/* Puts coins into nodes. Coins of a circle have one each. */
static void
find_nodes(Build *build)
{
	const DcepTrace *trace = build->trace;

	build->nodes = palloc(trace->count * sizeof(DcepGraphNode));
	build->owner = palloc(trace->count * sizeof(int64));
	build->node = palloc(trace->count * sizeof(int));
	for (int i = 0; i < trace->count; i++)
		build->node[i] = -1;
	for (int n = 0; n < build->order_count; n++)
	{
		int coin = build->order[n];
		int node = find_node(build, coin);

		build->node[coin] = node >= 0 ? node : add_node(build, coin);
	}
	for (int i = 0; i < trace->count; i++)
	{
		if (build->node[i] < 0)
			build->node[i] = add_node(build, i);
		add_rest(&build->nodes[build->node[i]], trace->coin[i].state, build->value[i]);
	}
	build->nodes[build->node[0]].is_first = true;
}

/* Layers from the first coin on: a node is beyond all that lead to it. */
static void
find_layers_forward(Build *build)
{
	for (int n = 0; n < build->order_count; n++)
		for (int in = build->first_in[build->order[n]]; in < build->first_in[build->order[n] + 1]; in++)
		{
			int from = build->node[build->link[in].from];
			int to = build->node[build->link[in].to];

			if (from != to)
				build->nodes[to].layer = Max(build->nodes[to].layer, build->nodes[from].layer + 1);
		}
}

/* The same from the last coin back; the furthest layer becomes the first. */
static void
find_layers_back(Build *build)
{
	int last = 0;

	for (int n = build->order_count - 1; n >= 0; n--)
		for (int in = build->first_in[build->order[n]]; in < build->first_in[build->order[n] + 1]; in++)
		{
			int from = build->node[build->link[in].from];
			int to = build->node[build->link[in].to];

			if (from != to)
				build->nodes[from].layer = Max(build->nodes[from].layer, build->nodes[to].layer + 1);
		}
	for (int i = 0; i < build->node_count; i++)
		last = Max(last, build->nodes[i].layer);
	for (int i = 0; i < build->node_count; i++)
		build->nodes[i].layer = last - build->nodes[i].layer;
}

/* --- fewer nodes ----------------------------------------------------------------- */

/* Order by layer and owner. */
static int
compare_owners(const void *a, const void *b, void *arg)
{
	const Build *build = arg;
	int x = *(const int *) a;
	int y = *(const int *) b;

	if (build->nodes[x].layer != build->nodes[y].layer)
		return build->nodes[x].layer < build->nodes[y].layer ? -1 : 1;
	if (build->owner[x] != build->owner[y])
		return build->owner[x] < build->owner[y] ? -1 : 1;
	return x - y;
}

/* Order by layer and value, the most first; where the trace begins before all. */
static int
compare_values(const void *a, const void *b, void *arg)
{
	const Build *build = arg;
	int n = *(const int *) a;
	int m = *(const int *) b;
	const DcepGraphNode *x = &build->nodes[n];
	const DcepGraphNode *y = &build->nodes[m];

	if (x->layer != y->layer)
		return x->layer < y->layer ? -1 : 1;
	if (x->is_first != y->is_first)
		return x->is_first ? -1 : 1;
	if (x->value != y->value)
		return x->value > y->value ? -1 : 1;
	return n - m;
}

/* Adds one node to another. */
static void
merge_node(DcepGraphNode *into, const DcepGraphNode *node, bool same_owner)
{
	if (!same_owner)
	{
		into->wallets += node->wallets;
		into->wallet = 0;
		into->institution = 0;
	}
	into->value += node->value;
	into->amount += node->amount;
	into->live += node->live;
	into->redeemed += node->redeemed;
	into->cut += node->cut;
	into->is_first |= node->is_first;
	into->is_issue |= node->is_issue;
}

/* Merges nodes of one wallet in one layer; which node each became. `sorted` keeps those that are left. */
static int
merge_owners(Build *build, int *sorted, int *became)
{
	int kept = 0;

	qsort_arg(sorted, build->node_count, sizeof(int), compare_owners, build);
	for (int i = 0; i < build->node_count; i++)
	{
		int node = sorted[i];
		int last = kept ? sorted[kept - 1] : -1;

		if (last >= 0 && build->nodes[last].layer == build->nodes[node].layer &&
			build->owner[last] == build->owner[node])
		{
			merge_node(&build->nodes[last], &build->nodes[node], true);
			became[node] = last;
			continue;
		}
		became[node] = node;
		sorted[kept++] = node;
	}
	return kept;
}

/* Merges the nodes of least value of a crowded layer, and puts those that are left into the graph. */
static void
place_nodes(const Build *build, DcepGraph *graph, int *sorted, int kept, int *place)
{
	qsort_arg(sorted, kept, sizeof(int), compare_values, unconstify(Build *, build));
	graph->node = palloc(kept * sizeof(DcepGraphNode));
	for (int i = 0, first = 0; i < kept; i++)
	{
		const DcepGraphNode *node = &build->nodes[sorted[i]];
		bool crowded;

		if (i > 0 && node->layer != build->nodes[sorted[i - 1]].layer)
			first = i;
		crowded = first + NODES_A_LAYER < kept && build->nodes[sorted[first + NODES_A_LAYER]].layer == node->layer;
		if (crowded && i - first >= NODES_A_LAYER)
			merge_node(&graph->node[graph->node_count - 1], node, false);
		else
			graph->node[graph->node_count++] = *node;
		place[sorted[i]] = graph->node_count - 1;
		graph->layer_count = Max(graph->layer_count, node->layer + 1);
	}
}

/* Takes the nodes over into the graph, and tells each coin's node there. */
static void
reduce_nodes(Build *build, DcepGraph *graph)
{
	int *sorted = palloc(build->node_count * sizeof(int));
	int *became = palloc(build->node_count * sizeof(int));
	int *place = palloc(build->node_count * sizeof(int));
	int kept;

	for (int i = 0; i < build->node_count; i++)
		sorted[i] = i;
	kept = merge_owners(build, sorted, became);
	place_nodes(build, graph, sorted, kept, place);
	for (int i = 0; i < build->trace->count; i++)
		build->node[i] = place[became[build->node[i]]];
}

/* --- edges ------------------------------------------------------------------- */

/* Order by both ends, then by transfer. */
static int
compare_edges(const void *a, const void *b)
{
	const DcepGraphEdge *x = a;
	const DcepGraphEdge *y = b;

	if (x->from != y->from)
		return x->from - y->from;
	if (x->to != y->to)
		return x->to - y->to;
	return (x->transfer > y->transfer) - (x->transfer < y->transfer);
}

/* The edges between different nodes, those that have the same ends in one. */
static void
find_edges(const Build *build, DcepGraph *graph)
{
	const DcepTracedCoin *coins = build->trace->coin;
	DcepGraphEdge *edge = palloc(Max(build->link_count, 1) * sizeof(DcepGraphEdge));
	int count = 0;
	int64 last = 0;

	for (int n = 0; n < build->link_count; n++)
	{
		const Link *link = &build->link[n];
		int from = build->node[link->from];
		int to = build->node[link->to];

		if (graph->node[from].layer < graph->node[to].layer)
			edge[count++] = (DcepGraphEdge){.from = from,
											.to = to,
											.value = link->value,
											.transfer = coins[link->from].consumer,
											.transfers = 1,
											.is_kept = coins[link->from].owner == coins[link->to].owner};
	}
	qsort(edge, count, sizeof(DcepGraphEdge), compare_edges);
	graph->edge = edge;
	for (int n = 0; n < count; n++)
	{
		DcepGraphEdge *into = graph->edge_count ? &edge[graph->edge_count - 1] : NULL;

		if (into && into->from == edge[n].from && into->to == edge[n].to)
		{
			into->value += edge[n].value;
			into->transfers += edge[n].transfer != last;
			into->is_kept &= edge[n].is_kept;
		}
		else
			edge[graph->edge_count++] = edge[n];
		last = edge[n].transfer;
	}
}

/* Makes a picture's graph of a trace. */
void
dcep_trace_graph_build(const DcepTraceCall *call, const DcepTrace *trace, DcepGraph *graph)
{
	Build build = {.trace = trace};

	*graph = (DcepGraph){.config = call->config, .trace = trace};
	find_links(&build);
	find_order(&build);
	find_values(&build);
	find_nodes(&build);
	if (trace->is_forward)
		find_layers_forward(&build);
	else
		find_layers_back(&build);
	reduce_nodes(&build, graph);
	find_edges(&build, graph);
}
