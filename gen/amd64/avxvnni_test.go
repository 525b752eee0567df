package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/reg"
)

// TestVPDPBUSD compares with the words of another assembler.
func TestVPDPBUSD(t *testing.T) {
	f, err := os.Open(filepath.Join("testdata", "vpdpbusd.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := 0
	for s := bufio.NewScanner(f); s.Scan(); {
		if strings.HasPrefix(s.Text(), "#") {
			continue
		}
		var a, b, c int
		var want string
		if _, err := fmt.Sscan(s.Text(), &a, &b, &c, &want); err != nil {
			t.Fatalf("%q: %v", s.Text(), err)
		}
		lines++
		if got := fmt.Sprintf("%x", vpdpbusd(a, b, c)); got != want {
			t.Errorf("VPDPBUSD Y%d, Y%d, Y%d is encoded as %s: want %s", a, b, c, got, want)
		}
	}
	if lines != 256 {
		t.Errorf("%d encodings were compared: want 256", lines)
	}
}

// TestVPDPBUSDDisassembled has another disassembler read every encoding.
func TestVPDPBUSDDisassembled(t *testing.T) {
	objdump, err := exec.LookPath("objdump")
	if err != nil {
		t.Skip(err)
	}
	var code []byte
	var want []string
	for i := range 16 * 16 * 16 {
		a, b, c := i>>8, i>>4&15, i&15
		word := vpdpbusd(a, b, c)
		code = append(code, word[:]...)
		want = append(want, fmt.Sprintf("{vex} vpdpbusd %%ymm%d,%%ymm%d,%%ymm%d", a, b, c))
	}
	file := filepath.Join(t.TempDir(), "code")
	if err := os.WriteFile(file, code, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(objdump, "-D", "-b", "binary", "-m", "i386:x86-64", file).Output()
	if err != nil {
		t.Skip(err)
	}
	if strings.Contains(string(out), "(bad)") {
		t.Skip("this objdump does not know AVX-VNNI")
	}
	var got []string
	for line := range strings.Lines(string(out)) {
		if _, text, ok := strings.Cut(line, "{vex}"); ok {
			got = append(got, "{vex} "+strings.Join(strings.Fields(text), " "))
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d instructions were disassembled: want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("instruction %d is disassembled as %q: want %q", i, got[i], want[i])
		}
	}
}

// TestNoSuchVEXRegister wants a panic where VEX cannot encode a register.
func TestNoSuchVEXRegister(t *testing.T) {
	for i := range 3 {
		r := [3]int{1, 2, 3}
		r[i] = 16
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("registers %v were encoded", r)
				}
			}()
			vpdpbusd(r[0], r[1], r[2])
		}()
	}
}

// TestVerifyVEX compiles what CPUs without AVX-512 cannot run.
func TestVerifyVEX(t *testing.T) {
	for _, test := range []struct {
		name, want string
		body       func(c *build.Context, p reg.GPVirtual)
	}{
		{"VEX", "", func(c *build.Context, p reg.GPVirtual) {
			c.VPADDB(operand.Mem{Base: p}, reg.Y1, reg.Y15)
		}},
		{"EVEX instruction", "VPANDQ needs AVX512F", func(c *build.Context, p reg.GPVirtual) {
			c.VPANDQ(operand.Mem{Base: p}, reg.Z1, reg.Z1)
		}},
		{"EVEX form of a VEX instruction", "VPADDB uses Y16", func(c *build.Context, p reg.GPVirtual) {
			c.VPADDB(operand.Mem{Base: p}, reg.Y16, reg.Y1)
		}},
	} {
		c := build.NewContext()
		c.Function("f")
		c.SignatureExpr("func(p uintptr)")
		test.body(c, c.Load(c.Param("p"), c.GP64()).(reg.GPVirtual))
		c.VZEROUPPER()
		c.RET()
		file, err := c.Result()
		if err == nil {
			err = pass.Compile.Execute(file)
		}
		if err != nil {
			t.Fatal(err)
		}
		for room, want := range map[string]string{"avx2": test.want, "avxvnni": test.want, "avx512bw": ""} {
			err := verify(room, file)
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("%s in %s: got error %v: want %q", test.name, room, err, want)
			}
		}
	}
}
