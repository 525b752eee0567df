//go:build !darwin

package measure

func systemCPU() string { return "" }
