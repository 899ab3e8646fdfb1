# shellcheck shell=bash
#
# A PostgreSQL of the checkout's own, for what needs one: check, lint, demo, bench.
#
# A private server NAME has everything in one folder, .pg/NAME:
#
#   build.*/ the extension, compiled there
#   tree/    a copy of the PostgreSQL installation, with dcep installed in it
#   data/    the cluster; socket/ its socket; log what it says
#
# The system's clusters and files are not touched, and nothing listens on TCP.
# The tree is needed since a server before version 18 looks for extensions in its own
# installation only.  It finds that relative to its executable; so the executables are
# copied and all else is links.
#
# Use, in a script that takes no other step before:
#
#   . "$(dirname "$0")/../test/private_server.sh"
#   private_enter "$@"               from here on: not root, in the checkout, no stray settings
#   private_build NAME [flavour]     flavour: plain, assert, sanitize, valgrind
#   private_start NAME [setting=value]…
#   psql …                           PATH, PGHOST, PGUSER are set; the user postgres is a superuser
#
# The server stops when the script ends, unless the script has an EXIT trap of its own, which
# then calls private_stop; private_keep lets the server run on.
# Settings for all private servers stand in test/server.conf.

# Leaves root's rights, since PostgreSQL refuses to run with them, and starts the script anew without.
# Where the unprivileged user cannot read the checkout, it works on a copy below /tmp.
private_enter()
{
	root=${DCEP_ROOT:-$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")}
	private=$(realpath -m "${PRIVATE:-$root/.pg}")

	# What belongs to another server or another make must not reach ours.
	local name
	for name in "${!PG@}"; do
		[[ $name == PG_CONFIG ]] || unset "$name"
	done
	unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES CDPATH BASH_ENV
	umask 022

	if (( EUID == 0 )); then
		_private_leave_root "$@"
	fi
	mkdir -p "$private"
	cd "$root" || exit
}

_private_leave_root()
{
	local script user home
	script=$(realpath "$0")
	user=postgres
	getent passwd "$user" >/dev/null || user=nobody
	if [[ ! -d $private ]]; then
		mkdir -p "$private"
		chown "$user": "$private"
	elif [[ $(stat -c %u "$private") != 0 ]]; then
		user=$(stat -c %U "$private")
	fi
	local as_user=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --init-groups --)

	if ! "${as_user[@]}" test -w "$private" ||
		[[ -n $("${as_user[@]}" find "$root"/{Makefile,src,signer,verify,sql,expected,test,demo,docs,report} ! -readable 2>&1 | head -1) ]]; then
		home=$private
		if [[ $home != /tmp/dcep.* ]]; then
			home=$(mktemp -d /tmp/dcep.XXXXXX)
			chown "$user": "$home"
			rmdir "$private"
			ln -s "$home" "$private"
		fi
		echo "$user cannot read $root: working on a copy in $home"
		rm -rf "$home/checkout"
		mkdir "$home/checkout"
		tar -C "$root" --exclude=./.git --exclude=./.pg -cf - . | tar -C "$home/checkout" --no-same-owner -xf -
		chmod -R a+rX "$home/checkout"
		script=$home/checkout/${script#"$root"/}
		root=$home/checkout
		private=$home
	fi

	# A data folder that only root can read is handed over in the same way.
	if [[ -n ${DATA:-} ]]; then
		DATA=$(realpath "$DATA")
		if ! "${as_user[@]}" find "$DATA"/*.csv >/dev/null 2>&1; then
			rm -rf "$private/data.copy"
			cp -rL "$DATA" "$private/data.copy"
			chown -R "$user": "$private/data.copy"
			DATA=$private/data.copy
		fi
		export DATA
	fi

	cd "$root" || exit
	exec "${as_user[@]}" env "HOME=$private" "USER=$user" "LOGNAME=$user" "DCEP_ROOT=$root" "PRIVATE=$private" \
		"$script" "$@"
}

# Makes .pg/NAME anew and installs dcep in its tree; compiles what has changed, or all for a third argument `anew`.
private_build()
{
	local name=$1 flavour=${2:-plain} anew=${3:-}
	local dir=$private/$name
	local build=$dir/build.$flavour
	local config=${PG_CONFIG:-pg_config}
	mkdir -p "$dir"

	# Two runs on one folder would spoil each other. No child may keep the lock: hence 9>&- below.
	exec 9>"$dir/lock"
	if ! flock -n 9; then
		echo "another run is using $dir: waiting for it"
		flock 9
	fi
	private_stop "$name"
	find "$dir" -mindepth 1 -maxdepth 1 ! -name 'build.*' ! -name lock -exec rm -rf {} +

	local bindir file
	bindir=$("$config" --bindir)
	mkdir -p "$dir/tree$bindir"
	cp -a "$bindir/." "$dir/tree$bindir"
	for file in --pkglibdir --sharedir; do
		file=$("$config" "$file")
		mkdir -p "$dir/tree$file"
		cp -rsf "$file/." "$dir/tree$file"
	done
	for file in --includedir --pkgincludedir --includedir-server; do
		file=$("$config" "$file")
		[[ -e $dir/tree$file ]] && continue
		mkdir -p "$dir/tree$(dirname "$file")"
		ln -s "$file" "$dir/tree$file"
	done
	config=$dir/tree$bindir/pg_config
	# An installed dcep of the system's must not shine through.
	rm -f "$("$config" --pkglibdir)/dcep.so" "$("$config" --sharedir)"/extension/dcep{.control,--*.sql}

	local options=()
	case $flavour in
		plain) ;;
		assert) options=("COPT=-DUSE_ASSERT_CHECKING") ;;
		valgrind) options=("COPT=-DUSE_ASSERT_CHECKING -O1") ;;
		sanitize) options=("COPT=-DUSE_ASSERT_CHECKING -O1 -U_FORTIFY_SOURCE $private_sanitizers") ;;
	esac

	[[ -z $anew ]] || rm -rf "$build"
	mkdir -p "$build"
	rm -rf "$build"/src/*.[ch] "$build"/verify/*.[ch] "$build/src/sql" "$build/signer"
	cp -p --parents Makefile dcep.control "$build"
	cp -p --parents verify/*.[ch] verify/dcep-export "$build"
	find src signer -name '*.[ch]' -exec cp -p --parents -t "$build" {} + -o \
		-name '*.sql' -exec cp -p --parents -t "$build" {} + -o \
		-name '*.service' -exec cp -p --parents -t "$build" {} +
	make -C "$build" -s -j "$(nproc)" "PG_CONFIG=$config" with_llvm=no "${options[@]}" install

	_private_wrap_server "$flavour" "$dir" "$dir/tree$bindir/postgres"

	export PATH=$dir/tree$bindir:$PATH PG_CONFIG=$config
}

private_sanitizers='-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer'
private_sanitizer_env=(ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:detect_stack_use_after_return=0
	UBSAN_OPTIONS=print_stacktrace=1)

# Puts a script in the server's place that starts it with what the flavour needs.
_private_wrap_server()
{
	local flavour=$1 dir=$2 server=$3
	case $flavour in
		sanitize)
			mv "$server" "$server.real"
			# The C library may hold its locale lock over its first malloc; AddressSanitizer, which
			# starts in that malloc, would take the lock again and hang. So malloc is called before all else.
			gcc -shared -fPIC -Wl,-z,initfirst -o "$dir/tree/early_malloc.so" -x c - <<-'END'
				#include <stdlib.h>
				__attribute__((constructor)) static void early(void) { free(malloc(1)); }
			END
			cat >"$server" <<-END
				#!/bin/bash
				export LD_PRELOAD='$(gcc -print-file-name=libasan.so) $dir/tree/early_malloc.so' ${private_sanitizer_env[@]}
				exec -a "\$0" "\$0.real" "\$@"
			END
			chmod +x "$server" ;;
		valgrind)
			mv "$server" "$server.real"
			mkdir -p "$dir/valgrind"
			cat >"$server" <<-END
				#!/bin/bash
				case \${1:-} in --boot | --check | --single | -V) exec -a "\$0" "\$0.real" "\$@" ;; esac
				exec valgrind --quiet --leak-check=no --trace-children=yes --error-limit=no --num-callers=40 --fullpath-after= \\
					--suppressions='$root/test/valgrind.supp' --log-file='$dir/valgrind/%p.log' \\
					--error-markers=ERROR-BEGIN,ERROR-END "\$0.real" "\$@"
			END
			chmod +x "$server" ;;
	esac
}

# Makes a new cluster and starts it; the caller's environment then leads to it.
private_start()
{
	local name=$1 setting
	local dir=$private/$name
	shift
	rm -rf "$dir/data" "$dir/socket"
	local socket=$dir/socket
	# The name of a Unix socket has at most 107 bytes.
	if (( ${#socket} + ${#private_socket_name} > 107 )); then
		socket=$(mktemp -d /tmp/dcep-socket.XXXXXX)
		ln -s "$socket" "$dir/socket"
	fi
	mkdir -p "$socket"
	chmod 700 "$socket"

	# shellcheck disable=SC2064
	[[ -n $(trap -p EXIT) ]] || trap "private_stop '$name'" EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM

	initdb -D "$dir/data" -U postgres -A trust --locale=C -E UTF8 --no-sync >"$dir/initdb.log" 2>&1 ||
		{ cat "$dir/initdb.log" >&2; return 1; }
	{
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$socket'"
		echo "log_line_prefix = '%m [%p] %q%a '"
		[[ -r $root/test/server.conf ]] && cat "$root/test/server.conf"
		for setting; do
			echo "${setting%%=*} = '${setting#*=}'"
		done
	} >>"$dir/data/postgresql.conf"
	pg_ctl -D "$dir/data" -l "$dir/log" -w -t 300 start >"$dir/pg_ctl.log" 2>&1 9>&- ||
		{ cat "$dir/pg_ctl.log" "$dir/log" >&2; return 1; }

	export PGHOST=$socket PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
}
private_socket_name=/.s.PGSQL.5432.lock.12345

# Stops every server that keeps its data below .pg/NAME, those of a killed run included.
private_stop()
{
	local dir file pid socket
	dir=$(realpath -m "$private/$1")
	while read -r file; do
		{ read -r pid; read -r _; read -r _; read -r _; read -r socket; } <"$file" || continue
		# The number may by now be another process's.
		grep -qsF "$dir/" "/proc/$pid/cmdline" || continue
		kill -INT "$pid" 2>/dev/null || continue
		_private_gone "$pid" 10 || kill -QUIT "$pid" 2>/dev/null || true
		_private_gone "$pid" 20 || echo "process $pid does not stop" >&2
		[[ $socket != /tmp/dcep-socket.* ]] || rm -rf "$socket"
	done < <(find "$dir/" -name postmaster.pid 2>/dev/null)
}

_private_gone()
{
	local tenth
	for (( tenth = 0; tenth < $2 * 10; tenth++ )); do
		[[ -e /proc/$1 ]] || return 0
		sleep 0.1
	done
	return 1
}

# Lets the server run on after the script.
private_keep()
{
	trap - EXIT
}
