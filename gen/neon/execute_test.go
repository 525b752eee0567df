package neon

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const emulator = "qemu-aarch64-static"

// needEmulator skips a test where there is no emulator, or fails where that may not be.
func needEmulator(t *testing.T) {
	if _, err := exec.LookPath(emulator); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("SKIPPED: instructions are not executed: %v", err)
	}
}

// A block is what a function under test reads and writes.
//
//	0: m; 16 … 79: n, or a table; 80: d; 96: a general-purpose register
//	112 and 128: the last two when it is done
type block [144]byte

// program builds a program for arm64 that runs functions of func(p *byte) on blocks: it
// reads pairs of a function's number and a block, and prints each block afterwards.
func program(t *testing.T, file *File) string {
	t.Helper()
	if err := file.Compile(); err != nil {
		t.Fatal(err)
	}
	asm, err := file.Assembly()
	if err != nil {
		t.Fatal(err)
	}
	stubs, err := file.Stubs()
	if err != nil {
		t.Fatal(err)
	}
	var main bytes.Buffer
	fmt.Fprint(&main, `package main

import (
	"encoding/binary"
	"os"
)

func main() {
	const block = 144
	in, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	var out []byte
	for ; len(in) > 0; in = in[4+block:] {
		b := [block]byte(in[4:])
		functions[binary.LittleEndian.Uint32(in)](&b[0])
		out = append(out, b[:]...)
	}
	os.Stdout.Write(out)
}

var functions = []func(*byte){
`)
	for _, f := range file.Functions() {
		fmt.Fprintf(&main, "\t%s,\n", f.Name())
	}
	fmt.Fprint(&main, "}\n")
	dir := t.TempDir()
	for name, text := range map[string][]byte{"f_arm64.s": asm, "f_arm64.go": stubs, "main.go": main.Bytes(), "go.mod": []byte("module run\n\ngo 1.26.0\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "build", "-o", "run", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, "run")
}

// A trial is a block for a function.
type trial struct {
	function int
	in       block
}

// execute runs trials on a CPU.
func execute(t *testing.T, program, cpu string, trials []trial) ([]block, error) {
	t.Helper()
	var in bytes.Buffer
	for _, c := range trials {
		in.Write(binary.LittleEndian.AppendUint32(nil, uint32(c.function)))
		in.Write(c.in[:])
	}
	file := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(file, in.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(emulator, "-cpu", cpu, program, file)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%v: %.200s", err, &stderr)
	}
	if len(out) != len(trials)*len(block{}) {
		t.Fatalf("%d bytes of %d trials", len(out), len(trials))
	}
	var list []block
	for b := range slices.Chunk(out, len(block{})) {
		list = append(list, block(b))
	}
	return list, nil
}

// executed returns every instruction in every arrangement, with the first and the last lane,
// some constants, and tables of each length.
func executed() []choice {
	var list []choice
	for i := range table {
		in := &table[i]
		for _, arr := range in.Arrangements {
			lanes, lengths := []int{0}, []int{0}
			if in.has("lane") || in.has("from") {
				last := 128/arr.bits() - 1
				if in.form.fixed {
					last = 3
				}
				lanes = []int{0, last/2 + 1, last}
			}
			if in.has("list") {
				lengths = []int{1, 2, 3, 4}
			}
			for _, imm := range in.constants(arr) {
				for k, lane := range lanes {
					for _, length := range lengths {
						o := &numbers{arr: arr, imm: imm, lane: lane, table: make([]int, length)}
						if in.has("to") {
							o.to = lanes[len(lanes)-1-k]
						}
						list = append(list, choice{in, o})
					}
				}
			}
		}
	}
	return list
}

// emit writes a function that executes the instruction, by its method.
func (c choice) emit(f *Func) {
	p, r := f.Param("p"), f.GP()
	m, n, d := V(15), Vs(16, 4), V(31)
	f.FMOVQ(At(p, 0), m)
	for i := range n {
		f.FMOVQ(At(p, 16+16*i), n[i])
	}
	f.FMOVQ(At(p, 80), d)
	f.MOVD(At(p, 96), r)
	var args []reflect.Value
	if !c.in.form.fixed {
		args = append(args, reflect.ValueOf(c.o.arr))
	}
	for param := range strings.SplitSeq(c.in.form.params, ", ") {
		name, _, _ := strings.Cut(param, " ")
		args = append(args, reflect.ValueOf(map[string]any{
			"m": m, "n": n[0], "d": d, "list": n[:len(c.o.table)], "r": r,
			"imm": c.o.imm, "lane": c.o.lane, "from": c.o.lane, "to": c.o.to,
		}[name]))
	}
	reflect.ValueOf(f).MethodByName(c.in.Name).Call(args)
	f.FMOVQ(d, At(p, 112))
	f.MOVD(r, At(p, 128))
	f.RET()
}

// extremes are lanes of which every width has overflows and the like.
func extremes(r *rand.Rand, bits int) uint64 {
	top := uint64(1) << (bits - 1)
	floats := []float64{0, math.Copysign(0, -1), 1, -1, 0.5, -0.5, 1.5, 2.5, -2.5, 1 << 31, -1 << 31, 1 << 63, -1 << 63, 1e30, 1e300,
		math.Inf(1), math.Inf(-1), math.NaN(), math.MaxFloat32, math.SmallestNonzeroFloat32, math.MaxFloat64, math.SmallestNonzeroFloat64, 1<<31 - 1, 0x1p-126}
	switch r.IntN(4) {
	case 0:
		f := floats[r.IntN(len(floats))]
		if bits == 32 {
			return uint64(math.Float32bits(float32(f)))
		} else if bits == 64 {
			return math.Float64bits(f)
		}
		fallthrough
	case 1:
		return []uint64{0, 1, 2, top - 1, top, top + 1, 2*top - 1, 2*top - 2, uint64(bits), uint64(bits - 1), uint64(-bits) & 255, uint64(-bits-1) & 255}[r.IntN(12)]
	case 2:
		return uint64(r.IntN(2*bits+2)-bits-1) & 255 // a distance to shift by
	}
	return r.Uint64()
}

// fill makes a block of lanes of that width.
func (b *block) fill(r *rand.Rand, bits, kind int) {
	for i := 0; i < len(b); i += 8 {
		var v uint64
		switch kind {
		case 0: // all bits set, as the largest products are of
			v = math.MaxUint64
		case 1: // the least signed number
			for k := 0; k < 64; k += bits {
				v |= 1 << (k + bits - 1)
			}
		case 2, 3, 4:
			v = r.Uint64()
		default:
			for k := 0; k < 64; k += bits {
				v |= extremes(r, bits) & (1<<bits - 1) << k
			}
		}
		binary.LittleEndian.PutUint64(b[i:], v)
	}
}

// TestExecution runs every instruction in every arrangement on random and extreme operands
// and compares with the model.
func TestExecution(t *testing.T) {
	needEmulator(t)
	cs := executed()
	file := NewFile("test", "main", "arm64")
	for i, c := range cs {
		c.emit(file.Function(fmt.Sprintf("f%d", i), "func(p *byte)"))
	}
	bin := program(t, file)
	r := rand.New(rand.NewPCG(1, 2))
	var trials []trial
	for i, c := range cs {
		for kind := range 16 {
			next := trial{function: i}
			next.in.fill(r, []int{8, 16, 32, 64}[(c.o.arr.size()+uint32(kind/12))%4], kind)
			trials = append(trials, next)
		}
	}
	got, err := execute(t, bin, "max", trials)
	if err != nil {
		t.Fatal(err)
	}
	wrong := map[string]bool{}
	for i, trial := range trials {
		c := cs[trial.function]
		s := &state{r: binary.LittleEndian.Uint64(trial.in[96:])}
		copy(s.m[:], trial.in[0:])
		for k := range s.n {
			copy(s.n[k][:], trial.in[16+16*k:])
		}
		copy(s.d[:], trial.in[80:])
		if !s.run(c.in, c.o) {
			t.Fatalf("%s has no model", c.in.Name)
		}
		gotD, gotR := [16]byte(got[i][112:]), binary.LittleEndian.Uint64(got[i][128:])
		if !s.equal(gotD, c.o.arr.bits()) || gotR != s.r {
			if !wrong[c.in.Name] { // the first is enough
				wrong[c.in.Name] = true
				t.Errorf("%s %v imm %d, lane %d, to %d of m %x, n %x, d %x, r %x\nis   %x, %x\nwant %x, %x", c.in.Name, c.o.arr, c.o.imm, c.o.lane, c.o.to,
					trial.in[:16], trial.in[16:32], trial.in[80:96], trial.in[96:104], gotD, gotR, s.d, s.r)
			}
		}
		if !bytes.Equal(got[i][:112], trial.in[:112]) {
			t.Fatalf("%s changes its operands", c.in.Name)
		}
	}
	t.Logf("%d functions, %d executions", len(cs), len(trials))
}

// equal compares d, where any NaN is like any other.
func (s *state) equal(d [16]byte, bits int) bool {
	if d == s.d || !s.nan {
		return d == s.d
	}
	got, want := floatsIn(d, bits), floatsIn(s.d, bits)
	for i := range got {
		at := i * bits / 8
		if !(math.IsNaN(got[i]) && math.IsNaN(want[i])) && !bytes.Equal(d[at:at+bits/8], s.d[at:at+bits/8]) {
			return false
		}
	}
	return true
}

// TestFeatures runs every instruction on CPUs that lack features: those that need one must
// trap, and no others.
func TestFeatures(t *testing.T) {
	needEmulator(t)
	file := NewFile("test", "main", "arm64")
	var all []*Instruction
	for _, c := range executed() {
		if len(all) > 0 && all[len(all)-1] == c.in {
			continue
		}
		all = append(all, c.in)
		c.emit(file.Function(fmt.Sprintf("f%d", len(all)-1), "func(p *byte)"))
	}
	bin := program(t, file)
	for cpu, has := range map[string][]string{
		"cortex-a57":  {AdvSIMD},
		"neoverse-n1": {AdvSIMD, DotProd},
	} {
		var fine []trial
		trapped := 0
		for i, in := range all {
			if slices.Contains(has, in.Feature) {
				fine = append(fine, trial{i, block{}})
				continue
			}
			trapped++
			if _, err := execute(t, bin, cpu, []trial{{i, block{}}}); err == nil || !strings.Contains(err.Error(), "SIGILL") {
				t.Errorf("%s on %s, which lacks %s: got %v: want an illegal instruction", in.Name, cpu, in.Feature, err)
			}
		}
		if _, err := execute(t, bin, cpu, fine); err != nil {
			t.Errorf("instructions of %v on %s: %v", has, cpu, err)
		}
		if trapped == 0 {
			t.Errorf("nothing needs more than %s has", cpu)
		}
		for _, fn := range file.Functions() {
			var i int
			fmt.Sscanf(fn.Name(), "f%d", &i)
			if want := all[i].Feature; !slices.Contains(fn.Features(), want) {
				t.Errorf("a function of %s needs %v: want %s", all[i].Name, fn.Features(), want)
			}
		}
	}
}
