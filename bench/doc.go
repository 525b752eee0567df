// Package bench measures the kernels, the shipped networks and the limits of
// the machine they run on:
//
//	go test -bench . ./bench
//	go test -bench GEMM/w=ternary -count 10 ./bench | tee new.txt
//	go tool benchstat -row /w,/a,/m,/n,/k -col /impl new.txt
//
// Every kernel of the kernel table that this CPU can run appears under its own
// name, the portable ones included. Names are keys and values, so that
// benchstat can group by them:
//
//	BenchmarkGEMM/w=ternary/a=u2/impl=avx2-muladd-w2-acc16/m=64/n=512/k=1024/cache=hot
//
// The keys are the formats of weights and activations, the kernel, the shape
// (of the equivalent product for a convolution) and whether the weights are in
// cache when the operation starts: hot runs on the same weights again and
// again; cold walks a ring of weights twice as large as the last-level cache,
// or of 256 MiB where that cache is larger.
//
// The metrics, beside time:
//
//	ops/s     2*M*N*K a second, on the shape as it is, without padding
//	MB/s      bytes of weights, activations and results, each counted once
//	B/weight  bytes of packed weights for each weight, padding included
//	%limit    the share of this machine's limit: the time that the multiply-adds
//	          would take at the peak of the kernel's own instructions, or the
//	          bytes at the read bandwidth of where they lie, whichever is longer,
//	          over the time taken. Both are measured right before and after.
//
// The limit of a portable kernel that has no instructions of its own is the
// fastest loop of its kind, so its %limit is the share of the machine it uses.
//
// The bodies of the benchmarks are in package suite; package peers, a module of
// its own, runs them with other libraries beside the kernels: make bench-peers.
//
// A result that differs from package ref's, before it is timed or after, fails
// the benchmark. Unless told otherwise by -benchtime, a benchmark runs for 50 ms.
// -lowbit.shapes=all adds the shapes of large networks, and -lowbit.formats=all
// every pair of formats; peers, of either, are those of make bench-peers.
package bench
