package neon

import (
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/words.txt with the words of aarch64-linux-gnu-as")

// wordsFile has the words of an independent assembler.
var wordsFile = filepath.Join("testdata", "words.txt")

// A choice is an instruction of the table with operands.
type choice struct {
	in *Instruction
	o  *numbers
}

func (c choice) arm() string { return c.in.form.armText(c.in, c.o) }
func (c choice) go_() string { return c.in.form.goText(c.in, c.o) }
func (c choice) String() string {
	return fmt.Sprintf("%s.%v, %q", c.in.Name, c.o.arr, c.arm())
}

// has tells whether the method of an instruction has a parameter.
func (in *Instruction) has(param string) bool {
	for p := range strings.FieldsFuncSeq(in.form.params, func(r rune) bool { return r == ',' || r == ' ' }) {
		if p == param {
			return true
		}
	}
	return false
}

// constants are those that the instruction takes for lanes of a width: the first, the
// last and some between. They follow from its name in Arm's manual.
func (in *Instruction) constants(a Arrangement) []int {
	bits := a.bits()
	switch {
	case !in.has("imm"):
		return []int{0}
	case in.Arm == "ext":
		return []int{0, 1, a.Lanes()/2 + 1, a.Lanes() - 1}
	case in.Name == "VMOVI":
		return []int{0, 1, 85, 170, 255}
	case in.Arm == "movi" || in.Arm == "mvni":
		list := []int{0}
		for shift := 0; shift < bits; shift += 8 {
			list = append(list, 1<<shift, 170<<shift, 255<<shift)
		}
		return list
	case strings.Contains(in.Arm, "sh") && strings.Contains(in.Arm, "r") || strings.HasSuffix(in.Arm, "sra") || in.Arm == "sri":
		return []int{1, bits/2 + 1, bits - 1, bits}
	}
	return []int{0, 1, bits/2 - 1, bits - 1}
}

// choices returns every instruction in every arrangement with some operands: each
// register the first and the last one, and so lanes and constants.
func choices() []choice {
	var list []choice
	for i := range table {
		in := &table[i]
		for _, arr := range in.Arrangements {
			lanes := 128 / arr.bits()
			if in.form.fixed {
				lanes = 4 // of 4 bytes
			}
			constants := in.constants(arr)
			add := func(k int, m, n, d int) {
				o := &numbers{arr: arr, d: d}
				if in.has("m") {
					o.m = m
				}
				if in.has("n") || in.has("r") {
					o.n = n
				}
				if in.has("r") && in.has("n") {
					o.d = d // r is the destination
				}
				if in.has("lane") && in.has("m") && arr.bits() == 16 {
					o.m &= 15
				}
				if in.has("lane") || in.has("from") {
					o.lane = []int{0, lanes - 1, lanes / 2, 1, lanes/2 - 1}[k%5] % lanes
				}
				if in.has("to") {
					o.to = []int{lanes - 1, 0, 1, lanes / 2, lanes/2 - 1}[k%5] % lanes
				}
				if in.has("imm") {
					o.imm = constants[k%len(constants)]
				}
				if in.has("list") {
					o.n = 0
					for j := range k%4 + 1 {
						o.table = append(o.table, (n+j)%32)
					}
				}
				list = append(list, choice{in, o})
			}
			registers := [][3]int{{31, 0, 0}, {0, 31, 10}, {10, 21, 31}, {21, 10, 5}}
			k := 0
			for k < len(registers) || k < len(constants) || k < 5 && (in.has("lane") || in.has("from")) {
				r := registers[k%len(registers)]
				add(k, r[0], r[1], r[2])
				k++
			}
		}
	}
	return list
}

// readWords returns the words of wordsFile by their Arm text.
func readWords(t *testing.T) map[string]uint32 {
	f, err := os.Open(wordsFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	words := map[string]uint32{}
	for s := bufio.NewScanner(f); s.Scan(); {
		if strings.HasPrefix(s.Text(), "#") {
			continue
		}
		var word uint32
		hex, text, _ := strings.Cut(s.Text(), " ")
		if _, err := fmt.Sscanf(hex, "%x", &word); err != nil {
			t.Fatalf("%q: %v", s.Text(), err)
		}
		words[text] = word
	}
	return words
}

// armTexts are all texts of which wordsFile has the words.
func armTexts() []string {
	var list []string
	seen := map[string]bool{}
	add := func(s string) {
		if !seen[s] {
			seen[s] = true
			list = append(list, s)
		}
	}
	for _, c := range choices() {
		add(c.arm())
	}
	for _, s := range scalars() {
		add(s.arm)
	}
	return list
}

// TestUpdateWords writes wordsFile if told to.
func TestUpdateWords(t *testing.T) {
	if !*update {
		return
	}
	const assembler, march = "aarch64-linux-gnu-as", "-march=armv8.6-a"
	texts := armTexts()
	dir := t.TempDir()
	source, object := filepath.Join(dir, "words.s"), filepath.Join(dir, "words.o")
	if err := os.WriteFile(source, []byte(strings.Join(texts, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(assembler, march, "-o", object, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	version, err := exec.Command(assembler, "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	name, _, _ := strings.Cut(string(version), "\n")
	file, err := elf.Open(object)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	code, err := file.Section(".text").Data()
	if err != nil {
		t.Fatal(err)
	}
	if len(code) != 4*len(texts) {
		t.Fatalf("%d bytes of code for %d instructions", len(code), len(texts))
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# The words of instructions as assembled by %s with %s.\n", name, march)
	fmt.Fprintf(&b, "# Written by go test ./neon -run TestUpdateWords -update in gen.\n")
	for i, text := range texts {
		fmt.Fprintf(&b, "%08x %s\n", binary.LittleEndian.Uint32(code[4*i:]), text)
	}
	if err := os.WriteFile(wordsFile, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestEncodings compares the words of every instruction in every arrangement with those of
// another assembler.
func TestEncodings(t *testing.T) {
	words := readWords(t)
	for _, c := range choices() {
		got, err := c.in.form.encode(c.in, c.o)
		if err != nil {
			t.Errorf("%v: %v", c, err)
			continue
		}
		want, ok := words[c.arm()]
		if !ok {
			t.Errorf("%v: %s does not have it: run go test ./neon -run TestUpdateWords -update", c, wordsFile)
		} else if got != want {
			t.Errorf("%v is encoded as %08x: want %08x", c, got, want)
		}
	}
}
