#!/usr/bin/env bash
# train.sh [-again] [NAME...]: makes the runs of runs.txt that are named, or all, one after the
# other, and puts what they came to here as NAME.jsonl. A name may be a pattern, such as
# 'fashion-*-s1'. A run that others start from is made before them. A run that was
# interrupted goes on from its checkpoint in .cache/accuracy; one whose result is here is
# not made again, but with -again, from the start.
# Models stay in .cache/accuracy.
#
# MNIST and CIFAR10 name the folders of those data sets, FASHION that of Fashion-MNIST if
# it is not where Debian's package puts it, which is installed if it may be. THREADS bounds the goroutines of a run.
set -euo pipefail
cd "$(dirname "$0")/../.."
list=results/accuracy/runs.txt
cache=.cache/accuracy
mkdir -p $cache/study results/accuracy/study
go build -o .cache/netrun ./netrun

fail() { echo "train.sh: $*" >&2; exit 1; }

fashion=${FASHION:-/usr/share/datasets/fashion-mnist}
if [ -z "${FASHION:-}" ] && [ ! -d "$fashion" ]; then
	root=()
	[ "$(id -u)" = 0 ] || root=(sudo -n)
	"${root[@]}" apt-get install -y dataset-fashion-mnist ||
		{ "${root[@]}" apt-get update && "${root[@]}" apt-get install -y dataset-fashion-mnist; } ||
		fail "no $fashion: want FASHION=folder of Fashion-MNIST"
fi

# flags NAME: those of the run, one a line, with folders and checkpoints in place of %names
# and @runs.
flags() {
	local word line
	line=$(sed -n "s|^$1:||p" $list)
	[ -n "$line" ] || fail "no run $1 in $list"
	for word in $line; do
		case $word in
		%mnist) echo "${MNIST:?train.sh: want MNIST=folder of MNIST}" ;;
		%cifar10) echo "${CIFAR10:?train.sh: want CIFAR10=folder of CIFAR-10}" ;;
		%fashion) echo "$fashion" ;;
		@*) echo "$cache/${word#@}.safetensors.checkpoint" ;;
		*) echo "$word" ;;
		esac
	done
}

run() {
	local name=$1 from lines word words=()
	[ ! -f "results/accuracy/$name.jsonl" ] || [ "${2:-}" = again ] || return 0
	from=$(sed -n "s|^$name:.* @\([^ ]*\).*|\1|p" $list)
	if [ -n "$from" ] && [ ! -f "$cache/$from.safetensors.checkpoint" ]; then
		run "$from" again
	fi
	lines=$(flags "$name")
	while IFS= read -r word; do
		words+=("$word")
	done <<<"$lines"
	echo "=== $name"
	rm -f "$cache/$name.jsonl"
	if [ -f "results/accuracy/$name.jsonl" ]; then # made before: its checkpoint is of the end
		rm -f "$cache/$name.safetensors.checkpoint"
	fi
	.cache/netrun train -resume ${THREADS:+-threads "$THREADS"} "${words[@]}" -log "$cache/$name.jsonl" -out "$cache/$name.safetensors"
	mv "$cache/$name.jsonl" "results/accuracy/$name.jsonl"
}

again=
if [ "${1:-}" = -again ]; then
	again=again
	shift
fi
names=$(sed -n 's|^\([a-z][^ ]*\):.*|\1|p' $list)
[ $# -gt 0 ] || set -- '*'
for pattern; do
	some=
	for name in $names; do
		# shellcheck disable=SC2254 # a pattern
		case $name in $pattern)
			some=1
			run "$name" $again
			;;
		esac
	done
	[ -n "$some" ] || fail "no run is called $pattern: want one of
$names"
done
