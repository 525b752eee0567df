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
test-go: ## the tests of every package, AVX-512 under emulation if this CPU lacks it
test-gen: ## the generator's tests; generated code in step with it
test-avx512: ## the tests of the kernels, AVX-512 among them
test-vet: ## go vet for amd64, arm64, riscv64 and s390x, with and without the tag purego
test-build: ## builds for linux, darwin and windows on amd64 and arm64
test-purego: ## the tests without assembly
test-race: ## the tests under the race detector
test-arm64: ## the tests on an emulated arm64
test-cpus: ## the tests on emulated CPUs without AVX and without AVX-512
test-style test-go test-gen test-avx512 test-vet test-build test-purego test-race test-arm64 test-cpus:
	@.ci/test $(@:test-%=%)

.PHONY: generate
generate: ## writes the assembly and its Go declarations anew
	cd gen && go run ./amd64

.PHONY: models
models: ## trains the shipped networks anew, or those that NAMES names
	netrun/models/train.sh $(NAMES)

# What is measured: BENCH is a regular expression, as of go test -bench.
BENCH ?= .
COUNT ?= 6

.PHONY: bench
bench: ## measures what BENCH names, COUNT times, into results/MACHINE.txt
	go test -run '^$$' -bench '$(BENCH)' -count $(COUNT) -timeout 0 ./bench | tee results/.bench
	mv results/.bench results/$$(go run ./bench/report -slug).txt

# Two kernels, OLD and NEW, of one product.
FILE  = $(firstword $(wildcard results/*.txt))
WHAT ?= .name:GEMM /w:ternary /a:u2 /cache:hot
OLD  ?= portable-muladd
NEW  ?= avx2-muladd-w2-acc16

.PHONY: bench-compare
bench-compare: ## sets the kernels OLD and NEW side by side, as FILE has them
	@go tool benchstat -filter '$(WHAT) /impl:($(OLD) OR $(NEW)) .unit:(sec/op OR ops/s OR B/weight)' \
		-ignore .file -row .name,/w,/a,/m,/n,/k,/cache -col /impl@'($(OLD) $(NEW))' $(FILE)

.PHONY: results
results: ## writes the tables and plots of results/ and README.md, from results/*.txt and a run of netrun
	go run ./netrun > results/.netrun
	mv results/.netrun results/netrun.out
	$(MAKE) --no-print-directory bench-compare > results/.benchstat
	mv results/.benchstat results/benchstat.out
	go run ./bench/report -page README.md
