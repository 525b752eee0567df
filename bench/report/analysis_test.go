package main

import (
	"fmt"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg"
)

// parsed makes a run of lines "name value unit ...", six times each.
func parsed(t *testing.T, file string, lines ...string) *run {
	t.Helper()
	var text strings.Builder
	text.WriteString("cpu: x\ncores: 2\n")
	for _, l := range lines {
		name, values, _ := strings.Cut(l, " ")
		for range 6 {
			fmt.Fprintf(&text, "Benchmark%s-2\t10\t%s\n", name, values)
		}
	}
	text.WriteString("PASS\n")
	s, err := parse(file, []byte(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func machineOf(t *testing.T, runs ...*run) *machine {
	t.Helper()
	list, err := machines(runs)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 {
		t.Fatalf("%d machines: want 1", len(list))
	}
	return list[0]
}

const square = "/m=8/n=8/k=8/cache=hot"

// A library may be faster than all kernels, but is none of ours.
func TestPeersAreNotOurs(t *testing.T) {
	s := parsed(t, "a-peers.txt",
		"GEMM/w=int8/a=u8/impl=avx2-muladd"+square+" 100 ns/op 10 ops/s",
		"GEMM/w=int8/a=u8/impl=peer-fast"+square+" 10 ns/op 100 ops/s",
		"GEMM/w=int8/a=u8/impl=peer-slow"+square+" 10 ns/op 1 ops/s",
		"GEMM/w=float32/a=float32/impl=avx2-float32"+square+" 100 ns/op 5 ops/s",
		"GEMM/w=float32/a=float32/impl=peer-fast"+square+" 10 ns/op 50 ops/s",
		"GEMM/w=float32/a=float32/impl=ref"+square+" 10 ns/op 900 ops/s")
	g := s.groups[0]
	for what, got := range map[string]string{
		"best int8 kernel":   g.best("int8 x u8").impl(),
		"float32 baseline":   g.float().impl(),
		"baseline of family": g.family.float.impl(),
		"int8 peer":          g.family.int8Peer.impl(),
		"float32 peer":       g.family.floatPeer.impl(),
		"tiers":              strings.Join(g.tiers(), " "),
	} {
		want := map[string]string{"best int8 kernel": "avx2-muladd", "float32 baseline": "avx2-float32", "baseline of family": "avx2-float32",
			"int8 peer": "peer-fast", "float32 peer": "peer-fast", "tiers": "avx2"}[what]
		if got != want {
			t.Errorf("%s is %s: want %s", what, got, want)
		}
	}
	if x, ok := g.ratio(g.best("int8 x u8"), g.family.int8Peer); !ok || x.value != 0.1 || !x.sure {
		t.Errorf("ratio to the peer is %v, %v: want a sure 0.1", x, ok)
	}
}

// Ratios are of rows of one file, whichever file is read first.
func TestRunsStayApart(t *testing.T) {
	bench := parsed(t, "a.txt",
		"GEMM/w=int8/a=u8/impl=avx2-muladd"+square+" 100 ns/op 1000 ops/s",
		"GEMM/w=float32/a=float32/impl=avx2-float32"+square+" 100 ns/op 500 ops/s")
	beside := parsed(t, "a-peers.txt",
		"GEMM/w=int8/a=u8/impl=avx2-muladd"+square+" 100 ns/op 10 ops/s",
		"GEMM/w=int8/a=u8/impl=peer-x"+square+" 10 ns/op 40 ops/s")
	for _, runs := range [][]*run{{bench, beside}, {beside, bench}} {
		m := machineOf(t, runs...)
		if m.slug != "a" || m.whole() != bench || m.compared() != beside {
			t.Errorf("machine %s has %s first: want make bench's", m.slug, m.whole().file)
		}
		var text strings.Builder
		m.write(&text, nil)
		for _, want := range []string{"| int8 x u8 | 0.25 |", "| int8 x u8 | 2.00 |"} {
			if !strings.Contains(text.String(), want) {
				t.Errorf("no line %q in:\n%s", want, text.String())
			}
		}
	}
}

// Weights of which half are zeros, and activations of float32, are compared
// with what multiplies the same.
func TestForms(t *testing.T) {
	s := parsed(t, "a.txt",
		"GEMM/w=pow2:4/a=u4/impl=avx2-muladd-w4"+square+" 1 ns/op 50 ops/s",
		"GEMM/w=pow2:4/a=u4/impl=avx2-muladd-w8"+square+" 1 ns/op 100 ops/s",
		"GEMM/w=pow2:4/a=u4/impl=avx2-shift"+square+" 1 ns/op 20 ops/s",
		"GEMM/w=pow2:4/a=u4/impl=avx2-shiftadd"+square+" 1 ns/op 60 ops/s",
		"GEMM/w=pow2:4/a=u4/impl=avx2-shiftadd"+square+"/zeros=50 1 ns/op 130 ops/s",
		"GEMM/w=pow2:4/a=u4/impl=avx512bw-muladd-w8"+square+" 1 ns/op 900 ops/s",
		"GEMM/w=pow2:4/a=u8/impl=avx2-shift"+square+" 1 ns/op 20 ops/s", // widths differ
		"GEMM/w=binary/a=u1/impl=avx2-popcount-planes"+square+" 1 ns/op 300 ops/s",
		"GEMM/w=binary/a=u1/impl=avx2-news"+square+" 1 ns/op 200 ops/s",
		"GEMM/w=float32/a=float32/impl=avx2-float32"+square+" 1 ns/op 40 ops/s",
		"Mixed/w=pow2:4/a=float32/impl=avx2-expadd"+square+" 1 ns/op 10 ops/s")
	list := s.formTables("GEMM")
	if len(list) != 1 || list[0].tier != "avx2" {
		t.Fatalf("%d tables: want one, of the tier that has several forms: %v", len(list), list)
	}
	var text strings.Builder
	list[0].write(&text)
	want := `
GEMM, hot, 8x8x8, avx2:

| form | pow2:4 x u4 | binary x u1 | pow2:4 x float32 |
|---|---:|---:|---:|
| multiply (muladd) | 100.0, 1 | - | 40.00, 1 |
| bit planes (popcount) | - | 300.0 | - |
| shift and add (shiftadd) | 60.00, 0.60 | - | - |
| shift and add (shiftadd), 50 % zeros | 130.0, 1.30 | - | - |
| variable shift (shift) | 20.00, 0.20 | - | - |
| add exponents (expadd) | - | - | 10.00, 0.25 |
| news | - | 200.0 | - |
`
	if got := text.String(); got != want {
		t.Errorf("table is:\n%s\nwant:\n%s", got, want)
	}
}

func TestWhereLowBitLoses(t *testing.T) {
	lines := []string{
		"GEMM/w=int8/a=u8/impl=avx2-muladd" + square + " 1 ns/op 30 ops/s",
		"GEMM/w=int8/a=u8/impl=portable-muladd" + square + " 1 ns/op 2 ops/s",
		"GEMM/w=binary/a=sign/impl=avx2-popcount" + square + " 1 ns/op 80 ops/s",
		"GEMM/w=float32/a=float32/impl=avx2-float32" + square + " 1 ns/op 20 ops/s",
		"GEMM/w=float32/a=float32/impl=portable-float32" + square + " 1 ns/op 1 ops/s",
	}
	written := func(lines []string) string {
		var text strings.Builder
		machineOf(t, parsed(t, "a-peers.txt", lines...)).writeLoses(&text)
		return text.String()
	}
	none := written(lines)
	for _, want := range []string{"In none of 2 cases", "| GEMM, hot, 8x8x8 | int8 x u8 | avx2-muladd | 1.50 | - |", "\n0 of 3 are slower"} {
		if !strings.Contains(none, want) {
			t.Errorf("no %q in:\n%s", want, none)
		}
	}
	some := written(append(lines, "GEMM/w=float32/a=float32/impl=peer-x"+square+" 1 ns/op 60 ops/s"))
	for _, want := range []string{"In 1 of 2 cases", "| int8 x u8 | avx2-muladd | 1.50 | 0.50 |", "\n1 of 3 are slower"} {
		if !strings.Contains(some, want) {
			t.Errorf("no %q in:\n%s", want, some)
		}
	}
}

// A limit is named by what comes nearest to it among what it can be.
func TestLimitName(t *testing.T) {
	s := parsed(t, "a.txt",
		"Limits/limit=float32/impl=avx2-fma 1 ns/op 100 ops/s",
		"Limits/limit=muladd/impl=avx2-a 1 ns/op 200 ops/s",
		"Limits/limit=muladd/impl=avx2-b 1 ns/op 400 ops/s",
		"Limits/limit=popcount/impl=popcnt 1 ns/op 300 ops/s",
		"Limits/limit=read/impl=DRAM/bytes=4000 1 ns/op 0.00001 MB/s", // 10 B/s
		"Limits/limit=read/impl=L1/bytes=50 1 ns/op 0.0001 MB/s",      // 100 B/s
		"GEMM/w=int8/a=u8/impl=avx2-x/m=1/n=2/k=3/cache=hot 1000000000 ns/op 0.00002 MB/s 50 %limit 95 ops/s",
		"GEMM/w=int8/a=u8/impl=avx2-y/m=1/n=2/k=3/cache=hot 1000000000 ns/op 0.00002 MB/s 50 %limit 160 ops/s",
		"GEMV/w=int8/a=u8/impl=avx2-z/m=1/n=2/k=3/cache=cold 1000000000 ns/op 0.000005 MB/s 50 %limit 10 ops/s",
		"GEMM/w=float32/a=float32/impl=avx2-f/m=1/n=2/k=3/cache=hot 1000000000 ns/op 0.00005 MB/s 50 %limit 95 ops/s",
		"Epilogue/op=pool/impl=avx2-e/rows=1/c=1 1000000000 ns/op 0.00005 MB/s 50 %limit 5 elem/s",
		"Dot/w=int8/a=u8/impl=avx2-none/m=1/n=1/k=3/cache=hot 1000000000 ns/op 1 ops/s")
	compute, read := s.ceilings()
	want := map[string]string{"avx2-x": "muladd avx2-a", "avx2-y": "muladd avx2-b", "avx2-z": "DRAM reads", "avx2-f": "L1 reads", "avx2-e": "L1 reads", "avx2-none": ""}
	for _, r := range s.rows {
		name, ok := want[r.impl()]
		if got := r.limitName(compute, read); ok && got != name {
			t.Errorf("the limit of %s is %q: want %q", r.impl(), got, name)
		}
	}
}

// Names of ceilings keep apart below the top, in the order of their lines.
func TestSpread(t *testing.T) {
	for _, heights := range [][]vg.Length{nil, {5}, {10, 10, 11, 50}, {96, 97, 98, 99}, {10, 95, 95, 95, 95, 95, 95}} {
		got := spread(heights, 10, 100)
		if len(got) != len(heights) {
			t.Fatalf("%d heights of %d", len(got), len(heights))
		}
		for i, h := range got {
			if h > 100 || i > 0 && h < got[i-1]+10 {
				t.Errorf("%v spread to %v: want steps of 10 up to 100", heights, got)
				break
			}
		}
	}
}
