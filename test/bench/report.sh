# shellcheck shell=bash
#
# The bench's table: medians over the rounds, ratios within a round, targets beside them.
#
# Keeps its files in the caller's folder $dir. Reads $dir/figures, lines of "name per_second cpu_microseconds", one a round and measurement.

dir=${dir:?}

# Median of numbers, one a line.
median_of()
{
	sort -g | awk '{ v[NR] = $1 } END { if (NR) print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# Median of a column (2: per second, 3: CPU) of a measurement.
median()
{
	awk -v name="$1" -v column="$2" '$1 == name { print $column }' "$dir/figures" | median_of
}

# Median of the ratios, round by round, of a column of two measurements.
median_ratio()
{
	awk -v name="$1" -v other="$2" -v column="$3" '$1 == name { a[++n] = $column } $1 == other { b[++m] = $column }
		END { for (i = 1; i <= n && i <= m; i++) print a[i] / b[i] }' "$dir/figures" | median_of
}

table_head()
{
	: >"$dir/chart.tsv"
	printf '\n%-58s %10s %8s %7s  %s\n' "$1" 'a second' 'CPU us' 'ratio' 'target'
}

# Prints a row: what, a second, CPU, ratio, target ("" or such as ">= 1.5"), and whether the ratio meets it.
print_row()
{
	local verdict=''
	[[ -z $5 ]] || verdict=$(awk -v ratio="$4" -v target="$5" 'BEGIN {
		split(target, t, " "); print (t[1] == ">=" ? ratio >= t[2] : ratio <= t[2]) ? "met" : "short" }')
	printf '%-58s %10s %8s %7s  %-8s %s\n' "$1" "$2" "$3" "$4" "$5" "$verdict"
}

# A row of two measurements, where both were made: what, name, the other's name, target for the ratio of their rates.
row()
{
	local what=$1 name=$2 other=$3 target=$4 rate
	rate=$(median "$name" 2)
	[[ -n $rate && -n $(median "$other" 2) ]] || return 0
	print_row "$what" "$(printf %.0f "$rate")" "$(printf %.1f "$(median "$name" 3)")" \
		"$(printf %.2f "$(median_ratio "$name" "$other" 2)")" "$target"
	printf '"%s"\t%s\n' "${what% / *}" "$rate" >>"$dir/chart.tsv"
}

# A row of one figure and its target: what, figure, target.
figure()
{
	print_row "$1" '' '' "$2" "$3"
}

# The rates of the table as a chart, where gnuplot is there.
draw_chart()
{
	command -v gnuplot >/dev/null || return 0
	# The first row stands on top.
	gnuplot <<-END
		set terminal svg size 960,$(( 120 + 24 * $(wc -l <"$dir/chart.tsv") )) font "sans,12" background rgb "white"
		set output "$dir/bench.svg"
		set datafile separator "\t"
		set title "$1" noenhanced
		set xlabel "a second (logarithmic)"
		set logscale x
		set xrange [100:*]
		set yrange [:] reverse
		set ytics noenhanced nomirror scale 0
		set grid x
		set style fill solid 0.85 noborder
		set lmargin 52
		set offsets 0, 0, 0.6, 0.6
		plot "$dir/chart.tsv" using (0):0:(100):2:(\$0 - 0.35):(\$0 + 0.35):ytic(1) with boxxyerror \
			linecolor rgb "#2f6db3" notitle, \
			"" using 2:0:(sprintf("  %.0f", \$2)) with labels left notitle
	END
	echo "chart: $dir/bench.svg"
}
