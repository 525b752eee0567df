//go:build arm64 && !purego

package kernels

var archMixed []*mixedRow
