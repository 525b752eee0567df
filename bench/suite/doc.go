// Package suite holds the benchmarks of package bench, so that a program that
// links other libraries can run them beside its peers: each function adds the
// benchmarks of one operation to b, those of the peers among them.
package suite
