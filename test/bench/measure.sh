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

# CPU seconds so far of these processes, which live, as the scheduler counts them.
processes_cpu()
{
	local pid
	for pid; do cat "/proc/$pid/schedstat"; done | awk '{ sum += $1 } END { printf "%.6f\n", sum / 1e9 }'
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

# Payments that a database has made so far.
payments_made()
{
	psql -XAtqc 'SELECT last_value FROM dcep.transfer_id_seq' "$1"
}

# One script on two databases in turns of a third of a second; whose turn it is not waits. Turns are so short that the machine, whose
# speed changes from second to second, meets both alike, and neither shares it with the other. CPU is that of the clients' backends,
# and for the second database of the process $beside too: clients, seconds to warm up, turns of each, twice name and database, script.
measure_in_turns()
{
	local count=$1 warm=$2 turns=$3 names=("$4" "$6") databases=("$5" "$7") script=$8 turn=0.3 i n
	local processes=() made=() first=()
	for i in 0 1; do
		PGAPPNAME=${names[i]} pgbench -n -M prepared -c "$count" -j 1 -T 3600 -U bench_bank -f "$script" "${databases[i]}" >"$dir/pgbench.$i" 2>&1 &
		turned+=($!)
	done
	sleep "$warm"
	kill -STOP "${turned[@]}" || { cat "$dir"/pgbench.[01] >&2; exit 1; }
	sleep 0.2
	processes=("$(application_backends "${names[0]}")" "$(application_backends "${names[1]}") ${beside:-}")
	for i in 0 1; do
		made+=("$(payments_made "${databases[i]}")")
		# shellcheck disable=SC2086
		first+=("$(processes_cpu ${processes[i]})")
	done
	for (( n = 0; n < 2 * turns; n++ )); do
		i=$(( (n + n / 2) % 2 ))
		kill -CONT "${turned[i]}"
		sleep $turn
		kill -STOP "${turned[i]}"
		sleep 0.03 # what is under way ends
	done
	for i in 0 1; do
		made[i]=$(( $(payments_made "${databases[i]}") - made[i] ))
		# shellcheck disable=SC2086
		note "${names[i]}" "$(awk -v made="${made[i]}" -v turns="$turns" -v turn=$turn 'BEGIN { print made / (turns * turn) }')" \
			"${first[i]}" "$(processes_cpu ${processes[i]})" "${made[i]}"
	done
	leave_turns
}
turned=()

# Ends what takes turns; a process that is stopped would not end by itself.
leave_turns()
{
	(( ${#turned[@]} > 0 )) || return 0
	kill -KILL "${turned[@]}" || true
	wait "${turned[@]}" 2>/dev/null || true
	turned=()
}
