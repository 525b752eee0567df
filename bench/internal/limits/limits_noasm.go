//go:build (!amd64 && !arm64) || purego

package limits

func archLoops() []Loop { return nil }

var archRead func(p *byte, n uintptr)
