#!/usr/bin/env bash
# train.sh [NAME...]: trains the shipped networks named, or all, and puts them
# here. Each is a function of its flags, bit for bit; a run that was interrupted
# goes on from its checkpoint in .cache/models. "netrun inspect FILE" prints the
# configuration that a file was made with.
set -euo pipefail
cd "$(dirname "$0")/../.."

# The low-bit networks start from the float one's checkpoint.
float=lenet-float32
discrete=(-method dst -init .cache/models/$float.safetensors.checkpoint -flip -contrast 2 -normlr 0.01 -statistics 0.02 -beta1 0.99)
declare -A flags=(
	[lenet-float32]="-method float -epochs 20 -decay 0.05 -flip"
	[lenet-binary-u1]="${discrete[*]} -weights binary -acts u1 -epochs 8 -lr 0.1 -halfwidth 1 -fan-in 1"
	[lenet-ternary-u2]="${discrete[*]} -weights ternary -acts u2 -epochs 14 -lr 0.05 -shift 1 -fan-in 1"
	[lenet-pow2x3-u3]="${discrete[*]} -weights pow2:3 -acts u3 -epochs 12 -lr 0.02 -shift 1"
	[lenet-pow2x4-u4]="${discrete[*]} -weights pow2:4 -acts u4 -epochs 8 -lr 0.01 -shift 1"
)
[ $# -gt 0 ] || set -- $float $(printf '%s\n' "${!flags[@]}" | grep -v $float | sort)

data=/usr/share/datasets/fashion-mnist
if [ ! -d $data ]; then
	root=()
	[ "$(id -u)" = 0 ] || root=(sudo -n)
	"${root[@]}" apt-get install -y dataset-fashion-mnist ||
		{ "${root[@]}" apt-get update && "${root[@]}" apt-get install -y dataset-fashion-mnist; }
fi
mkdir -p .cache/models
go build -o .cache/netrun ./netrun
for name; do
	echo "=== $name"
	.cache/netrun train -resume ${flags[$name]} -out .cache/models/$name.safetensors
	cp .cache/models/$name.safetensors netrun/models/
done
