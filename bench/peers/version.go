package peers

import (
	"os/exec"
	"strings"
)

// moduleVersion is the version of a Go module that this package is built with.
// Test binaries do not record it.
func moduleVersion(path string) string {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Version}}", path).Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
