package neon

import (
	"bytes"
	"os"
	"reflect"
	"strings"
	"testing"
)

// TestMethods wants methods.go to be what the table says.
func TestMethods(t *testing.T) {
	want, err := Methods()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("methods.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("methods.go is not what the table says: run go run ./neon/methods in gen")
	}
}

// TestTable wants each instruction once, and what the methods need of it.
func TestTable(t *testing.T) {
	names := map[string]bool{}
	for _, in := range Instructions() {
		if names[in.Name] {
			t.Errorf("%s is twice in the table", in.Name)
		}
		names[in.Name] = true
		if _, ok := reflect.TypeFor[*Func]().MethodByName(in.Name); !ok {
			t.Errorf("%s has no method", in.Name)
		}
		if in.Doc == "" || in.Feature == "" || len(in.Arrangements) == 0 || strings.ToLower(in.Arm) != in.Arm {
			t.Errorf("%s lacks something: %+v", in.Name, in)
		}
		if in.Native && in.form.goText == nil {
			t.Errorf("%s is native and has no text for the Go assembler", in.Name)
		}
		for a := B8; a <= D2; a++ {
			if a.Lanes()*a.bits() != 64<<a.q() {
				t.Errorf("%v has %d lanes of %d bits", a, a.Lanes(), a.bits())
			}
		}
	}
	if len(names) < 200 {
		t.Errorf("%d instructions", len(names))
	}
}
