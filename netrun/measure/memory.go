package measure

import "os"

// Memory is the machine's memory in bytes; 0 if the system does not say as Linux does.
func Memory() int64 {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	return parseStatus(b, "MemTotal")
}
