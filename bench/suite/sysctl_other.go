//go:build !darwin

package suite

func systemNumber(string) (int, bool) { return 0, false }
