/*
 * trace_picture.c: dcep.trace_dot() and dcep.trace_svg().
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "argument.h"
#include "trace_graph.h"

PG_FUNCTION_INFO_V1(dcep_trace_dot);
PG_FUNCTION_INFO_V1(dcep_trace_svg);

/* Does a direction lead forward? 22023 where it is none. */
static bool
read_direction(const char *name)
{
	if (strcmp(name, "forward") != 0 && strcmp(name, "back") != 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown direction of tracing \"%s\"", name),
						errdetail("A trace leads to where value is now, or to where it came from."),
						errhint("The directions are forward and back.")));
	return name[0] == 'f';
}

/* Makes the trace of a call and draws it; the arguments are transfer, method, direction, max_depth, max_rows. */
static Datum
draw(FunctionCallInfo fcinfo, void (*put)(const DcepGraph *graph, StringInfo out))
{
	DcepTraceCall call = {0};
	DcepTrace trace;
	DcepGraph graph;
	StringInfoData out;

	dcep_require_arguments(fcinfo, 0, 3, "transfer, method and direction");
	call.method = dcep_trace_method(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	call.is_forward = read_direction(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	call.limits = dcep_trace_limits(fcinfo, 3, DCEP_PICTURE_ROWS_MAX);
	call.config = dcep_config_required();
	call.snapshot = RegisterSnapshot(GetActiveSnapshot());
	dcep_trace_begin_transfer(&call, PG_GETARG_INT64(0));
	dcep_trace_call_run(&call, &trace);
	UnregisterSnapshot(call.snapshot);
	dcep_trace_graph_build(&call, &trace, &graph);
	initStringInfo(&out);
	put(&graph, &out);
	return PointerGetDatum(cstring_to_text_with_len(out.data, out.len));
}

/* dcep.trace_dot(…) → text */
Datum
dcep_trace_dot(PG_FUNCTION_ARGS)
{
	return draw(fcinfo, dcep_graph_put_dot);
}

/* dcep.trace_svg(…) → text */
Datum
dcep_trace_svg(PG_FUNCTION_ARGS)
{
	return draw(fcinfo, dcep_graph_put_svg);
}
