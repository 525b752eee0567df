//go:build amd64 && linux && !purego

package kernels

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"example.com/lowbit/kernels/internal/emul"
)

// emulator is the name of the emulator that there is, empty if none.
func emulator() string {
	if _, err := exec.LookPath(emul.Program); err != nil || os.Getenv(envEmulated) != "" {
		return ""
	}
	return emul.Program
}

func (e *emulation) run(t *testing.T) {
	t.Helper()
	if len(e.calls) == 0 {
		t.Fatal("the test calls nothing, but would count as one of this kernel")
	}
	calls := make([]emul.Call, len(e.calls))
	for i, c := range e.calls {
		call := emul.Call{Name: t.Name(), Func: emul.Code(c.function), Args: c.args, Want: resultBits(c.result)}
		switch c.result.(type) {
		case int:
			call.Result = emul.Int64
		case int32:
			call.Result = emul.Int32
		case float32:
			call.Result = emul.Float32
		}
		for _, o := range c.operands {
			call.Operands = append(call.Operands, emul.Operand{Arg: o.arg, Data: o.data, Want: o.want, Tail: o.tail})
		}
		calls[i] = call
	}
	if err := emul.Run(calls, 5*time.Minute); err != nil {
		t.Error(err)
	}
}
