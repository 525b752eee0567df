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

// debianVersion is the version of a package of Debian, for libraries that do not
// tell their own.
func debianVersion(name string) string {
	out, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", name).Output()
	if err != nil {
		return "unknown"
	}
	return string(out)
}
