/*
 * graph.c: builds the graph of who paid whom.
 *
 * Two passes of counting sort over the pairs, after the wallets' numbers are
 * replaced by their ranks; nothing is hashed, so that the order of the input
 * does not show in the result.
 */
#include "postgres.h"

#include <math.h>

#include "graph.h"

/* Orders 64-bit numbers. */
static int
compare_numbers(const void *left, const void *right)
{
	int64 a = *(const int64 *) left;
	int64 b = *(const int64 *) right;

	return (a > b) - (a < b);
}

/* The elements of an array of 8-byte values; refuses what is not one row of `count` of them. */
static const int64 *
elements_of(ArrayType *array, int count)
{
	if (ARR_NDIM(array) > 1 || ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) != count || ARR_HASNULL(array))
		ereport(ERROR, (errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR), errmsg("payers, payees and payments do not match"),
						errdetail("They are three arrays of one dimension and one length, without nulls.")));
	return (const int64 *) ((const char *) array + ARR_OVERHEAD_NONULLS(ARR_NDIM(array)));
}

/* Room for count elements, which may be more than a gigabyte. */
static void *
allocate(Size count, Size size)
{
	return MemoryContextAllocHuge(CurrentMemoryContext, count * size);
}

/* Collects the wallets, each once, in order. */
static void
number_wallets(DcepGraph *graph, const int64 *payers, const int64 *payees)
{
	Size count = 2 * (Size) graph->pairs;
	Size kept = 0;
	int64 *all = allocate(count + 1, sizeof(int64));

	memcpy(all, payers, graph->pairs * sizeof(int64));
	memcpy(all + graph->pairs, payees, graph->pairs * sizeof(int64));
	qsort(all, count, sizeof(int64), compare_numbers);
	for (Size i = 0; i < count; i++)
	{
		if (i == 0 || all[i] != all[kept - 1])
			all[kept++] = all[i];
	}
	if (kept >= PG_INT32_MAX)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many wallets")));
	graph->number = all;
	graph->wallets = (int) kept;
}

/* The rank of a wallet that is there. */
static int
rank_of(const DcepGraph *graph, int64 number)
{
	const int64 *found = bsearch(&number, graph->number, graph->wallets, sizeof(int64), compare_numbers);

	Assert(found != NULL);
	return (int) (found - graph->number);
}

/* Where each wallet's entries begin, when `key` of every entry is a wallet; entries get their places in order. */
static int *
bucket(const DcepGraph *graph, const int *key, int *place)
{
	int *start = allocate((Size) graph->wallets + 1, sizeof(int));
	int *next = allocate((Size) graph->wallets + 1, sizeof(int));

	memset(start, 0, ((Size) graph->wallets + 1) * sizeof(int));
	for (int i = 0; i < graph->pairs; i++)
		start[key[i] + 1]++;
	for (int i = 0; i < graph->wallets; i++)
		start[i + 1] += start[i];
	memcpy(next, start, ((Size) graph->wallets + 1) * sizeof(int));
	for (int i = 0; i < graph->pairs; i++)
		place[next[key[i]]++] = i;
	pfree(next);
	return start;
}

/* The logarithms of the sizes of buckets. */
static double *
log_sizes(const DcepGraph *graph, const int *start)
{
	double *logs = allocate((Size) graph->wallets + 1, sizeof(double));

	for (int i = 0; i < graph->wallets; i++)
		logs[i] = log10(Max(1, start[i + 1] - start[i]));
	return logs;
}

/* Rates each pair by how few are paid as often. */
static void
rate_pairs(DcepGraph *graph, const int64 *payments, const int *place, double rarity)
{
	int count = graph->pairs;
	int64 *sorted = allocate((Size) count + 1, sizeof(int64));

	memcpy(sorted, payments, (Size) count * sizeof(int64));
	qsort(sorted, count, sizeof(int64), compare_numbers);
	for (int i = 0; i < count; i++)
	{
		int64 paid = payments[place[i]];
		int low = 0;
		int high = count;

		graph->rarity[i] = 0;
		if (paid < 2)
			continue;
		/* The first that is paid as often. */
		while (low < high)
		{
			int middle = low + (high - low) / 2;

			if (sorted[middle] < paid)
				low = middle + 1;
			else
				high = middle;
		}
		if (count - low <= rarity * count)
			graph->rarity[i] = graph->log_pairs - log10(count - low);
	}
	pfree(sorted);
}

DcepGraph *
dcep_graph_build(ArrayType *payers, ArrayType *payees, ArrayType *payments, double rarity)
{
	DcepGraph *graph = palloc0(sizeof(DcepGraph));
	int count = ArrayGetNItems(ARR_NDIM(payers), ARR_DIMS(payers));
	const int64 *from = elements_of(payers, count);
	const int64 *to = elements_of(payees, count);
	int *key = allocate((Size) count + 1, sizeof(int));
	int *place = allocate((Size) count + 1, sizeof(int));

	graph->pairs = count;
	number_wallets(graph, from, to);
	graph->log_pairs = log10(Max(1, count));
	graph->log_wallets = log10(Max(1, graph->wallets));
	graph->payer = allocate((Size) count + 1, sizeof(int));
	graph->payee = allocate((Size) count + 1, sizeof(int));
	graph->in_pair = allocate((Size) count + 1, sizeof(int));
	graph->rarity = allocate((Size) count + 1, sizeof(double));

	for (int i = 0; i < count; i++)
		key[i] = rank_of(graph, from[i]);
	graph->out_start = bucket(graph, key, place);
	for (int i = 0; i < count; i++)
	{
		graph->payer[i] = key[place[i]];
		graph->payee[i] = rank_of(graph, to[place[i]]);
	}
	rate_pairs(graph, elements_of(payments, count), place, rarity);
	graph->in_start = bucket(graph, graph->payee, graph->in_pair);
	graph->log_out = log_sizes(graph, graph->out_start);
	graph->log_in = log_sizes(graph, graph->in_start);
	pfree(key);
	pfree(place);
	return graph;
}
