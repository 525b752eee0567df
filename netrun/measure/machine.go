package measure

import (
	"bytes"
	"os"
	"strconv"
	"strings"
)

// procStatus reads a "Name:  123 kB" line of /proc/self/status, in bytes; 0 if
// there is none.
func procStatus(name string) int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	return parseStatus(b, name)
}

func parseStatus(status []byte, name string) int64 {
	for line := range bytes.Lines(status) {
		fields := strings.Fields(string(line))
		if len(fields) == 3 && fields[0] == name+":" && fields[2] == "kB" {
			n, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				return 0
			}
			return n << 10
		}
	}
	return 0
}
