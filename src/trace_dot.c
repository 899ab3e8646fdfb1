/*
 * trace_dot.c: the picture of a trace in Graphviz's language.
 */
#include "trace_graph.h"

static const char *const shades[] = {"#f3f4f6", "#fdf1e3", "#fbdcbc", "#f6b98a", "#ee8f62", "#e0654a"};

/* Adds a quoted string; a line feed in it begins another line. */
static void
put_quoted(StringInfo out, const char *text)
{
	appendStringInfoChar(out, '"');
	for (; *text; text++)
	{
		if (*text == '\n')
		{
			appendStringInfoString(out, "\\n");
			continue;
		}
		if (*text == '"' || *text == '\\')
			appendStringInfoChar(out, '\\');
		appendStringInfoChar(out, *text);
	}
	appendStringInfoChar(out, '"');
}

/* Adds a node. */
static void
put_node(const DcepGraph *graph, StringInfo out, int n)
{
	const DcepGraphNode *node = &graph->node[n];
	const char *rest = dcep_graph_rest(graph, node);
	const char *style = node->cut ? "filled,rounded,dashed" : "filled,rounded";

	appendStringInfo(out, "  n%d [label=", n);
	put_quoted(out, psprintf("%s\n%s%s%s", dcep_graph_owner(node), dcep_graph_amount(graph, node->value),
							 *rest ? "\n" : "", rest));
	appendStringInfo(out, ", fillcolor=\"%s\", style=\"%s\", penwidth=%s];\n", shades[dcep_graph_shade(graph, node)],
					 style, node->live || node->is_first ? "2.4" : "1");
}

/* Adds an edge, as wide as its value. */
static void
put_edge(const DcepGraph *graph, StringInfo out, int n, int64 most)
{
	const DcepGraphEdge *edge = &graph->edge[n];

	appendStringInfo(out, "  n%d -> n%d [penwidth=%.1f, label=", edge->from, edge->to,
					 1 + 7 * (double) edge->value / (double) Max(most, 1));
	put_quoted(out, dcep_graph_amount(graph, edge->value));
	appendStringInfoString(out, ", tooltip=");
	put_quoted(out, dcep_graph_movement(graph, edge));
	appendStringInfo(out, "%s];\n", edge->is_kept ? ", style=dashed" : "");
}

/* Writes the graph. */
void
dcep_graph_put_dot(const DcepGraph *graph, StringInfo out)
{
	int64 most = 0;

	appendStringInfoString(out, "digraph trace {\n"
								"  graph [rankdir=LR, labelloc=t, fontname=\"Helvetica\", label=");
	put_quoted(out, dcep_graph_title(graph));
	appendStringInfoString(out, "];\n"
								"  node [shape=box, fontname=\"Helvetica\", fontsize=11];\n"
								"  edge [color=\"#b4472f\", fontname=\"Helvetica\", fontsize=10];\n");
	for (int n = 0; n < graph->node_count; n++)
		put_node(graph, out, n);
	for (int n = 0; n < graph->edge_count; n++)
		most = Max(most, graph->edge[n].value);
	for (int n = 0; n < graph->edge_count; n++)
		put_edge(graph, out, n, most);
	appendStringInfoString(out, "}\n");
}
