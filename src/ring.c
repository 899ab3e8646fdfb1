/*
 * ring.c: dcep.find_rings(), which finds wallets that pay each other more than chance would have it.
 *
 * A wallet, the organiser, has paid some others.  Pairs among those are counted
 * against what chance would bring about, if all wallets paid and were paid by as
 * many as they are but by whomever: each pair speaks with -log10 of its
 * probability, and each member costs log10 of how many the organiser could have
 * chosen from.  What is left is the ring's score, the logarithm of its odds.
 *
 * Pairs that are paid unusually often are alerts by themselves, and are sought
 * on from: who is tied to them and has a payer in common is linked.
 *
 * Reads nothing but its arguments.  Time: each pair is followed one step on.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "graph.h"

PG_FUNCTION_INFO_V1(dcep_find_rings);

/* Columns of the result. */
enum
{
	ALERT_KIND,
	ALERT_ORGANISER,
	ALERT_MEMBERS,
	ALERT_PAIRS,
	ALERT_PAYEES,
	ALERT_SCORE,
	ALERT_COLUMNS
};

/* A run of dcep.find_rings(). Marks hold the round in which they were set last, so that none is ever cleared. */
typedef struct Search
{
	const DcepGraph *graph;
	ReturnSetInfo *result;
	Oid wallet_type;
	double ring_score;
	double link_score;
	int round;
	bool *known;	 /* of each wallet: some alert names it */
	int *near;		 /* of each wallet: round in which it was a payee of the organiser, or in the circle */
	int *touched;	 /* of each wallet: round in which it was a member, or linked */
	int *sponsoring; /* of each wallet: round in which it paid the circle */
	double *link;	 /* of each wallet, while touched: weight of its ties to the circle */
	double *tie;	 /* of each wallet, while touched: by how much a common payer adds to that */
	double *sponsor; /* of each wallet, while sponsoring: weight of its payments to the circle */
	double *best;	 /* of each wallet: its best score as linked; below link_score where it has none */
	int *members;	 /* wallets that were touched in this round */
	int member_count;
	int *circle; /* a wallet, and those with which it makes frequent pairs */
	int circle_count;
	int *sponsors; /* wallets that paid the circle */
	int sponsor_count;
} Search;

/* What is known of a ring while its pairs are gone through. */
typedef struct Ring
{
	int organiser;
	int pairs;
	int chosen; /* members but the organiser */
	double weight;
	int one_payer; /* the payer of all pairs, or -1 */
	int one_payee; /* the payee of all pairs, or -1 */
} Ring;

/* --- results ----------------------------------------------------------------- */

/* Orders ranks. */
static int
compare_ranks(const void *left, const void *right)
{
	return *(const int *) left - *(const int *) right;
}

/* Puts out an alert about `count` wallets, in order; no organiser is -1. */
static void
put_alert(Search *search, const char *kind, int organiser, int *wallets, int count, int pairs, double score)
{
	Datum values[ALERT_COLUMNS];
	bool nulls[ALERT_COLUMNS] = {false};
	Datum *numbers = palloc(count * sizeof(Datum));
	ArrayType *array;

	qsort(wallets, count, sizeof(int), compare_ranks);
	for (int i = 0; i < count; i++)
	{
		numbers[i] = Int64GetDatum(search->graph->number[wallets[i]]);
		search->known[wallets[i]] = true;
	}
	array = construct_array(numbers, count, search->wallet_type, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
	values[ALERT_KIND] = CStringGetTextDatum(kind);
	values[ALERT_MEMBERS] = PointerGetDatum(array);
	values[ALERT_PAIRS] = Int32GetDatum(pairs);
	values[ALERT_SCORE] = Float8GetDatum(score);
	nulls[ALERT_ORGANISER] = nulls[ALERT_PAYEES] = organiser < 0;
	if (organiser >= 0)
	{
		values[ALERT_ORGANISER] = Int64GetDatum(search->graph->number[organiser]);
		values[ALERT_PAYEES] = Int32GetDatum(dcep_graph_payees(search->graph, organiser));
	}
	tuplestore_putvalues(search->result->setResult, search->result->setDesc, values, nulls);
	pfree(DatumGetPointer(values[ALERT_KIND]));
	pfree(array);
	pfree(numbers);
}

/* --- rings ------------------------------------------------------------------- */

/* Makes a wallet a member, once a round. */
static void
add_member(Search *search, Ring *ring, int wallet)
{
	if (search->touched[wallet] == search->round)
		return;
	search->touched[wallet] = search->round;
	search->members[search->member_count++] = wallet;
	if (wallet != ring->organiser)
		ring->chosen++;
}

/* Counts a pair of members. */
static void
add_pair(Search *search, Ring *ring, int pair)
{
	int payer = search->graph->payer[pair];
	int payee = search->graph->payee[pair];

	ring->one_payer = ring->pairs == 0 || ring->one_payer == payer ? payer : -1;
	ring->one_payee = ring->pairs == 0 || ring->one_payee == payee ? payee : -1;
	ring->pairs++;
	ring->weight += dcep_graph_weight(search->graph, payer, payee);
	add_member(search, ring, payer);
	add_member(search, ring, payee);
}

/* The pairs among those that the organiser paid; it takes part where one of them pays it, or it pays one often. */
static void
collect_ring(Search *search, Ring *ring)
{
	const DcepGraph *graph = search->graph;
	int first = graph->out_start[ring->organiser];
	int end = graph->out_start[ring->organiser + 1];

	search->round++;
	search->member_count = 0;
	search->near[ring->organiser] = search->round;
	for (int i = first; i < end; i++)
		search->near[graph->payee[i]] = search->round;
	for (int i = first; i < end; i++)
	{
		int member = graph->payee[i];

		if (graph->rarity[i] > 0)
			add_pair(search, ring, i);
		for (int pair = graph->out_start[member]; pair < graph->out_start[member + 1]; pair++)
		{
			if (search->near[graph->payee[pair]] == search->round)
				add_pair(search, ring, pair);
		}
	}
}

/* What a ring looks like. */
static const char *
ring_kind(const Ring *ring)
{
	if (ring->pairs == 1)
		return "pair";
	if (ring->one_payee >= 0)
		return "fan-in";
	return ring->one_payer >= 0 ? "fan-out" : "ring";
}

/* Puts out the ring of one organiser, if it is one; and an organiser that is no member, if a third of its payees are. */
static void
search_ring(Search *search, int organiser)
{
	Ring ring = {.organiser = organiser, .one_payer = -1, .one_payee = -1};
	int payees = dcep_graph_payees(search->graph, organiser);
	double score;

	collect_ring(search, &ring);
	if (ring.pairs == 0)
		return;
	score = ring.weight - ring.chosen * search->graph->log_out[organiser];
	if (score < search->ring_score)
		return;
	put_alert(search, ring_kind(&ring), organiser, search->members, search->member_count, ring.pairs, score);
	if (search->touched[organiser] != search->round && 3 * (int64) search->member_count >= 1 + (int64) payees)
		put_alert(search, "organiser", organiser, &organiser, 1, ring.pairs, score);
}

/* --- frequent pairs, and what they are linked with --------------------------- */

/* Puts out all frequent pairs. */
static void
search_frequent(Search *search)
{
	const DcepGraph *graph = search->graph;

	for (int pair = 0; pair < graph->pairs; pair++)
	{
		int parties[2] = {graph->payer[pair], graph->payee[pair]};

		if (graph->rarity[pair] > 0)
			put_alert(search, "frequent pair", -1, parties, 2, 1, graph->rarity[pair]);
	}
}

/* Adds a wallet to the circle, once a round. */
static void
add_to_circle(Search *search, int wallet)
{
	if (search->near[wallet] == search->round)
		return;
	search->near[wallet] = search->round;
	search->circle[search->circle_count++] = wallet;
}

/* The wallets with which one makes frequent pairs, and itself; false where there are none. */
static bool
collect_circle(Search *search, int centre)
{
	const DcepGraph *graph = search->graph;

	search->round++;
	search->circle_count = 0;
	search->member_count = 0;
	search->sponsor_count = 0;
	add_to_circle(search, centre);
	for (int pair = graph->out_start[centre]; pair < graph->out_start[centre + 1]; pair++)
	{
		if (graph->rarity[pair] > 0)
			add_to_circle(search, graph->payee[pair]);
	}
	for (int i = graph->in_start[centre]; i < graph->in_start[centre + 1]; i++)
	{
		if (graph->rarity[graph->in_pair[i]] > 0)
			add_to_circle(search, graph->payer[graph->in_pair[i]]);
	}
	return search->circle_count > 1;
}

/* Counts a tie between the circle and a wallet that no alert names yet. */
static void
add_link(Search *search, int wallet, double weight)
{
	if (search->known[wallet])
		return;
	if (search->touched[wallet] != search->round)
	{
		search->touched[wallet] = search->round;
		search->members[search->member_count++] = wallet;
		search->link[wallet] = 0;
		search->tie[wallet] = 0;
	}
	search->link[wallet] += weight;
}

/* Counts a payment to the circle by a wallet outside. */
static void
add_sponsor(Search *search, int wallet, double weight)
{
	if (search->near[wallet] == search->round)
		return;
	if (search->sponsoring[wallet] != search->round)
	{
		search->sponsoring[wallet] = search->round;
		search->sponsors[search->sponsor_count++] = wallet;
		search->sponsor[wallet] = 0;
	}
	search->sponsor[wallet] += weight;
}

/* All ties of the circle. */
static void
collect_links(Search *search)
{
	const DcepGraph *graph = search->graph;

	for (int i = 0; i < search->circle_count; i++)
	{
		int wallet = search->circle[i];

		for (int pair = graph->out_start[wallet]; pair < graph->out_start[wallet + 1]; pair++)
			add_link(search, graph->payee[pair], dcep_graph_weight(graph, wallet, graph->payee[pair]));
		for (int j = graph->in_start[wallet]; j < graph->in_start[wallet + 1]; j++)
		{
			int payer = graph->payer[graph->in_pair[j]];
			double weight = dcep_graph_weight(graph, payer, wallet);

			add_link(search, payer, weight);
			add_sponsor(search, payer, weight);
		}
	}
}

/*
 * Who is tied to the circle and has a payer in common with it.  That payer says nothing by itself where chance gives
 * the circle such a one, which is so for every payer of one member alone.
 */
static void
collect_ties(Search *search)
{
	const DcepGraph *graph = search->graph;

	for (int i = 0; i < search->sponsor_count; i++)
	{
		int sponsor = search->sponsors[i];
		double choice = Max(0.0, graph->log_wallets - search->sponsor[sponsor]);

		for (int pair = graph->out_start[sponsor]; pair < graph->out_start[sponsor + 1]; pair++)
		{
			int wallet = graph->payee[pair];

			if (search->touched[wallet] == search->round)
				search->tie[wallet] = Max(search->tie[wallet], dcep_graph_weight(graph, sponsor, wallet) - choice);
		}
	}
}

/* Puts out what is linked with frequent pairs. Comes last: it names nobody whom another alert names. */
static void
search_linked(Search *search)
{
	const DcepGraph *graph = search->graph;

	for (int wallet = 0; wallet < graph->wallets; wallet++)
		search->best[wallet] = -INFINITY;
	for (int centre = 0; centre < graph->wallets; centre++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!collect_circle(search, centre))
			continue;
		collect_links(search);
		collect_ties(search);
		for (int i = 0; i < search->member_count; i++)
		{
			int wallet = search->members[i];

			search->best[wallet] =
				Max(search->best[wallet], search->link[wallet] + search->tie[wallet] - graph->log_wallets);
		}
	}
	for (int wallet = 0; wallet < graph->wallets; wallet++)
	{
		int alone = wallet;

		if (search->best[wallet] >= search->link_score)
			put_alert(search, "linked", -1, &alone, 1, 0, search->best[wallet]);
	}
}

/* --- the function ------------------------------------------------------------ */

/* Room for a value of each wallet, zero. */
static void *
per_wallet(const DcepGraph *graph, Size size)
{
	Size bytes = ((Size) graph->wallets + 1) * size;

	return memset(MemoryContextAllocHuge(CurrentMemoryContext, bytes), 0, bytes);
}

/* dcep.find_rings(payers, payees, payments, ring_score, link_score, rarity) */
Datum
dcep_find_rings(PG_FUNCTION_ARGS)
{
	ArrayType *payers = PG_GETARG_ARRAYTYPE_P(0);
	const DcepGraph *graph =
		dcep_graph_build(payers, PG_GETARG_ARRAYTYPE_P(1), PG_GETARG_ARRAYTYPE_P(2), PG_GETARG_FLOAT8(5));
	Search search = {
		.graph = graph,
		.wallet_type = ARR_ELEMTYPE(payers),
		.ring_score = PG_GETARG_FLOAT8(3),
		.link_score = PG_GETARG_FLOAT8(4),
		.known = per_wallet(graph, sizeof(bool)),
		.near = per_wallet(graph, sizeof(int)),
		.touched = per_wallet(graph, sizeof(int)),
		.sponsoring = per_wallet(graph, sizeof(int)),
		.link = per_wallet(graph, sizeof(double)),
		.tie = per_wallet(graph, sizeof(double)),
		.sponsor = per_wallet(graph, sizeof(double)),
		.best = per_wallet(graph, sizeof(double)),
		.members = per_wallet(graph, sizeof(int)),
		.circle = per_wallet(graph, sizeof(int)),
		.sponsors = per_wallet(graph, sizeof(int)),
	};

	InitMaterializedSRF(fcinfo, 0);
	search.result = (ReturnSetInfo *) fcinfo->resultinfo;
	for (int organiser = 0; organiser < graph->wallets; organiser++)
	{
		CHECK_FOR_INTERRUPTS();
		search_ring(&search, organiser);
	}
	search_frequent(&search);
	search_linked(&search);
	return (Datum) 0;
}
