//go:build arm64 && !purego

package kernels

// The portable row is all there is.
var archTraining []*trainingRow
