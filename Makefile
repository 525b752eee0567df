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
test-go: ## the tests that need only Go, with every kernel that this CPU has
test-gen: ## the generator's tests; generated code in step with it
test-avx512: ## the AVX-512 kernels under emulation, if this CPU lacks them
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

# What is measured: BENCH is a regular expression, as of go test -bench.
BENCH ?= .
COUNT ?= 6
OUT   ?= .cache/bench.txt

.PHONY: bench
bench: ## measures the operations that BENCH names, COUNT times, into OUT
	@mkdir -p $(dir $(OUT))
	go test -run '^$$' -bench '$(BENCH)' -count $(COUNT) -timeout 0 ./bench | tee $(OUT)

.PHONY: bench-compare
bench-compare: ## sets the implementations in OUT side by side
	go tool benchstat -row .name,/w,/a,/m,/n,/k,/cache -col /impl $(OUT)
