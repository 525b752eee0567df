package measure

import "syscall"

func systemCPU() string {
	name, _ := syscall.Sysctl("machdep.cpu.brand_string")
	return name
}
