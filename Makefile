.PHONY: help
help:
	@echo 'make targets:'
	@sed -n 's/^\([a-z0-9-]*\):.*## /  \1\t/p' Makefile | expand -t 18

.PHONY: run
run: ## the shipped networks on the shipped test set: speed, memory and accuracy beside float
	go run ./netrun

.PHONY: test
test: ## everything that CI checks; installs emulators with apt if it may, says what it skips if not
	@.ci/test

.PHONY: test-style test-go test-gen test-avx512 test-vet test-build test-purego test-race test-arm64 test-cpus
test-style: ## gofmt and staticcheck
test-go: ## the tests of every package; on amd64, AVX-512 under emulation if this CPU lacks it
test-gen: ## the generator's tests; generated code in step with it
test-avx512: ## the tests of the kernels, AVX-512 among them
test-vet: ## go vet for amd64, arm64, riscv64 and s390x, and with the tag purego
test-build: ## builds for linux, darwin and windows on amd64 and arm64
test-purego: ## the tests without assembly
test-race: ## the tests under the race detector
test-arm64: ## the tests on emulated arm64 CPUs without DotProd, without I8MM and with both
test-cpus: ## the tests on emulated CPUs without AVX and without AVX-512
test-style test-go test-gen test-avx512 test-vet test-build test-purego test-race test-arm64 test-cpus:
	@.ci/test $(@:test-%=%)

.PHONY: generate
generate: ## writes the assembly and its Go declarations anew
	cd gen && go run ./neon/methods && go run ./amd64 && go run ./arm64

# The time is shared by all fuzz targets of all packages. What fails is kept in the
# package's testdata/fuzz, where the tests find it again.
FUZZTIME ?= 600

.PHONY: fuzz
fuzz: ## looks for inputs on which kernels, plans or readers of files go wrong, for FUZZTIME seconds in all
	@.ci/fuzz $(FUZZTIME)

.PHONY: rates
rates: ## measures the rates that dispatch chooses kernels by, anew on this machine
	go run ./bench/rates

.PHONY: estimate
estimate: ## estimates the speed of the arm64 kernels without such a machine; installs QEMU and LLVM if it may
	@bench/estimate/get
	go run ./bench/estimate

.PHONY: accuracy
accuracy: ## makes the training runs of results/accuracy that are not there yet, of those that NAMES names if it does
	results/accuracy/train.sh $(NAMES)

.PHONY: models
models: ## puts in the shipped networks, or those that NAMES names, from their runs, which it makes if they are not in .cache
	netrun/models/ship.sh $(NAMES)

# What is measured: BENCH is a regular expression, as of go test -bench. Passes over
# all of it follow each other, so that a slow spell of the machine falls on everything.
# The whole takes about a minute a pass, and becomes the machine's file in results/.
BENCH     ?= .
BENCHTIME ?= 50ms
PASSES    ?= 6
ifeq ($(BENCH),.)
OUT       ?= results/$(shell go run ./bench/report -slug).txt
else
OUT       ?= .cache/bench.txt
endif

.PHONY: bench
bench: ## measures what BENCH names, in PASSES passes, into OUT: if everything, into results/
	@mkdir -p .cache $(dir $(OUT)) && rm -f .cache/passes.txt
	@for pass in $$(seq $(PASSES)); do \
		echo "pass $$pass of $(PASSES)"; \
		go test -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) -timeout 0 ./bench > .cache/pass.txt || { cat .cache/pass.txt; exit 1; }; \
		cat .cache/pass.txt >> .cache/passes.txt; \
	done
	@mv .cache/passes.txt '$(OUT)'
	@echo "wrote $(OUT)"

# Other libraries beside the kernels, each on one thread, in passes of five minutes or
# less. On amd64, OpenBLAS takes kernels by the name of a core, as it does not know every
# CPU; with AVX-512 it is measured by those without as well, which are what AVX2 kernels
# compete with.
CORETYPE = $(if $(shell grep -swm1 avx512f /proc/cpuinfo),SKYLAKEX,Haswell)
ifeq ($(BENCH),.)
PEERS_OUT ?= results/$(shell go run ./bench/report -slug)-peers.txt
else
PEERS_OUT ?= .cache/bench-peers.txt
endif

.PHONY: bench-peers
bench-peers: BENCHTIME = 20ms
ifeq ($(shell go env GOARCH),amd64)
bench-peers: export OPENBLAS_CORETYPE ?= $(CORETYPE)
endif
bench-peers: export OPENBLAS_NUM_THREADS = 1
bench-peers: export OMP_NUM_THREADS = 1
bench-peers: export LOWBIT_ONNXRUNTIME = $(CURDIR)/.cache/peers/libonnxruntime.so
bench-peers: ## the same beside other libraries, which it installs if it may, into results/*-peers.txt
	@mkdir -p .cache $(dir $(PEERS_OUT)) && rm -f .cache/passes.txt
	@tags=$$(bench/peers/get) && cd bench/peers && go test -c -tags "$$tags" -o ../../.cache/peers.test . && ../../.cache/peers.test -test.run Peers
	@run() { (cd bench/peers && ../../.cache/peers.test -test.run '^$$' -test.bench "$$1" -test.benchtime $(BENCHTIME) -test.timeout 0 \
			-lowbit.shapes peers -lowbit.formats peers) > .cache/pass.txt || { cat .cache/pass.txt; exit 1; }; \
		cat .cache/pass.txt >> .cache/passes.txt; }; \
	for pass in $$(seq $(PASSES)); do \
		echo "pass $$pass of $(PASSES)"; \
		run '$(BENCH)'; \
		if [ '$(BENCH)' = . ] && [ "$$OPENBLAS_CORETYPE" = SKYLAKEX ]; then \
			OPENBLAS_CORETYPE=Haswell run '/w=float32/a=float32/impl=peer-openblas-haswell'; \
		fi; \
	done
	@mv .cache/passes.txt '$(PEERS_OUT)'
	@echo "wrote $(PEERS_OUT)"

NETWORKS ?= lenet,resnet20,vgg-small

.PHONY: bench-networks
bench-networks: ## times the networks that NETWORKS names beside ONNX Runtime, which it gets if it may; an HTML page
	@mkdir -p .cache
	@bench/peers/get onnxruntime >/dev/null
	go run ./netrun bench -networks '$(NETWORKS)' -peers -batches 1,64 -json > .cache/networks.jsonl
	@mkdir -p results/networks && mv .cache/networks.jsonl 'results/networks/$(shell go run ./bench/report -slug).jsonl'
	go run ./netrun report

# benchstat says nothing of files without results, and takes all memory there is
# to compare with what is not a number.
.PHONY: bench-compare
bench-compare: ## sets two result files side by side: OLD=a.txt NEW=b.txt
	@for file in '$(OLD)' '$(NEW)'; do \
		test -f "$$file" && grep -q '^Benchmark' "$$file" && ! grep -qiw '^Benchmark.*NaN' "$$file" || \
			{ echo "bench-compare: got file '$$file': want OLD=a.txt NEW=b.txt, two files of make bench"; exit 1; }; \
	done
	go tool benchstat -ignore commit '$(OLD)' '$(NEW)'

# The comparison that the README shows: the same products from 8-bit and from 4-bit
# packed weights, as the first machine's file has them.
FILE  = $(firstword $(shell grep -l 'impl=avx2-muladd-w4-acc16' $(filter-out %-peers.txt,$(wildcard results/*.txt))))
SHOWN = .name:GEMM /m:64 /n:512 /w:(ternary OR "pow2:4") /a:(u2 OR u4) .unit:(sec/op OR B/weight) /impl:(avx2-muladd-w8-acc16 OR avx2-muladd-w4-acc16)

.PHONY: results
results: ## writes the tables and plots of results/ and README.md, from the files in results/ and a run of netrun
	go run ./bench/report
	@mkdir -p .cache
	go run ./netrun > .cache/netrun.out
	go tool benchstat -table cpu -filter '$(SHOWN)' -row /w,/a,/m,/n,/k \
		-col '/impl@(avx2-muladd-w8-acc16 avx2-muladd-w4-acc16)' $(FILE) > .cache/benchstat.out
	mv .cache/netrun.out .cache/benchstat.out results/
	go run ./bench/report -page README.md
	go run ./bench/accuracy
	go run ./netrun report
