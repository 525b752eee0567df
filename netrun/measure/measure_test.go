package measure

import (
	"context"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		x    []float64
		want float64
	}{{[]float64{3}, 3}, {[]float64{4, 1}, 2.5}, {[]float64{9, 1, 5}, 5}} {
		if got := Median(test.x); got != test.want {
			t.Errorf("Median(%v) = %v, want %v", test.x, got, test.want)
		}
	}
	if !math.IsNaN(Median(nil)) {
		t.Error("the median of nothing is a number")
	}
	if got := (Timing{Samples: []float64{1, 2, 3, 4, 5}}).Spread(); math.Abs(got-2.0/3) > 1e-15 {
		t.Errorf("spread %v, want 2/3", got)
	}
}

func TestInterleave(t *testing.T) {
	// Wait by the clock, so that the times are known wherever the test runs.
	spin := func(d time.Duration) func() {
		return func() {
			for start := time.Now(); time.Since(start) < d; {
			}
		}
	}
	rounds := 0
	got, err := Interleave(context.Background(), Effort{Rounds: 5, Sample: 4 * time.Millisecond}, func(done int) {
		rounds++
		if done != rounds {
			t.Errorf("round %d was told as %d", rounds, done)
		}
	}, spin(100*time.Microsecond), spin(time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	if rounds != 5 || len(got) != 2 || len(got[0].Samples) != 5 || len(got[1].Samples) != 5 {
		t.Fatalf("%d rounds, timings %v", rounds, got)
	}
	if got[0].Median() < 1e5 || got[1].Median() < 1e6 {
		t.Errorf("medians %v and %v ns, want at least 100000 and 1000000", got[0].Median(), got[1].Median())
	}
	if got[0].Calls < 2 {
		t.Errorf("a sample of the short code has %d calls", got[0].Calls)
	}
}

func TestInterleaveBudget(t *testing.T) {
	got, err := Interleave(context.Background(), Effort{Rounds: 50, Sample: time.Millisecond, Budget: time.Nanosecond}, nil, func() { time.Sleep(time.Millisecond) })
	if err != nil || len(got[0].Samples) != minRounds {
		t.Errorf("%d samples past the budget, error %v; want %d", len(got[0].Samples), err, minRounds)
	}
}

func TestThreadTime(t *testing.T) {
	if !HasThreadClock {
		t.Skip("no clock of a thread's CPU time on this system")
	}
	// Asleep, a thread takes no CPU time.
	got, err := Interleave(context.Background(), Effort{Rounds: 3, Sample: time.Millisecond, Thread: true}, nil, func() { time.Sleep(5 * time.Millisecond) })
	if err != nil || got[0].Median() > 2e6 {
		t.Errorf("sleeping 5 ms took %v ns of CPU time, error %v", got[0].Median(), err)
	}
}

func TestInterleaveStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	calls := 0
	_, err := Interleave(ctx, Effort{Rounds: 1000, Sample: time.Microsecond}, func(done int) {
		if done == 3 {
			cancel()
		}
	}, func() { calls++; time.Sleep(time.Microsecond) })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

func TestLogitHash(t *testing.T) {
	h := NewLogitHash()
	h.Add([]float32{1, -0.5})
	h.Add(nil)
	h.Add([]float32{0})
	// printf '\0\0\x80\x3f\0\0\0\xbf\0\0\0\0' | sha256sum
	if got, want := h.String(), "d3fde3776c065645428c5cfc2ab0cd527f3084bb494826d7601ca3241c629949"; got != want {
		t.Errorf("hash %s, want %s", got, want)
	}
}

func TestInfoCPU(t *testing.T) {
	const a55, a76 = "processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU part\t: 0xd05\n", "processor\t: 1\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\n"
	for info, want := range map[string]string{
		"processor\t: 0\nmodel\t\t: 1\nmodel name\t: AMD EPYC\n": "AMD EPYC",
		a55 + a55 + "Hardware\t: BCM\nModel\t\t: Raspberry Pi\n": "Arm Cortex-A55",
		a55 + a55 + a76: "Arm Cortex-A55 and Arm Cortex-A76",
		"CPU implementer\t: 0x99\nCPU part\t: 0x123\n":            "arm64 implementer 0x99 part 0x123",
		"hart\t: 0\nuarch\t: sifive,u74-mc\n":                     "sifive,u74-mc",
		"processor\t: 0\nmodel name\t: \nModel\t: Raspberry Pi\n": "Raspberry Pi",
		"": "",
		"CPU implementer\t: 0x61\nCPU part\t: 0x000\nCPU revision\t: 0\n\n": "arm64 implementer 0x61 part 0x000",
	} {
		if got := infoCPU(info); got != want {
			t.Errorf("of %q: got %q, want %q", info, got, want)
		}
	}
}

func TestMachine(t *testing.T) {
	if CPU() == "" {
		t.Error("the CPU has no name")
	}
	if rss := PeakRSS(); runtime.GOOS == "linux" && rss < 1<<20 {
		t.Errorf("peak resident memory is %d bytes", rss)
	}
	for status, want := range map[string]int64{
		"Name:\tx\nVmHWM:\t    12 kB\nVmRSS:\t 8 kB\n": 12288,
		"VmHWM:\tx kB\n": 0,
		"":               0,
	} {
		if got := parseStatus([]byte(status), "VmHWM"); got != want {
			t.Errorf("VmHWM of %q is %d, want %d", strings.TrimSpace(status), got, want)
		}
	}
}

func TestMemory(t *testing.T) {
	if got := Memory(); runtime.GOOS == "linux" && got < 1<<25 || got < 0 || got > 1<<50 {
		t.Errorf("the machine has %d bytes", got)
	}
	if rss := PeakRSS(); Memory() > 0 && rss > Memory() {
		t.Errorf("%d bytes are resident, more than the machine's %d", rss, Memory())
	}
}
