#!/usr/bin/env bash
# ship.sh [NAME...]: puts the networks of shipped.txt that are named, or all, here: those
# of the runs named there, which results/accuracy/train.sh makes anew unless .cache/accuracy
# still has them. Of float32 networks larger than 300 KiB, but for the one of the images
# that are shipped, it puts the outline here.
set -euo pipefail
cd "$(dirname "$0")/../.."
list=netrun/models/shipped.txt
[ $# -gt 0 ] || set -- $(sed -n 's|^\([a-z][^ ]*\):.*|\1|p' $list)
for name; do
	run=$(sed -n "s|^$name: *||p" $list)
	[ -n "$run" ] || { echo "ship.sh: no network $name in $list" >&2; exit 1; }
	file=.cache/accuracy/$run.safetensors
	[ -f "$file" ] || results/accuracy/train.sh -again "$run"
	if [ "$(wc -c < "$file")" -gt $((300 << 10)) ] && [ "$name" != fashion-lenet-float32 ]; then
		go run ./netrun export -outline "$file" "netrun/models/$name.json"
	else
		cp "$file" "netrun/models/$name.safetensors"
	fi
done
go test ./netrun/models -update
