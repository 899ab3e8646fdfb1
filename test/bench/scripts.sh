# shellcheck shell=bash
#
# pgbench scripts for the bench. Each draws a payer a, a payee b and an amount.
#
# write_scripts FOLDER WALLETS CODE makes, for each way to draw,
#   payment-DRAW.sql   a payment by dcep
#   plain-DRAW.sql     by the plain ledger, in six statements
#   call-DRAW.sql      by the plain ledger, in one function call
# and payout.sql, a payment out of the vault, and refused.sql, of more than the payer has.

# pgbench commands that turn the variable $1 (below 100,000) into the wallet number $2: its check
# digit is that of ISO/IEC 7064 MOD 11,10, whose state after the constant digits is computed here.
wallet_commands()
{
	local n=$1 wallet=$2 code=$3 state=10 digit power
	for digit in "${code:0:1}" "${code:1:1}" "${code:2:1}" "${code:3:1}" 0 0 0 0 0 0; do
		state=$(( ((state + digit - 1) % 10 + 1) * 2 % 11 ))
	done
	echo "\\set p $state"
	for power in 10000 1000 100 10 1; do
		echo "\\set p ((:p + :$n / $power % 10 - 1) % 10 + 1) * 2 % 11"
	done
	echo "\\set $wallet ${code}000000000000 + :$n * 10 + (11 - :p) % 10"
}

# By dcep.
payment_script()
{
	wallet_commands a payer "$1"
	wallet_commands b payee "$1"
	echo 'INSERT INTO dcep.transfer (payer, payee, amount) VALUES (:payer, :payee, :amount);'
}

# Out of the operator's vault, from which all exchange in at once.
payout_script()
{
	wallet_commands b payee "$1"
	echo "INSERT INTO dcep.transfer (kind, payer, payee, amount) VALUES ('exchange_in', dcep.vault($1), :payee, :amount);"
}

# Refused by the last of the rules. It is a line of a payment file, since pgbench ends where a statement fails.
refused_script()
{
	wallet_commands a payer "$1"
	wallet_commands b payee "$1"
	echo "SELECT sqlstate FROM dcep.submit(ARRAY[(:payer, :payee, '1000000000000000', NULL, NULL)]::dcep.instruction[]);"
}

# By the plain ledger, the lower account first.
plain_script()
{
	cat <<-'COMMANDS'
		\set lower (case when :a < :b then :a else :b end)
		\set upper (case when :a < :b then :b else :a end)
		\set d (case when :a < :b then 0 - :amount else :amount end)
		\set paid 0 - :amount
		BEGIN;
		UPDATE account SET balance = balance + :d WHERE id = :lower;
		UPDATE account SET balance = balance - :d WHERE id = :upper;
		INSERT INTO entry (account, other, amount) VALUES (:a, :b, :paid);
		INSERT INTO entry (account, other, amount) VALUES (:b, :a, :amount);
		COMMIT;
	COMMANDS
}

call_script()
{
	echo 'SELECT pay(:a, :b, :amount);'
}

# Zipf's law over so many wallets, in pgbench commands. Exponent 1 by inversion: pgbench's own draws are slow there.
zipf()
{
	local wallets=$1 exponent=$2
	if [[ $exponent == 1 ]]; then
		# int() rounds
		echo "greatest(0, least($wallets - 1, int(exp(ln($wallets + 1) * random(0, 999999) / 1000000.0) - 0.5) - 1))"
	else
		echo "random_zipfian(1, $wallets, $exponent) - 1"
	fi
}

write_scripts()
{
	local folder=$1 wallets=$2 code=$3 draw kind exponent
	local -A a b
	local anybody="random(0, $wallets - 1)" other="(:a + random(1, $wallets - 1)) % $wallets"
	a[spread]=$anybody b[spread]=$other
	a[merchant]="random(1, $wallets - 1)" b[merchant]=0
	for exponent in 1 2; do
		a[payers-$exponent]=$(zipf "$wallets" "$exponent") b[payers-$exponent]=$other
		a[payees-$exponent]=$anybody b[payees-$exponent]=$(zipf "$wallets" "$exponent")
	done
	for draw in "${!a[@]}"; do
		for kind in payment plain call; do
			{
				printf '\\set a %s\n\\set b %s\n' "${a[$draw]}" "${b[$draw]}"
				[[ $draw != payees-* ]] || echo "\\set b (case when :a = :b then (:b + 1) % $wallets else :b end)"
				echo '\set amount random(1, 1000)'
				"${kind}_script" "$code"
			} >"$folder/$kind-$draw.sql"
		done
	done
	{ printf '\\set b %s\n\\set amount random(1, 1000)\n' "$anybody"; payout_script "$code"; } >"$folder/payout.sql"
	{ printf '\\set a %s\n\\set b %s\n' "$anybody" "$other"; refused_script "$code"; } >"$folder/refused.sql"
}
