//go:build !amd64 || purego

package kernels

var archF32 []*f32Row
