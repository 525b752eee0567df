package measure

import (
	"bufio"
	"bytes"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// CPU returns the processor's name as Linux gives it, elsewhere (and where Linux
// gives none) the architecture's.
func CPU() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		key, value, ok := strings.Cut(sc.Text(), ":")
		switch strings.TrimSpace(key) {
		case "model name", "uarch", "Model", "cpu model":
			if value = strings.TrimSpace(value); ok && value != "" {
				return value
			}
		}
	}
	return runtime.GOARCH
}

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
