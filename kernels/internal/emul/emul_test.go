//go:build amd64 && linux && !purego

package emul

import (
	"encoding/binary"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
	"unsafe"

	"example.com/lowbit/kernels/internal/avx512bw"
	"example.com/lowbit/kernels/internal/avxvnni"
)

func floats(v ...float32) []byte {
	var b []byte
	for _, f := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return b
}

// run is Run where the emulator is installed.
func run(t *testing.T, calls ...Call) error {
	t.Helper()
	if _, err := exec.LookPath(Program); err != nil {
		t.Skip(err)
	}
	if strings.Contains(os.Getenv("LOWBIT_EMULATED"), "qemu") {
		t.Skip("no emulator in the emulator")
	}
	return Run(calls, time.Minute)
}

// dot is a call of a function with a result, over n ones times 1 to n.
func dot(n int) Call {
	x, y, want := make([]float32, n), make([]float32, n), float32(0)
	for i := range n {
		x[i], y[i] = 1, float32(i+1)
		want += y[i]
	}
	f := avx512bw.DotF32
	return Call{
		Name: "DotF32", Func: Code(unsafe.Pointer(&f)), Args: [8]uint64{2: uint64(n)},
		Operands: []Operand{{Arg: 0, Data: floats(x...), Tail: true}, {Arg: 1, Data: floats(y...)}},
		Result:   Float32, Want: uint64(math.Float32bits(want)),
	}
}

// product is a call of a function that writes memory: one row of 5s times 32
// columns of 2s, added to 100 and one less for each column.
func product() Call {
	c, b, want := make([]float32, 32), make([]float32, 32), make([]float32, 32)
	for j := range 32 {
		c[j], b[j], want[j] = float32(100-j), 2, float32(110-j)
	}
	f := avx512bw.GemmF32[1]
	return Call{
		Name: "GemmF32x1", Func: Code(unsafe.Pointer(&f)), Args: [8]uint64{1: 128, 3: 4, 4: 4, 6: 1, 7: 1},
		Operands: []Operand{{Arg: 0, Data: floats(c...), Want: floats(want...), Tail: true}, {Arg: 2, Data: floats(5), Tail: true}, {Arg: 5, Data: floats(b...)}},
	}
}

func TestRun(t *testing.T) {
	if err := run(t, dot(128), product(), dot(1280), dot(0), product()); err != nil {
		t.Error(err)
	}
}

func TestDifferences(t *testing.T) {
	result, memory, beside := dot(128), product(), product()
	result.Want++
	memory.Operands[0].Want[8]++
	beside.Operands[0].Data, beside.Operands[0].Want = beside.Operands[0].Data[:120], beside.Operands[0].Want[:120]
	beside.Operands[0].Tail = false
	err := run(t, product(), result, memory, beside)
	for _, want := range []string{"call 1, DotF32", "call 2, GemmF32x1", "operand 0 of 128 bytes, at 8", "call 3, GemmF32x1", "beyond it"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v: want %q in it", err, want)
		}
	}
}

func TestFaults(t *testing.T) {
	for name, spoil := range map[string]func(*Call){
		"over-read": func(c *Call) { c.Operands[1].Tail, c.Operands[1].Data = true, nil },
		"over-write": func(c *Call) {
			c.Operands[0].Data, c.Operands[0].Want = c.Operands[0].Data[:64], c.Operands[0].Want[:64]
		},
		"input write": func(c *Call) { c.Operands[0].Want = nil },
	} {
		c := product()
		spoil(&c)
		err := run(t, product(), c, product())
		if err == nil || !strings.Contains(err.Error(), "call 1, GemmF32x1") || !strings.Contains(err.Error(), "fault") {
			t.Errorf("%s: got error %v: want a fault in call 1", name, err)
		}
	}
}

// TestTranslation runs a function with instructions that the emulator lacks.
func TestTranslation(t *testing.T) {
	x, w := make([]byte, 96), make([]byte, 96)
	var sum int32
	for i := range x {
		x[i], w[i] = byte(255-i), byte(3*i)
		sum += int32(x[i]) * int32(int8(w[i]))
	}
	f := avxvnni.DotW8
	call := func(want int32) Call {
		return Call{
			Name: "DotW8", Func: Code(unsafe.Pointer(&f)), Args: [8]uint64{2: 3},
			Operands: []Operand{{Arg: 0, Data: x, Tail: true}, {Arg: 1, Data: w}},
			Result:   Int32, Want: uint64(uint32(want)),
		}
	}
	if err := run(t, call(sum), call(sum)); err != nil {
		t.Error(err)
	}
	if err := run(t, call(sum), call(sum+1)); err == nil || !strings.Contains(err.Error(), "call 1, DotW8") {
		t.Errorf("got error %v: want a difference in call 1", err)
	}
}

func TestEVEXTwin(t *testing.T) {
	// Pairs of {vex} and {evex} vpdpbusd, by GNU as.
	for vex, evex := range map[string]string{
		"\xc4\xe2\x75\x50\xc2": "\x62\xf2\x75\x28\x50\xc2", // ymm2, ymm1, ymm0
		"\xc4\x62\x15\x50\xdc": "\x62\x72\x15\x28\x50\xdc", // ymm4, ymm13, ymm11
		"\xc4\xc2\x5d\x50\xeb": "\x62\xd2\x5d\x28\x50\xeb", // ymm11, ymm4, ymm5
		"\xc4\x42\x05\x50\xff": "\x62\x52\x05\x28\x50\xff", // ymm15, ymm15, ymm15
	} {
		if got, ok := evexTwin([]byte(vex)); !ok || string(got[:]) != evex {
			t.Errorf("the twin of %x is %x, %v: want %x", vex, got, ok, evex)
		}
	}
	for _, other := range []string{
		"\xc4\xe2\x75\x50",     // cut off
		"\xc4\xe2\x71\x50\xc2", // xmm
		"\xc4\xe2\xf5\x50\xc2", // W1
		"\xc4\xe2\x75\x51\xc2", // VPDPBUSDS
		"\xc4\xe2\x75\x50\x02", // memory
		"\xc4\xe3\x75\x50\xc2", // another map
	} {
		if got, ok := evexTwin([]byte(other)); ok {
			t.Errorf("%x has the twin %x", other, got)
		}
	}
}
