/*
 * trace_layout.c: where the nodes and edges of a trace's picture stand.
 */
#include "trace_layout.h"

#include "miscadmin.h"

#define GAP_Y 16.0		 /* between what stands in a column */
#define WIDEST_EDGE 34.0 /* of all that leaves or enters one node */
#define THINNEST_EDGE 1.2
#define SWEEPS 12
#define ALIGNMENTS 8

/* What stands in a column: a node, or an edge that passes. */
typedef struct Place
{
	int node; /* -1 for an edge */
	int layer;
	double height;
	double y;	 /* its middle */
	double wish; /* where the next sweep would have it */
} Place;

/* The part of an edge between two neighbouring columns. */
typedef struct Piece
{
	int edge;
	int from; /* items */
	int to;
	double from_y; /* where it leaves, and where it arrives */
	double to_y;
} Piece;

typedef struct Draft
{
	const DcepGraph *graph;
	double scale; /* width of a unit of value */
	Place *item;
	int item_count;
	Piece *piece; /* those of an edge one after the other */
	int piece_count;
	int **column; /* items of each layer, from top to bottom */
	int *column_size;
} Draft;

/* Width of an edge. */
static double
edge_width(const Draft *draft, int edge)
{
	return Max(THINNEST_EDGE, draft->scale * (double) draft->graph->edge[edge].value);
}

/* The scale at which the most that enters or leaves a node is as wide as allowed. */
static double
find_scale(const DcepGraph *graph)
{
	double *in = palloc0(Max(graph->node_count, 1) * sizeof(double));
	double *out = palloc0(Max(graph->node_count, 1) * sizeof(double));
	double most = 1;

	for (int n = 0; n < graph->edge_count; n++)
	{
		out[graph->edge[n].from] += (double) graph->edge[n].value;
		in[graph->edge[n].to] += (double) graph->edge[n].value;
	}
	for (int n = 0; n < graph->node_count; n++)
		most = Max(most, Max(in[n], out[n]));
	return WIDEST_EDGE / most;
}

/* --- items ------------------------------------------------------------------- */

/* Adds an item at the lower end of its column. */
static int
add_item(Draft *draft, int node, int layer, double height)
{
	draft->item[draft->item_count] = (Place){.node = node, .layer = layer, .height = height};
	draft->column[layer][draft->column_size[layer]++] = draft->item_count;
	return draft->item_count++;
}

/* Makes room for all that will stand in the columns. */
static void
make_room(Draft *draft)
{
	const DcepGraph *graph = draft->graph;
	int *size = palloc0(graph->layer_count * sizeof(int));
	int pieces = 0;
	int items = graph->node_count;

	for (int n = 0; n < graph->node_count; n++)
		size[graph->node[n].layer]++;
	for (int n = 0; n < graph->edge_count; n++)
	{
		int from = graph->node[graph->edge[n].from].layer;
		int to = graph->node[graph->edge[n].to].layer;

		pieces += to - from;
		items += to - from - 1;
		for (int layer = from + 1; layer < to; layer++)
			size[layer]++;
	}
	draft->item = palloc(items * sizeof(Place));
	draft->piece = palloc(Max(pieces, 1) * sizeof(Piece));
	draft->column_size = palloc0(graph->layer_count * sizeof(int));
	draft->column = palloc(graph->layer_count * sizeof(int *));
	for (int layer = 0; layer < graph->layer_count; layer++)
		draft->column[layer] = palloc(Max(size[layer], 1) * sizeof(int));
}

/* Puts nodes and passing edges into the columns. An item's number is its node's, for nodes come first. */
static void
fill_columns(Draft *draft)
{
	const DcepGraph *graph = draft->graph;

	for (int n = 0; n < graph->node_count; n++)
		add_item(draft, n, graph->node[n].layer, DCEP_BOX_HEIGHT);
	for (int n = 0; n < graph->edge_count; n++)
	{
		const DcepGraphEdge *edge = &graph->edge[n];
		int last = edge->from;

		for (int layer = graph->node[edge->from].layer + 1; layer <= graph->node[edge->to].layer; layer++)
		{
			int next =
				layer == graph->node[edge->to].layer ? edge->to : add_item(draft, -1, layer, edge_width(draft, n));

			draft->piece[draft->piece_count++] = (Piece){.edge = n, .from = last, .to = next};
			last = next;
		}
	}
}

/* --- order and height ---------------------------------------------------------- */

/* Puts a column one below the other, its middle at zero. */
static void
stack_column(Draft *draft, int layer)
{
	double y = 0;

	for (int n = 0; n < draft->column_size[layer]; n++)
	{
		Place *item = &draft->item[draft->column[layer][n]];

		item->y = y + item->height / 2;
		y += item->height + GAP_Y;
	}
	for (int n = 0; n < draft->column_size[layer]; n++)
		draft->item[draft->column[layer][n]].y -= (y - GAP_Y) / 2;
}

/* Wishes each item of a layer beside its neighbours in the layer before, or in the one after. */
static void
find_wishes(Draft *draft, bool before, int layer)
{
	double *weight = palloc0(draft->item_count * sizeof(double));

	for (int n = 0; n < draft->column_size[layer]; n++)
		draft->item[draft->column[layer][n]].wish = 0;
	for (int n = 0; n < draft->piece_count; n++)
	{
		const Piece *piece = &draft->piece[n];
		int mine = before ? piece->to : piece->from;
		int other = before ? piece->from : piece->to;

		if (draft->item[mine].layer != layer)
			continue;
		draft->item[mine].wish += draft->item[other].y * edge_width(draft, piece->edge);
		weight[mine] += edge_width(draft, piece->edge);
	}
	for (int n = 0; n < draft->column_size[layer]; n++)
	{
		Place *item = &draft->item[draft->column[layer][n]];
		double sum = weight[draft->column[layer][n]];

		item->wish = sum > 0 ? item->wish / sum : item->y;
	}
	pfree(weight);
}

/* Order by wish. */
static int
compare_wishes(const void *a, const void *b, void *arg)
{
	const Draft *draft = arg;
	int x = *(const int *) a;
	int y = *(const int *) b;

	if (draft->item[x].wish != draft->item[y].wish)
		return draft->item[x].wish < draft->item[y].wish ? -1 : 1;
	return x - y;
}

/* Items that touch, and are moved as one. */
typedef struct Block
{
	double wish; /* of its top, the mean of its items' */
	double height;
	int size;
} Block;

/* Moves the items of a column as near to their wishes as their order and their heights allow: least squares. */
static void
settle_column(Draft *draft, int layer)
{
	int size = draft->column_size[layer];
	Block *block = palloc(Max(size, 1) * sizeof(Block));
	int count = 0;
	int next = 0;

	for (int n = 0; n < size; n++)
	{
		const Place *item = &draft->item[draft->column[layer][n]];

		block[count++] = (Block){.wish = item->wish - item->height / 2, .height = item->height + GAP_Y, .size = 1};
		while (count > 1 && block[count - 2].wish + block[count - 2].height > block[count - 1].wish)
		{
			Block *upper = &block[count - 2];
			const Block *lower = &block[count - 1];
			double sum = upper->wish * upper->size + (lower->wish - upper->height) * lower->size;

			upper->size += lower->size;
			upper->height += lower->height;
			upper->wish = sum / upper->size;
			count--;
		}
	}
	for (int b = 0; b < count; b++)
	{
		double y = block[b].wish;

		for (int n = 0; n < block[b].size; n++)
		{
			Place *item = &draft->item[draft->column[layer][next++]];

			item->y = y + item->height / 2;
			y += item->height + GAP_Y;
		}
	}
	pfree(block);
}

/* Goes over the columns from left to right, or back; each is sorted anew, or only moved. */
static void
sweep(Draft *draft, bool rightwards, bool sorting)
{
	int layers = draft->graph->layer_count;

	CHECK_FOR_INTERRUPTS();
	for (int n = 1; n < layers; n++)
	{
		int layer = rightwards ? n : layers - 1 - n;

		find_wishes(draft, rightwards, layer);
		if (sorting)
			qsort_arg(draft->column[layer], draft->column_size[layer], sizeof(int), compare_wishes, draft);
		settle_column(draft, layer);
	}
}

/* --- ports ------------------------------------------------------------------- */

/* Order of the pieces at one end, by where their other end is. */
typedef struct Port
{
	int piece;
	int item;
	double other_y;
} Port;

/* Order by item, then by where the other end is. */
static int
compare_ports(const void *a, const void *b)
{
	const Port *x = a;
	const Port *y = b;

	if (x->item != y->item)
		return x->item - y->item;
	if (x->other_y != y->other_y)
		return x->other_y < y->other_y ? -1 : 1;
	return x->piece - y->piece;
}

/* Lays the pieces at one side of each item beside each other. */
static void
find_ports(Draft *draft, bool leaving)
{
	Port *port = palloc(Max(draft->piece_count, 1) * sizeof(Port));

	for (int n = 0; n < draft->piece_count; n++)
	{
		const Piece *piece = &draft->piece[n];

		port[n] = (Port){.piece = n,
						 .item = leaving ? piece->from : piece->to,
						 .other_y = draft->item[leaving ? piece->to : piece->from].y};
	}
	qsort(port, draft->piece_count, sizeof(Port), compare_ports);
	for (int first = 0, end; first < draft->piece_count; first = end)
	{
		const Place *item = &draft->item[port[first].item];
		double total = 0;
		double room = item->node < 0 ? item->height : item->height - 14;
		double y;
		double squeeze;

		for (end = first; end < draft->piece_count && port[end].item == port[first].item; end++)
			total += edge_width(draft, draft->piece[port[end].piece].edge) + 2;
		squeeze = Min(1, room / total);
		y = item->y - total * squeeze / 2;
		for (int n = first; n < end; n++)
		{
			Piece *piece = &draft->piece[port[n].piece];
			double share = (edge_width(draft, piece->edge) + 2) * squeeze;

			*(leaving ? &piece->from_y : &piece->to_y) = y + share / 2;
			y += share;
		}
	}
	pfree(port);
}

/* --- the result -------------------------------------------------------------- */

/* The left side of a column. */
static double
column_x(int layer)
{
	return layer * DCEP_COLUMN_PITCH;
}

/* The routes of the edges, out of their pieces. */
static void
make_routes(const Draft *draft, DcepLayout *layout)
{
	int piece = 0;

	layout->route = palloc(Max(draft->graph->edge_count, 1) * sizeof(DcepRoute));
	for (int n = 0; n < draft->graph->edge_count; n++)
	{
		DcepRoute *route = &layout->route[n];
		int first = piece;

		while (piece < draft->piece_count && draft->piece[piece].edge == n)
			piece++;
		*route = (DcepRoute){.width = edge_width(draft, n), .point = palloc(2 * (piece - first) * sizeof(DcepPoint))};
		for (int p = first; p < piece; p++)
		{
			const Piece *at = &draft->piece[p];

			route->point[route->count++] =
				(DcepPoint){column_x(draft->item[at->from].layer) + DCEP_BOX_WIDTH, at->from_y};
			route->point[route->count++] = (DcepPoint){column_x(draft->item[at->to].layer), at->to_y};
		}
	}
}

/* Takes the places over, with the uppermost at zero. */
static void
make_layout(Draft *draft, DcepLayout *layout)
{
	const DcepGraph *graph = draft->graph;
	double top = 0;
	double bottom = 0;

	for (int n = 0; n < draft->item_count; n++)
	{
		const Place *item = &draft->item[n];

		top = n == 0 ? item->y - item->height / 2 : Min(top, item->y - item->height / 2);
		bottom = n == 0 ? item->y + item->height / 2 : Max(bottom, item->y + item->height / 2);
	}
	for (int n = 0; n < draft->item_count; n++)
		draft->item[n].y -= top;
	layout->width = column_x(graph->layer_count - 1) + DCEP_BOX_WIDTH;
	layout->height = bottom - top;
	layout->box = palloc(graph->node_count * sizeof(DcepPoint));
	for (int n = 0; n < graph->node_count; n++)
		layout->box[n] = (DcepPoint){column_x(graph->node[n].layer), draft->item[n].y - DCEP_BOX_HEIGHT / 2};
}

/* Finds a place for everything. */
void
dcep_layout_make(const DcepGraph *graph, DcepLayout *layout)
{
	Draft draft = {.graph = graph, .scale = find_scale(graph)};

	make_room(&draft);
	fill_columns(&draft);
	for (int layer = 0; layer < graph->layer_count; layer++)
		stack_column(&draft, layer);
	for (int n = 0; n < SWEEPS; n++)
		sweep(&draft, n % 2 == 0, true);
	for (int n = 0; n < ALIGNMENTS; n++)
		sweep(&draft, n % 2 == 0, false);
	make_layout(&draft, layout);
	find_ports(&draft, true);
	find_ports(&draft, false);
	make_routes(&draft, layout);
}
