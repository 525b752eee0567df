// Package kernels computes with low-bit weights and activations: dot products,
// matrix products, convolutions and the steps that turn their sums into the
// next layer's activations, by the fastest kernel that the CPU can run.
package kernels
