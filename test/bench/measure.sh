# shellcheck shell=bash
#
# Measures pgbench scripts: rate and server CPU of each run are a line of $dir/figures.
#
# Reads of its caller: dir, where files are kept; cluster, the data folder of the server; warm_up and each, seconds; beside,
# a process that belongs to the server, if there is one.

dir=${dir:?} cluster=${cluster:-}

# Server CPU seconds so far: of the postmaster, its living children and those that have ended, and of the process $beside.
server_cpu()
{
	local postmaster pid
	postmaster=$(head -1 "$cluster/postmaster.pid")
	# A child may end while it is looked at.
	{ cat "/proc/$postmaster/stat"; for pid in $(pgrep -P "$postmaster") ${beside:-}; do cat "/proc/$pid/stat" || true; done; } 2>/dev/null |
		awk -v own="$postmaster" -v tick="$(getconf CLK_TCK)" \
			'{ ticks += $14 + $15; if ($1 == own) ticks += $16 + $17 } END { print ticks / tick }'
}

# Adds a line to the figures: name, how many a second, CPU seconds before and after, how many were done.
note()
{
	awk -v name="$1" -v rate="$2" -v before="$3" -v after="$4" -v done="$5" \
		'BEGIN { printf "%s %.1f %.2f\n", name, rate, (after - before) * 1e6 / done }' >>"$dir/figures"
}

# CPU seconds so far of these processes, which live.
processes_cpu()
{
	local pid
	for pid; do cat "/proc/$pid/stat"; done | awk -v tick="$(getconf CLK_TCK)" '{ ticks += $14 + $15 } END { print ticks / tick }'
}

# The backends of an application: its name.
application_backends()
{
	psql -XAtq -c "SELECT pid FROM pg_stat_activity WHERE application_name = '$1'" postgres
}

# What a run of pgbench has done a second once it was warm: seconds to warm up, its output.
warm_rate()
{
	awk -v warm="$1" '/^progress/ && $2 > warm + 0.5 { sum += $4; n++ } END { print sum / n }' "$2"
}

# One measurement of single transactions: name, database, script or `builtin`, clients[, seconds to warm up[, seconds[, option of pgbench…]]].
# A new connection meets pages that its process has not mapped yet; the applications' ones are open
# for long. So the first seconds do not count.
measure()
{
	local name=$1 database=$2 script=$3 count=$4 warm=${5:-$warm_up} seconds=${6:-$each} before after rate
	local options=(-n -M prepared -P 1 -c "$count" -j 2 -T "$((warm + seconds))" "${@:7}")
	[[ $database == tpcb ]] || options+=(-U bench_bank)
	[[ $script == builtin ]] || options+=(-f "$script")
	pgbench "${options[@]}" "$database" >"$dir/pgbench.out" 2>&1 &
	sleep "$warm"
	before=$(server_cpu)
	sleep "$seconds"
	after=$(server_cpu)
	wait $! || { cat "$dir/pgbench.out" >&2; exit 1; }
	rate=$(warm_rate "$warm" "$dir/pgbench.out")
	note "$name" "$rate" "$before" "$after" "$(awk -v r="$rate" -v s="$seconds" 'BEGIN { print r * s }')"
}

# Two scripts at the same time, each by so many clients, so that whatever else the machine does meets both alike. CPU is that of the
# clients' backends: clients, seconds to warm up, seconds, twice name, database and script[, option of pgbench…].
measure_both()
{
	local count=$1 warm=$2 seconds=$3 names=("$4" "$7") databases=("$5" "$8") scripts=("$6" "$9") i rate
	local first=() last=() runs=() backends=()
	# Some seconds more, since a backend's CPU is known as long as it lives.
	for i in 0 1; do
		PGAPPNAME=${names[i]} pgbench -n -M prepared -P 1 -c "$count" -j 1 -T "$((warm + seconds + 2))" -U bench_bank -f "${scripts[i]}" "${@:10}" \
			"${databases[i]}" >"$dir/pgbench.$i" 2>&1 &
		runs+=($!)
	done
	sleep "$warm"
	for i in 0 1; do backends+=("$(application_backends "${names[i]}")"); done
	# shellcheck disable=SC2086
	for i in 0 1; do first+=("$(processes_cpu ${backends[i]})"); done
	sleep "$seconds"
	# shellcheck disable=SC2086
	for i in 0 1; do last+=("$(processes_cpu ${backends[i]})"); done
	for i in 0 1; do
		wait "${runs[i]}" || { cat "$dir/pgbench.$i" >&2; exit 1; }
		rate=$(warm_rate "$warm" "$dir/pgbench.$i")
		note "${names[i]}" "$rate" "${first[i]}" "${last[i]}" "$(awk -v r="$rate" -v s="$seconds" 'BEGIN { print r * s }')"
	done
}
