package suite

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/measure"
)

// describeMachine returns benchfmt configuration lines. They hold nothing that
// changes from run to run but the commit: benchstat keeps results apart whose
// configuration differs. (The testing package adds goos, goarch and, where the system
// has a name for it, cpu.)
func describeMachine() string {
	var b strings.Builder
	line := func(key, value string) {
		if value = strings.Join(strings.Fields(value), " "); value == "" {
			value = "unknown"
		}
		fmt.Fprintf(&b, "%s: %s\n", key, value)
	}
	if runtime.GOARCH != "amd64" {
		line("cpu", measure.CPU())
	}
	line("go", runtime.Version())
	line("commit", commit())
	line("cores", strconv.Itoa(runtime.NumCPU()))
	line("memory", memory())
	c := caches()
	line("caches", fmt.Sprintf("L1d %d KiB, L2 %d KiB, L3 %d KiB (%s)", c.size[0]>>10, c.size[1]>>10, c.size[2]>>10, c.source))
	line("os", osName())
	line("hypervisor", hypervisor())
	line("governor", governor())
	line("tier", tier())
	line("features", strings.Join(kernels.Features(), " "))
	line("not-measured", notMeasured())
	return b.String()
}

func read(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// commit is the version of the source, with a mark if it has been changed.
func commit() string {
	out, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return ""
	}
	id := strings.TrimSpace(string(out))
	changed, err := exec.Command("git", "status", "--porcelain", "--", ":/*.go", ":/*.s", ":/go.mod").Output()
	if err == nil && len(changed) > 0 {
		id += "+changes"
	}
	return id
}

func memory() string {
	for text := range strings.Lines(read("/proc/meminfo")) {
		if f := strings.Fields(text); len(f) == 3 && f[0] == "MemTotal:" {
			if kib, err := strconv.Atoi(f[1]); err == nil {
				return fmt.Sprintf("%.1f GiB", float64(kib)/(1<<20))
			}
		}
	}
	if bytes, ok := systemNumber("hw.memsize"); ok {
		return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30))
	}
	return ""
}

func osName() string {
	if v := strings.Fields(read("/proc/version")); len(v) > 2 {
		return v[0] + " " + v[2]
	}
	return runtime.GOOS
}

func hypervisor() string {
	info := read("/proc/cpuinfo")
	switch {
	case info == "" || runtime.GOARCH != "amd64": // Linux tells it nowhere else
		return ""
	case strings.Contains(info, " hypervisor"):
		return "yes"
	}
	return "none seen"
}

func governor() string {
	if g := read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"); g != "" {
		return g
	}
	return "not readable"
}

// tier is the instruction set that dispatch prefers here.
func tier() string {
	for _, k := range kernels.Table() {
		if k.Operation == kernels.OpGEMM && len(k.Missing) == 0 {
			return k.ISA
		}
	}
	return ""
}

// notMeasured names the instruction sets of the kernel table that this CPU
// lacks: no figure of theirs can come from this machine.
func notMeasured() string {
	var order []string
	lacks := map[string][]string{}
	runs := map[string]bool{}
	for _, k := range kernels.Table() {
		if len(k.Missing) == 0 {
			runs[k.ISA] = true
			continue
		}
		if lacks[k.ISA] == nil {
			order = append(order, k.ISA)
		}
		if len(k.Missing) > len(lacks[k.ISA]) {
			lacks[k.ISA] = k.Missing
		}
	}
	var list []string
	for _, isa := range order {
		if !runs[isa] {
			list = append(list, isa+" (this CPU lacks "+strings.Join(lacks[isa], " ")+")")
		}
	}
	if list == nil {
		return "nothing"
	}
	return strings.Join(list, ", ")
}

// cacheSizes are the bytes of the data caches that one core sees.
type cacheSizes struct {
	size   [3]int
	source string
}

// caches asks the system, and otherwise assumes sizes that are not rare.
func caches() cacheSizes {
	c := cacheSizes{size: [3]int{32 << 10, 1 << 20, 32 << 20}}
	assumed := []string{"L1d", "L2", "L3"}
	for level := range c.size {
		if size := cacheSize(level + 1); size > 0 {
			c.size[level] = size
			assumed[level] = ""
		}
	}
	assumed = slices.DeleteFunc(assumed, func(s string) bool { return s == "" })
	switch len(assumed) {
	case 0:
		c.source = "as the system says"
	case len(c.size):
		c.source = "assumed"
	default: // such as L3 of cores that have none
		c.source = strings.Join(assumed, " and ") + " assumed"
	}
	return c
}

// cacheSize is the size of the data cache of a level, or 0 if it is not told: where
// cores are of several kinds, that of the largest there is.
func cacheSize(level int) int {
	largest := 0
	dirs, _ := filepath.Glob("/sys/devices/system/cpu/cpu*/cache/index*")
	for _, dir := range dirs {
		if read(filepath.Join(dir, "level")) != strconv.Itoa(level) || read(filepath.Join(dir, "type")) == "Instruction" {
			continue
		}
		if kib, err := strconv.Atoi(strings.TrimSuffix(read(filepath.Join(dir, "size")), "K")); err == nil {
			largest = max(largest, kib<<10)
		}
	}
	if largest == 0 {
		// Darwin numbers kinds of cores from the fastest.
		name := [...]string{"hw.perflevel0.l1dcachesize", "hw.perflevel0.l2cachesize", "hw.perflevel0.l3cachesize"}[level-1]
		if size, ok := systemNumber(name); ok {
			return size
		}
		size, _ := systemNumber(strings.Replace(name, "perflevel0.", "", 1))
		return size
	}
	return largest
}
