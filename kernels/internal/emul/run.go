//go:build amd64 && linux && !purego

package emul

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Program is the emulator's: that of Debian's packages bochs and bochs-term.
const Program = "bochs-bin"

// maxErrors is how many calls that went wrong are told of.
const maxErrors = 20

// Run makes the calls, one after the other, and returns an error that names
// those that did not do what they shall. The first that faults is the last made.
// The machine is stopped after the time limit.
func Run(calls []Call, limit time.Duration) error {
	exe, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	m, err := newMachine(exe, calls)
	if err != nil {
		return err
	}
	report, err := m.run(limit)
	if err != nil {
		return err
	}
	return judge(report, calls)
}

// bochsrc is the emulator's configuration. Its clock counts instructions, few
// of them a second so that the serial port is never waited for long.
const bochsrc = `config_interface: textconfig
display_library: term, options="hideIPS"
cpu: model=tigerlake, ips=5000000, reset_on_triple_fault=0
memory: guest=%[1]d, host=%[1]d
romimage: file=%[2]s/rom, address=%#[3]x
optramimage1: file=%[2]s/image, address=%#[4]x
vga: extension=none, update_freq=1
clock: sync=none
com1: enabled=1, mode=file, dev=%[2]s/serial
log: %[2]s/log
panic: action=fatal
error: action=report
info: action=ignore
debug: action=ignore
`

// run starts the emulator and returns what the guest reports.
func (m *machine) run(limit time.Duration) (string, error) {
	dir, err := os.MkdirTemp("", "emul")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	for name, data := range map[string][]byte{
		"image":    m.image,
		"rom":      m.rom,
		"serial":   nil,
		"bochsrc":  fmt.Appendf(nil, bochsrc, m.megabytes, dir, uint32(romBase), imageBase),
		"debugger": []byte("continue\n"), // Debian's Bochs has one, which waits for this
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return "", err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	bochs := exec.CommandContext(ctx, Program, "-q", "-f", filepath.Join(dir, "bochsrc"), "-rc", filepath.Join(dir, "debugger"))
	bochs.Env = append(os.Environ(), "TERM=xterm") // its display wants a terminal's name, not a terminal
	// A test run that is killed takes the emulator with it. The signal comes
	// when the thread that started it ends, so that thread is kept.
	bochs.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := bochs.Start(); err != nil {
		return "", err
	}
	ended := make(chan error, 1)
	go func() { ended <- bochs.Wait() }()
	for stopped := false; ; {
		select {
		case <-ended:
			stopped = true
		case <-time.After(20 * time.Millisecond):
		}
		serial, err := os.ReadFile(filepath.Join(dir, "serial"))
		report := string(serial)
		if finished(report) || err != nil {
			cancel()
			if !stopped {
				<-ended
			}
			return report, err
		}
		if stopped {
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			return "", fmt.Errorf("%s stopped (limit %v) after reporting %q: the end of its log is\n%s", Program, limit, report, log[max(0, len(log)-2000):])
		}
	}
}

// finished tells whether the report's last line is there and whole.
func finished(report string) bool {
	lines := strings.SplitAfter(report, "\n")
	for _, l := range lines {
		if strings.HasSuffix(l, "\n") && (l[0] == 'E' || l[0] == 'F') {
			return true
		}
	}
	return false
}

// judge turns the report's lines into an error: nil if they tell only of the
// end, after all calls.
func judge(report string, calls []Call) error {
	var errs []error
	for line := range strings.Lines(report) {
		var kind string
		var n [4]uint64
		fields, _ := fmt.Sscanf(line, "%1s %x %x %x %x", &kind, &n[0], &n[1], &n[2], &n[3])
		if fields == 2 && kind == "E" {
			if n[0] != uint64(len(calls)) {
				errs = append(errs, fmt.Errorf("%d calls were made: want %d", n[0], len(calls)))
			}
			continue
		}
		if fields < 3 || n[0] >= uint64(len(calls)) {
			return fmt.Errorf("the guest reports %q", line)
		}
		c := calls[n[0]]
		prefix := fmt.Sprintf("call %d, %s%v: ", n[0], c.Name, c.Args)
		switch kind {
		case "R":
			errs = append(errs, fmt.Errorf("%sgot %#x, want %#x", prefix, n[1], c.Want))
		case "M":
			errs = append(errs, errors.New(prefix+c.difference(n[1], n[2])))
		case "F":
			errs = append(errs, fmt.Errorf("%sfault; frame %#x %#x, address %#x", prefix, n[1], n[2], n[3]))
		default:
			return fmt.Errorf("the guest reports %q", line)
		}
	}
	if more := len(errs) - maxErrors; more > 0 {
		errs = append(errs[:maxErrors], fmt.Errorf("and %d more", more))
	}
	return errors.Join(errs...)
}

// difference describes a word of an operand's pages that is not what it shall be.
func (c *Call) difference(word, got uint64) string {
	for _, o := range c.Operands {
		if o.Want == nil {
			continue
		}
		begin := 0
		if o.Tail {
			begin = roundUp(len(o.Data), pageSize) - len(o.Data)
		}
		at := int(word)*8 - begin
		where := fmt.Sprintf("operand %d of %d bytes, at %d: got the word %#x", o.Arg, len(o.Want), at, got)
		if at < 0 || at+8 > len(o.Want) {
			return where + ", partly or wholly beyond it"
		}
		return fmt.Sprintf("%s, want %#x", where, le.Uint64(o.Want[at:]))
	}
	return fmt.Sprintf("word %d: got %#x", word, got)
}
