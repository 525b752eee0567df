package neon

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
)

// A machine is both what a random program is written with and what it computes: each
// statement is appended to the function, and kept for the model to run. Registers are
// virtual ones, by their numbers in gps and vecs.
type machine struct {
	f      *Func
	r      *rand.Rand
	p      GP
	gps    []GP
	vecs   []Vec
	liveG  []int // that may be read now
	liveV  []int
	labels int
}

// values are those of a machine's registers, in the model.
type values struct {
	gps    []uint64
	vecs   [][16]byte
	loaded [2]uint64 // what LDP finds
}

// A step is what a statement does in the model.
type step func(v *values)

const (
	mostGPs  = 22 // 26, less the pointer and the counters of nested loops
	mostVecs = 32
)

func (m *machine) newGP() int {
	m.gps = append(m.gps, m.f.GP())
	return len(m.gps) - 1
}

func (m *machine) newVec() int {
	m.vecs = append(m.vecs, m.f.Vec())
	return len(m.vecs) - 1
}

func (m *machine) label() string {
	m.labels++
	return fmt.Sprintf("l%d", m.labels)
}

func pick(r *rand.Rand, list []int) int { return list[r.IntN(len(list))] }

// target is a register to write: one that is read elsewhere, or a new one, which takes
// the place of another where all of the program passes by, and otherwise is there for the
// rest of the block.
func target(m *machine, live *[]int, fresh func() int, most int, outermost bool) int {
	k := m.r.IntN(len(*live))
	switch {
	case m.r.IntN(3) == 0:
		return (*live)[k]
	case outermost:
		(*live)[k] = fresh()
		return (*live)[k]
	case len(*live) < most:
		*live = append(*live, fresh())
		return (*live)[len(*live)-1]
	}
	return (*live)[k]
}

// block writes some statements.
func (m *machine) block(depth int) []step {
	liveG, liveV := len(m.liveG), len(m.liveV)
	var steps []step
	for range 4 + m.r.IntN(12) {
		steps = append(steps, m.statement(depth))
	}
	if depth > 0 {
		m.liveG, m.liveV = m.liveG[:liveG], m.liveV[:liveV]
	}
	return steps
}

func (m *machine) statement(depth int) step {
	f := m.f
	a, b := pick(m.r, m.liveG), pick(m.r, m.liveG)
	va, vb := pick(m.r, m.liveV), pick(m.r, m.liveV)
	outermost := depth == 0
	toGP := func() int { return target(m, &m.liveG, m.newGP, mostGPs, outermost) }
	toVec := func() int { return target(m, &m.liveV, m.newVec, mostVecs, outermost) }
	switch kind := m.r.IntN(16); {
	case kind < 4:
		d := toGP()
		op := m.r.IntN(5)
		[]func(m Operand, n, d GP){f.ADD, f.SUB, f.EOR, f.ORR, func(m Operand, n, d GP) { f.MUL(m.(GP), n, d) }}[op](m.gps[a], m.gps[b], m.gps[d])
		return func(v *values) {
			x, y := v.gps[a], v.gps[b]
			v.gps[d] = []uint64{y + x, y - x, y ^ x, y | x, y * x}[op]
		}
	case kind < 5:
		d := toGP()
		f.CMP(m.gps[a], m.gps[b])
		f.CSEL(LO, m.gps[a], m.gps[b], m.gps[d])
		return func(v *values) {
			if v.gps[b] < v.gps[a] {
				v.gps[d] = v.gps[a]
			} else {
				v.gps[d] = v.gps[b]
			}
		}
	case kind < 6: // two outputs
		d1, d2 := toGP(), toGP()
		if d1 == d2 {
			f.MOVD(At(m.p, 16), m.gps[d1])
			return func(v *values) { v.gps[d1] = v.loaded[0] }
		}
		f.LDP(At(m.p, 16), m.gps[d1], m.gps[d2])
		return func(v *values) { v.gps[d1], v.gps[d2] = v.loaded[0], v.loaded[1] }
	case kind < 9:
		d := toVec()
		in := instructionNamed([]string{"VADD", "VSUB", "VMUL", "VZIP2", "VUMAX"}[m.r.IntN(5)])
		f.vector(in, operands{arr: H8, m: m.vecs[va], n: m.vecs[vb], d: m.vecs[d]})
		return func(v *values) { v.run(in, va, vb, d) }
	case kind < 11: // d is read as well
		d := pick(m.r, m.liveV)
		in := instructionNamed([]string{"VMLA", "VUABA"}[m.r.IntN(2)])
		f.vector(in, operands{arr: H8, m: m.vecs[va], n: m.vecs[vb], d: m.vecs[d]})
		return func(v *values) { v.run(in, va, vb, d) }
	case kind < 12:
		d := toVec()
		f.VMOV(m.vecs[va], m.vecs[d])
		return func(v *values) { v.vecs[d] = v.vecs[va] }
	case kind < 13:
		d := toGP()
		f.FMOVD(m.vecs[va], m.gps[d])
		return func(v *values) { v.gps[d] = binary.LittleEndian.Uint64(v.vecs[va][:]) }
	case depth < 2 && kind < 15: // a loop
		count, top := f.GP(), m.label()
		n := 1 + m.r.IntN(3)
		f.MOVD(Imm(n), count)
		f.Label(top)
		body := m.block(depth + 1)
		f.SUBS(Imm(1), count, count)
		f.Bcond(NE, top)
		return func(v *values) {
			for range n {
				for _, s := range body {
					s(v)
				}
			}
		}
	case depth < 2: // a branch
		over := m.label()
		f.TBZ(3, m.gps[a], over)
		body := m.block(depth + 1)
		f.Label(over)
		f.ADD(m.gps[a], m.gps[a], m.gps[a])
		return func(v *values) {
			if v.gps[a]>>3&1 == 1 {
				for _, s := range body {
					s(v)
				}
			}
			v.gps[a] *= 2
		}
	}
	f.NEG(m.gps[a], m.gps[a])
	return func(v *values) { v.gps[a] = -v.gps[a] }
}

// run executes an instruction of the table in the model of instructions.
func (v *values) run(in *Instruction, m, n, d int) {
	s := &state{m: v.vecs[m], d: v.vecs[d]}
	s.n[0] = v.vecs[n]
	s.run(in, &numbers{arr: H8})
	v.vecs[d] = s.d
}

// randomProgram writes a function and returns its model: what of d and r is left of a
// block.
func randomProgram(f *Func, r *rand.Rand) func(in block) ([16]byte, uint64) {
	m := &machine{f: f, r: r, p: f.Param("p")}
	nG, nV := 2+r.IntN(mostGPs-1), 1+r.IntN(mostVecs)
	for i := range nG {
		g := m.newGP()
		f.MOVD(At(m.p, 16+8*(i%10)), m.gps[g])
		m.liveG = append(m.liveG, g)
	}
	for i := range nV {
		v := m.newVec()
		f.FMOVQ(At(m.p, i), m.vecs[v])
		m.liveV = append(m.liveV, v)
	}
	steps := m.block(0)
	for len(f.ir.Instructions()) < 150 {
		steps = append(steps, m.block(0)...)
	}
	// All that is alive goes into the result.
	x := m.gps[m.liveG[0]]
	for _, g := range m.liveG[1:] {
		f.ADD(m.gps[g], x, x)
		f.ADD(Shifted{x, 13}, x, x)
	}
	f.MOVD(x, At(m.p, 128))
	for _, v := range m.liveV[1:] {
		f.VEXT(B16, 1, m.vecs[m.liveV[0]], m.vecs[m.liveV[0]], m.vecs[m.liveV[0]])
		f.VADD(H8, m.vecs[v], m.vecs[m.liveV[0]], m.vecs[m.liveV[0]])
	}
	f.FMOVQ(m.vecs[m.liveV[0]], At(m.p, 112))
	f.RET()
	return func(in block) ([16]byte, uint64) {
		v := &values{gps: make([]uint64, len(m.gps)), vecs: make([][16]byte, len(m.vecs))}
		v.loaded = [2]uint64{binary.LittleEndian.Uint64(in[16:]), binary.LittleEndian.Uint64(in[24:])}
		for i := range nG {
			v.gps[i] = binary.LittleEndian.Uint64(in[16+8*(i%10):])
		}
		for i := range nV {
			v.vecs[i] = [16]byte(in[i:])
		}
		for _, s := range steps {
			s(v)
		}
		x := v.gps[m.liveG[0]]
		for _, g := range m.liveG[1:] {
			x += v.gps[g]
			x += x << 13
		}
		d := v.vecs[m.liveV[0]]
		for _, i := range m.liveV[1:] {
			d = [16]byte(append(append([]byte{}, d[1:]...), d[0]))
			for k := 0; k < 16; k += 2 {
				binary.LittleEndian.PutUint16(d[k:], binary.LittleEndian.Uint16(d[k:])+binary.LittleEndian.Uint16(v.vecs[i][k:]))
			}
		}
		return d, x
	}
}

// TestRandomPrograms compiles random programs of loops and branches with as many registers
// alive as there are, or fewer, and compares what they compute with a model that knows
// nothing of the allocation.
func TestRandomPrograms(t *testing.T) {
	needEmulator(t)
	file := NewFile("test", "main", "arm64")
	r := rand.New(rand.NewPCG(3, 4))
	var models []func(in block) ([16]byte, uint64)
	var trials []trial
	for i := range 100 {
		models = append(models, randomProgram(file.Function(fmt.Sprintf("f%d", i), "func(p *byte)"), r))
		for range 4 {
			next := trial{function: i}
			next.in.fill(r, 64, 2)
			trials = append(trials, next)
		}
	}
	got, err := execute(t, program(t, file), "max", trials)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range trials {
		d, x := models[c.function](c.in)
		if gotD, gotX := [16]byte(got[i][112:]), binary.LittleEndian.Uint64(got[i][128:]); gotD != d || gotX != x {
			t.Errorf("program %d gives %x and %x: want %x and %x", c.function, gotD, gotX, d, x)
		}
	}
	most := 0
	for i, fn := range file.Functions() {
		used := map[int]bool{}
		for _, in := range fn.ir.Instructions() {
			for _, r := range in.Registers() {
				if r.Kind() == vectors[0].Kind() {
					used[file.allocations[i].number(r)] = true
				}
			}
		}
		most = max(most, len(used))
	}
	if most != len(vectors) {
		t.Errorf("no program uses more than %d vector registers", most)
	}
}
