package neon

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	asmError = regexp.MustCompile(`x\.s:(\d+)\)?:? *(.*)`)
	asmPlace = regexp.MustCompile(`^\t0x([0-9a-f]+) \d+ \(x\.s:(\d+)\)\t(\S+)`)
	asmBytes = regexp.MustCompile(`^\t0x([0-9a-f]+)((?: [0-9a-f]{2})+)  `)
)

// goAssemble returns the words of each text, or why the Go assembler does not take it. A
// text may branch to "here", which is itself.
func goAssemble(t *testing.T, texts []string) (words [][]uint32, errs []string) {
	t.Helper()
	errs = make([]string, len(texts))
	dir := t.TempDir()
	for {
		var b bytes.Buffer
		fmt.Fprintln(&b, "TEXT ·f(SB), 4, $0-0")
		for i, text := range texts {
			if errs[i] != "" {
				text = "WORD $0"
			}
			if strings.HasSuffix(text, "here") {
				text = fmt.Sprintf("here%d: %s%d", i, text, i)
			}
			fmt.Fprintln(&b, text)
		}
		if err := os.WriteFile(filepath.Join(dir, "x.s"), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("go", "tool", "asm", "-S", "-e", "-p", "x", "-o", "x.o", "x.s")
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOARCH=arm64", "GOFLAGS=")
		out, err := cmd.CombinedOutput()
		if err == nil {
			return listing(t, string(out), len(texts)), errs
		}
		found := false
		for _, m := range asmError.FindAllStringSubmatch(string(out), -1) {
			line, err := strconv.Atoi(m[1])
			if err != nil || line < 2 || line > len(texts)+1 {
				t.Fatalf("%s", out)
			}
			errs[line-2], found = "rejected: "+m[2], true
		}
		if !found {
			t.Fatalf("%v\n%s", err, out)
		}
	}
}

// listing reads the words of lines 2 … n+1.
func listing(t *testing.T, out string, n int) [][]uint32 {
	start, end := make([]int, n), make([]int, n)
	code := map[int]byte{}
	last := -1
	for line := range strings.Lines(out) {
		if m := asmPlace.FindStringSubmatch(line); m != nil && m[3] != "TEXT" && m[3] != "FUNCDATA" && m[3] != "PCDATA" {
			pc, _ := strconv.ParseInt(m[1], 16, 64)
			at, _ := strconv.Atoi(m[2])
			if last >= 0 {
				end[last] = int(pc)
			}
			if last = at - 2; last >= 0 && last < n {
				start[last] = int(pc)
			}
		}
		if m := asmBytes.FindStringSubmatch(line); m != nil {
			at, _ := strconv.ParseInt(m[1], 16, 64)
			for i, hex := range strings.Fields(m[2]) {
				b, _ := strconv.ParseUint(hex, 16, 8)
				code[int(at)+i] = byte(b)
			}
		}
	}
	end[n-1] = start[n-1] + 4
	words := make([][]uint32, n)
	for i := range words {
		for at := start[i]; at < end[i]; at += 4 {
			words[i] = append(words[i], uint32(code[at])|uint32(code[at+1])<<8|uint32(code[at+2])<<16|uint32(code[at+3])<<24)
		}
	}
	return words
}

// TestGoAssembler has the Go assembler read what is printed for it: the words must be those
// of the other assembler. It must not take instructions of the table that are printed
// as words: those need not be.
func TestGoAssembler(t *testing.T) {
	words := readWords(t)
	type line struct {
		text, arm string
		want      bool // that it is taken
		name      string
	}
	var lines []line
	for _, c := range choices() {
		if c.in.Native || c.in.form.goText != nil {
			lines = append(lines, line{c.go_(), c.arm(), c.in.Native, c.in.Name})
		}
	}
	for _, s := range scalars() {
		lines = append(lines, line{s.text(t), s.arm, true, ""})
	}
	texts := make([]string, len(lines))
	for i := range lines {
		texts[i] = lines[i].text
	}
	got, errs := goAssemble(t, texts)
	right := map[string]bool{} // those not native of which it knows all
	for i, l := range lines {
		want, ok := words[l.arm]
		if !ok {
			t.Errorf("%s does not have %q", wordsFile, l.arm)
			continue
		}
		agree := errs[i] == "" && len(got[i]) == 1 && got[i][0] == want
		if l.want && !agree {
			t.Errorf("%s is assembled as %08x %s: want %08x %s", l.text, got[i], errs[i], want, l.arm)
		}
		if !l.want {
			if before, seen := right[l.name]; !seen || before {
				right[l.name] = agree
			}
		}
	}
	for name, all := range right {
		if all {
			t.Errorf("the Go assembler knows %s: it is Native", name)
		}
	}
}
