/*
 * trace_svg.c: the picture of a trace as SVG, for a browser or a report.
 *
 * It needs nothing beside itself: no script, no font, no other file.  Its
 * colours follow the reader's light or dark setting.
 */
#include "trace_graph.h"

#include "utils/xml.h"

#include "trace_layout.h"

#define MARGIN 28.0
#define HEAD 84.0 /* title, sums, numbers of the columns */
#define FOOT 34.0 /* legend */
#define LEAST_WIDTH 620.0
#define LONGEST_LINE 32	  /* of characters in a box; the tooltip has all */
#define LABELLED_EDGES 60 /* more labels than this would cover each other */

static const char style[] =
	"text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;font-size:12px;fill:#1f2328}\n"
	".page{fill:#ffffff}.title{font-size:17px;font-weight:600}.quiet{fill:#59636e}.bold{font-weight:600}\n"
	".box{stroke:#8c959f;stroke-width:1}.held{stroke:#1f2328;stroke-width:2.2}.cut{stroke-dasharray:5 4}\n"
	".s0{fill:#f3f4f6}.s1{fill:#fdf1e3}.s2{fill:#fbdcbc}.s3{fill:#f6b98a}.s4{fill:#ee9468}.s5{fill:#e5795c}\n"
	".issue{fill:#d3ecd8}.over{fill:#dbe4f3}\n"
	".flow{fill:none;stroke:#c8563c;stroke-opacity:.42}.kept{stroke:#6e7781}.flow:hover{stroke-opacity:.85}\n"
	".tag{font-size:11px;text-anchor:middle;paint-order:stroke;stroke:#ffffff;stroke-width:3px;stroke-linejoin:round}\n"
	"@media (prefers-color-scheme:dark){\n"
	"text{fill:#e6edf3}.page{fill:#0d1117}.quiet{fill:#9198a1}.box{stroke:#656c76}.held{stroke:#e6edf3}\n"
	".s0{fill:#21262d}.s1{fill:#30261c}.s2{fill:#4a3421}.s3{fill:#694023}.s4{fill:#844428}.s5{fill:#9c452f}\n"
	".issue{fill:#1d4428}.over{fill:#26344d}\n"
	".flow{stroke:#f0805f;stroke-opacity:.5}.kept{stroke:#9198a1}.tag{stroke:#0d1117}\n"
	"}\n";

/* Adds text with what XML reserves written otherwise. */
static void
put_text(StringInfo out, const char *text)
{
	char *escaped = escape_xml(text);

	appendStringInfoString(out, escaped);
	pfree(escaped);
}

/* Adds a line of text. */
static void
put_line(StringInfo out, double x, double y, const char *class, const char *text)
{
	appendStringInfo(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
	put_text(out, text);
	appendStringInfoString(out, "</text>\n");
}

/* Adds what is shown when the pointer rests on something. */
static void
put_tooltip(StringInfo out, const char *text)
{
	appendStringInfoString(out, "<title>");
	put_text(out, text);
	appendStringInfoString(out, "</title>");
}

/* --- edges ------------------------------------------------------------------- */

/* Adds an edge. */
static void
put_edge(const DcepGraph *graph, const DcepLayout *layout, StringInfo out, int n)
{
	const DcepGraphEdge *edge = &graph->edge[n];
	const DcepRoute *route = &layout->route[n];

	appendStringInfo(out, "<path class=\"flow%s\" stroke-width=\"%.1f\" d=\"M%.1f %.1f", edge->is_kept ? " kept" : "",
					 route->width, route->point[0].x, route->point[0].y);
	for (int p = 1; p < route->count; p++)
	{
		const DcepPoint *from = &route->point[p - 1];
		const DcepPoint *to = &route->point[p];
		double middle = (from->x + to->x) / 2;

		if (p % 2 == 1)
			appendStringInfo(out, "C%.1f %.1f %.1f %.1f %.1f %.1f", middle, from->y, middle, to->y, to->x, to->y);
		else
			appendStringInfo(out, "L%.1f %.1f", to->x, to->y);
	}
	appendStringInfoString(out, "\">");
	put_tooltip(out, psprintf("%s%s", dcep_graph_movement(graph, edge), edge->is_kept ? ", kept" : ""));
	appendStringInfoString(out, "</path>\n");
}

/* Adds an edge's amount, in the middle of its first curve. */
static void
put_tag(const DcepGraph *graph, const DcepLayout *layout, StringInfo out, int n)
{
	const DcepPoint *point = layout->route[n].point;

	put_line(out, (point[0].x + point[1].x) / 2, (point[0].y + point[1].y) / 2 + 4, "tag",
			 dcep_graph_amount(graph, graph->edge[n].value));
}

/* --- nodes ------------------------------------------------------------------- */

/* The colour of a node. */
static const char *
node_colour(const DcepGraph *graph, const DcepGraphNode *node)
{
	static const char *const shades[] = {"s0", "s1", "s2", "s3", "s4", "s5"};

	if (!graph->trace->is_forward && node->is_issue)
		return "issue";
	if (node->redeemed && node->redeemed == node->value)
		return "over";
	return shades[dcep_graph_shade(graph, node)];
}

/* All that is known of a node. */
static char *
describe_node(const DcepGraph *graph, const DcepGraphNode *node)
{
	const char *rest = dcep_graph_rest(graph, node);

	return psprintf("%s: %s in coins of %s%s%s", dcep_graph_owner(node), dcep_graph_amount(graph, node->value),
					dcep_graph_amount(graph, node->amount), *rest ? "; " : "", rest);
}

/* Adds a node: who, how much, and what is there now. */
static void
put_node(const DcepGraph *graph, const DcepLayout *layout, StringInfo out, int n)
{
	const DcepGraphNode *node = &graph->node[n];
	const DcepPoint *box = &layout->box[n];
	const char *rest = dcep_graph_rest(graph, node);
	double middle = *rest ? 0 : 8;

	appendStringInfoString(out, "<g>");
	put_tooltip(out, describe_node(graph, node));
	appendStringInfo(out,
					 "<rect class=\"box %s%s%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.0f\" height=\"%.0f\" rx=\"7\"/>\n",
					 node_colour(graph, node), node->live || node->is_first ? " held" : "", node->cut ? " cut" : "",
					 box->x, box->y, DCEP_BOX_WIDTH, DCEP_BOX_HEIGHT);
	put_line(out, box->x + 11, box->y + 18 + middle, "who", dcep_graph_owner(node));
	put_line(out, box->x + 11, box->y + 34 + middle, "bold", dcep_graph_amount(graph, node->value));
	if (strlen(rest) > LONGEST_LINE)
		rest = psprintf("%.*s\xE2\x80\xA6", LONGEST_LINE - 1, rest);
	if (*rest)
		put_line(out, box->x + 11, box->y + 49, "rest", rest);
	appendStringInfoString(out, "</g>\n");
}

/* --- the page ------------------------------------------------------------------ */

/* What the whole comes to: "27 coins; live 5.00, redeemed 1.00". */
static char *
describe_trace(const DcepGraph *graph)
{
	DcepGraphNode sum = {0};
	const char *rest;

	for (int n = 0; n < graph->node_count; n++)
	{
		sum.live += graph->node[n].live;
		sum.redeemed += graph->node[n].redeemed;
		sum.cut += graph->node[n].cut;
	}
	rest = graph->trace->is_forward ? dcep_graph_rest(graph, &sum) : "";
	return psprintf("%d coins%s%s%s", graph->trace->count, *rest ? "; now: " : "",
					strncmp(rest, "holds", 5) == 0 ? "live" : rest, strncmp(rest, "holds", 5) == 0 ? rest + 5 : "");
}

/* Adds the head. */
static void
put_head(const DcepGraph *graph, StringInfo out)
{
	put_line(out, MARGIN, MARGIN + 12, "title", dcep_graph_title(graph));
	put_line(out, MARGIN, MARGIN + 32, "quiet", describe_trace(graph));
	for (int layer = 0; layer < graph->layer_count; layer++)
		put_line(out, MARGIN + layer * DCEP_COLUMN_PITCH, MARGIN + 62, "quiet",
				 graph->trace->is_forward ? psprintf("step %d", layer)
										  : psprintf("%d before", graph->layer_count - 1 - layer));
}

/* Adds a sample of a colour to the legend. */
static void
put_sample(StringInfo out, double x, double y, const char *class)
{
	appendStringInfo(out, "<rect class=\"box %s\" x=\"%.1f\" y=\"%.1f\" width=\"18\" height=\"12\" rx=\"3\"/>\n", class,
					 x, y - 10);
}

/* Adds a sample with what it means; returns where the next begins. */
static double
put_field(StringInfo out, double x, double y, const char *class, const char *text)
{
	put_sample(out, x, y, class);
	put_line(out, x + 25, y, "quiet", text);
	return x + 25 + 7.0 * (double) strlen(text) + 16;
}

/* Adds the legend. */
static void
put_legend(const DcepGraph *graph, StringInfo out, double y)
{
	double x = MARGIN;

	if (graph->trace->is_forward)
	{
		for (int shade = 1; shade < 5; shade++, x += 19)
			put_sample(out, x, y, psprintf("s%d", shade));
		x = put_field(out, x, y, "s5", "tainted: little to all");
		x = put_field(out, x, y, "s0 held", "holds some");
		x = put_field(out, x, y, "over", "redeemed");
	}
	else
		x = put_field(out, x, y, "issue", "issued");
	put_field(out, x, y, "s0 cut", "not followed");
}

/* Writes the picture. */
void
dcep_graph_put_svg(const DcepGraph *graph, StringInfo out)
{
	DcepLayout layout;
	double width;
	double height;

	dcep_layout_make(graph, &layout);
	width = Max(layout.width, LEAST_WIDTH) + 2 * MARGIN;
	height = layout.height + 2 * MARGIN + HEAD + FOOT;
	appendStringInfo(out,
					 "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
					 "viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n",
					 width, height, width, height);
	put_tooltip(out, dcep_graph_title(graph));
	appendStringInfo(out, "\n<style>\n%s</style>\n<rect class=\"page\" width=\"100%%\" height=\"100%%\"/>\n", style);
	put_head(graph, out);
	appendStringInfo(out, "<g transform=\"translate(%.1f %.1f)\">\n", MARGIN, MARGIN + HEAD);
	for (int n = 0; n < graph->edge_count; n++)
		put_edge(graph, &layout, out, n);
	for (int n = 0; n < graph->node_count; n++)
		put_node(graph, &layout, out, n);
	for (int n = 0; n < graph->edge_count && graph->edge_count <= LABELLED_EDGES; n++)
		put_tag(graph, &layout, out, n);
	appendStringInfoString(out, "</g>\n");
	put_legend(graph, out, height - MARGIN);
	appendStringInfoString(out, "</svg>\n");
}
