package measure

import (
	"os"
	"runtime"
	"slices"
	"strings"
)

// CPU returns the processor's name as the system gives it; that of its cores where
// Linux gives numbers alone, as on arm64; and the architecture's where there is
// nothing.
func CPU() string {
	if name := systemCPU(); name != "" {
		return name
	}
	info, _ := os.ReadFile("/proc/cpuinfo")
	if name := infoCPU(string(info)); name != "" {
		return name
	}
	return runtime.GOARCH
}

// infoCPU finds the name in what Linux says of CPUs, empty if it says nothing. Cores
// of several kinds are all named: it is not known which of them will run.
func infoCPU(info string) string {
	var cores []string
	var board, implementer string
	for line := range strings.Lines(info) {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch key = strings.TrimSpace(key); {
		case value == "":
		case key == "model name" || key == "uarch" || key == "cpu model":
			return value
		case key == "Model":
			board = value
		case key == "CPU implementer":
			implementer = value
		case key == "CPU part":
			if core := armCore(implementer, value); !slices.Contains(cores, core) {
				cores = append(cores, core)
			}
		}
	}
	if len(cores) > 0 {
		return strings.Join(cores, " and ")
	}
	return board
}

// armCore names a core by its implementer and part, as MIDR_EL1 has them.
func armCore(implementer, part string) string {
	if name := armCores[[2]string{implementer, part}]; name != "" {
		return name
	}
	return "arm64 implementer " + implementer + " part " + part
}

var armCores = map[[2]string]string{
	{"0x41", "0xd03"}: "Arm Cortex-A53",
	{"0x41", "0xd04"}: "Arm Cortex-A35",
	{"0x41", "0xd05"}: "Arm Cortex-A55",
	{"0x41", "0xd07"}: "Arm Cortex-A57",
	{"0x41", "0xd08"}: "Arm Cortex-A72",
	{"0x41", "0xd09"}: "Arm Cortex-A73",
	{"0x41", "0xd0a"}: "Arm Cortex-A75",
	{"0x41", "0xd0b"}: "Arm Cortex-A76",
	{"0x41", "0xd0c"}: "Arm Neoverse N1",
	{"0x41", "0xd0d"}: "Arm Cortex-A77",
	{"0x41", "0xd40"}: "Arm Neoverse V1",
	{"0x41", "0xd41"}: "Arm Cortex-A78",
	{"0x41", "0xd44"}: "Arm Cortex-X1",
	{"0x41", "0xd46"}: "Arm Cortex-A510",
	{"0x41", "0xd47"}: "Arm Cortex-A710",
	{"0x41", "0xd48"}: "Arm Cortex-X2",
	{"0x41", "0xd49"}: "Arm Neoverse N2",
	{"0x41", "0xd4d"}: "Arm Cortex-A715",
	{"0x41", "0xd4e"}: "Arm Cortex-X3",
	{"0x41", "0xd4f"}: "Arm Neoverse V2",
	{"0x46", "0x001"}: "Fujitsu A64FX",
	{"0x61", "0x022"}: "Apple M1 Icestorm",
	{"0x61", "0x023"}: "Apple M1 Firestorm",
	{"0xc0", "0xac3"}: "Ampere-1",
}
