package suite

import "golang.org/x/sys/unix"

// systemNumber is what Darwin says of a name, such as hw.memsize.
func systemNumber(name string) (int, bool) {
	n, err := unix.SysctlUint64(name)
	return int(n), err == nil
}
