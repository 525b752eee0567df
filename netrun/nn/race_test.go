//go:build race

package nn

// raceEnabled says that sync.Pool drops things at random, so kernels allocate.
const raceEnabled = true
