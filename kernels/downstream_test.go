package kernels

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// TestDownstream builds a module that imports this one by a replace line, as a
// user's would, without a network, and runs it: with dispatch as it is, with
// every kernel it may select, and with one selected by the environment.
func TestDownstream(t *testing.T) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skipf("no Go tool to build with: %v", err)
	}
	if os.Getenv(envEmulated) != "" {
		t.Skip("runs where the Go tool does")
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	read := func(path ...string) string {
		b, err := os.ReadFile(filepath.Join(path...))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	sys := regexp.MustCompile(`golang.org/x/sys (v\S+)`).FindStringSubmatch(read(root, "go.mod"))
	if sys == nil {
		t.Fatal("go.mod requires no golang.org/x/sys")
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":  strings.NewReplacer("LOWBIT", filepath.ToSlash(root), "SYS", sys[1]).Replace(read("testdata", "downstream", "go.mod.txt")),
		"go.sum":  read(root, "go.sum"),
		"main.go": read("testdata", "downstream", "main.go"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	command := func(env string, name string, args ...string) string {
		t.Helper()
		c := exec.Command(name, args...)
		c.Dir = dir
		c.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod", "GOPROXY=off", EnvImpl+"="+env)
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", c, err, out)
		}
		return string(out)
	}
	exe := filepath.Join(dir, "downstream")
	if runtime.GOOS == "windows" {
		exe += ".exe"
	}
	tags := ""
	if len(cpuFeatures) == 0 {
		tags = "purego" // this test may be built so, and then the program shall be too
	}
	command("", goTool, "build", "-tags", tags, "-o", exe, ".")

	// Which kernel is the fastest depends on the rates, which are data.
	out := command("", exe)
	auto, portable, start := chose(t, out, "auto"), chose(t, out, "portable"), chose(t, out, "start")
	if start != auto || strings.HasPrefix(auto, "portable-") != strings.HasPrefix(dispatched(t), "portable-") {
		t.Errorf("it chose %s at start and %s with auto: want the same, of a tier like that of %s", start, auto, dispatched(t))
	}
	if !strings.HasPrefix(portable, "portable-") || !strings.Contains(out, "\nok\n") {
		t.Errorf("want a portable kernel where it is selected, and ok, in\n%s", out)
	}
	if got := chose(t, command("portable", exe), "start"); got != portable {
		t.Errorf("%s=portable: it chose %s: want %s", EnvImpl, got, portable)
	}
}

// chose finds the kernel that the program chose for ternary weights.
func chose(t *testing.T, output, choice string) string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + choice + ` ternary (\S+)$`).FindStringSubmatch(output)
	if found == nil {
		t.Fatalf("no kernel for %s in\n%s", choice, output)
	}
	return found[1]
}

// dispatched names a kernel that dispatch chooses when nothing overrides it.
func dispatched(t *testing.T) string {
	use(t, "auto")
	return gemmKernel(t, Formats{Ternary, U2})
}
