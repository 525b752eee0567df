//go:build !amd64 || purego

package kernels

var cpuFeatures = map[string]bool{}
