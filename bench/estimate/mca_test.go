package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestParseMCA reads what llvm-mca 19 printed for a load, four SDOTs and a loop's end.
func TestParseMCA(t *testing.T) {
	text, err := os.ReadFile("testdata/mca.txt")
	if err != nil {
		t.Fatal(err)
	}
	a, err := parseMCA(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if a.cycles != 209 || a.reciprocal != 2 {
		t.Errorf("%v cycles, %v at least: want 209 and 2", a.cycles, a.reciprocal)
	}
	for _, want := range []unit{{"N1UnitB", 2}, {"N1UnitL.0", 0.5}, {"N1UnitV0", 2}} {
		if !slices.Contains(a.pressure, want) {
			t.Errorf("units are %v: want %v among them", a.pressure, want)
		}
	}
	if _, err := parseMCA("error: no such core"); err == nil {
		t.Error("text without cycles gives no error")
	}
}

func TestSplitWriteback(t *testing.T) {
	for line, want := range map[string]string{
		"ldr q1, [x0], #16":                         "ldr q1, [x0]\nadd x0, x0, #16",
		"ldr q1, [x0, #-16]!":                       "sub x0, x0, #16\nldr q1, [x0]",
		"ld1 { v0.16b, v1.16b }, [x12], #32":        "ld1 { v0.16b, v1.16b }, [x12]\nadd x12, x12, #32",
		"ld1r { v0.4s }, [x3], x4":                  "ld1r { v0.4s }, [x3]\nadd x3, x3, x4",
		"ldp q0, q1, [sp], #32":                     "ldp q0, q1, [sp]\nadd sp, sp, #32",
		"stp q1, q2, [x9], #32":                     "stp q1, q2, [x9]\nadd x9, x9, #32",
		"ldr q1, [x0, #16]":                         "ldr q1, [x0, #16]",
		"ldr q1, [x0, x1]":                          "ldr q1, [x0, x1]",
		"sdot v0.4s, v1.16b, v2.16b":                "sdot v0.4s, v1.16b, v2.16b",
		"ld4r { v0.4s, v1.4s, v2.4s, v3.4s }, [x3]": "ld4r { v0.4s, v1.4s, v2.4s, v3.4s }, [x3]",
	} {
		if got := splitWriteback(line); got != want {
			t.Errorf("%q becomes %q: want %q", line, got, want)
		}
	}
}

// TestSource wants loads split on cores that ask for it alone, and stores everywhere.
func TestSource(t *testing.T) {
	text := []string{"ldr q1, [x0], #16", "str q1, [x2], #16"}
	for split, want := range map[bool]string{
		false: "ldr q1, [x0], #16\nstr q1, [x2]\nadd x2, x2, #16\n",
		true:  "ldr q1, [x0]\nadd x0, x0, #16\nstr q1, [x2]\nadd x2, x2, #16\n",
	} {
		c := core{split: split}
		if got := c.source(text); got != want {
			t.Errorf("split %v: %q: want %q", split, got, want)
		}
	}
}

// TestInstructionLines reads what llvm-mc 19 prints for two words.
func TestInstructionLines(t *testing.T) {
	got := instructionLines("\t.text\n\tsdot\tv0.4s, v0.16b, v0.16b\n\tb.ne\t#-20\n")
	if want := []string{"sdot v0.4s, v0.16b, v0.16b", "b.ne #-20"}; !slices.Equal(got, want) {
		t.Errorf("lines are %q: want %q", got, want)
	}
}

// TestAnalyse wants no more instructions a cycle than a core decodes, and longer
// sequences than are analysed scaled. The analyser is one that has an answer already.
func TestAnalyse(t *testing.T) {
	c := &core{name: "core", width: 4}
	short := slices.Repeat([]string{"nop"}, 100)
	long := slices.Repeat([]string{"nop"}, 3*mostInstructions)
	a := &analyser{tools: new(tools), known: map[string]string{}}
	answer := func(text []string, iterations int, cycles string) {
		a.known[a.key(mcaArgs(c, iterations, false), c.source(text))] = "Total Cycles: " + cycles + "\nBlock RThroughput: 10\n"
	}
	answer(short, 1, "20")
	answer(short, 3, "30")
	answer(long[:mostInstructions], 1, "90000")
	got, err := a.analyse(c, short, true, false)
	if err != nil {
		t.Fatal(err)
	}
	if got.cycles != 25 || got.again != 25 || got.reciprocal != 25 {
		t.Errorf("100 instructions take %v, %v, %v cycles: want 25, what decoding takes", got.cycles, got.again, got.reciprocal)
	}
	if got, err = a.analyse(c, long, false, false); err != nil {
		t.Fatal(err)
	}
	if got.cycles != 270000 {
		t.Errorf("a long sequence takes %v cycles: want 270000", got.cycles)
	}
}

// TestKeptAnswers wants an answer that was kept to be taken, and one of which a part is
// missing to be asked for again and kept.
func TestKeptAnswers(t *testing.T) {
	dir := t.TempDir()
	const whole = "Total Cycles: 12\nBlock RThroughput: 10\n"
	program := filepath.Join(dir, "analyser")
	if err := os.WriteFile(program, []byte("#!/bin/sh\nprintf '"+strings.ReplaceAll(whole, "\n", `\n`)+"'\n"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := exec.Command(program).Run(); err != nil {
		t.Skipf("shell scripts do not run: %v", err)
	}
	c := &core{name: "core"}
	for kept, want := range map[string]string{
		"": whole, "Total Cycles: 1": whole, "nonsense\n": whole,
		"Total Cycles: 34\nBlock RThroughput: 10\n": "Total Cycles: 34\nBlock RThroughput: 10\n",
	} {
		a := &analyser{tools: &tools{ctx: t.Context(), mca: program}, dir: dir, known: map[string]string{}}
		file := filepath.Join(dir, a.key(mcaArgs(c, 1, false), "nop\n"))
		if err := os.WriteFile(file, []byte(kept), 0o666); err != nil {
			t.Fatal(err)
		}
		got, err := a.run(c, "nop\n", 1, false)
		now, _ := os.ReadFile(file)
		if err != nil || got != want || string(now) != want {
			t.Errorf("%q was kept: got %q, %v, and kept %q: want %q", kept, got, err, now, want)
		}
	}
}

func TestCores(t *testing.T) {
	list, err := coresNamed("neoverse-n1, cortex-a72")
	if err != nil || len(list) != 2 || list[0].name != "neoverse-n1" {
		t.Errorf("got %v, %v: want two cores", list, err)
	}
	if _, err := coresNamed("neoverse-n1,z80"); err == nil || !strings.Contains(err.Error(), "z80") {
		t.Errorf("error %v: want one that names z80", err)
	}
	if list[1].runs([]string{"AdvSIMD", "DotProd"}) || !list[0].runs([]string{"AdvSIMD", "DotProd"}) {
		t.Error("the N1 has DotProd, the A72 has not")
	}
}
