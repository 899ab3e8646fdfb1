/*
 * trace_layout.h: where the nodes and edges of a trace's picture stand.
 *
 * A layer is a column, from left to right.  Edges that pass over a layer get a
 * place of their own in its column, so that they run between the nodes.  The order
 * within the columns comes from a few sweeps to and fro, each of which puts
 * what stands in a column beside what it is connected with.
 */
#ifndef DCEP_TRACE_LAYOUT_H
#define DCEP_TRACE_LAYOUT_H

#include "trace_graph.h"

#define DCEP_BOX_WIDTH 196.0
#define DCEP_BOX_HEIGHT 56.0
#define DCEP_COLUMN_PITCH 324.0 /* from a column to the next; the curves have what the box leaves */

typedef struct DcepPoint
{
	double x;
	double y;
} DcepPoint;

/* An edge: from the first point to the last; curved from an even one to the next, straight from an odd one. */
typedef struct DcepRoute
{
	double width;
	int count;
	DcepPoint *point;
} DcepRoute;

typedef struct DcepLayout
{
	double width;
	double height;
	DcepPoint *box;	  /* of each node: its upper left corner */
	DcepRoute *route; /* of each edge */
} DcepLayout;

extern void dcep_layout_make(const DcepGraph *graph, DcepLayout *layout);

#endif
