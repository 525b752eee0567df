package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// train.sh gives netrun the flags of runs.txt, whatever folders are called, and says what
// is wrong with its own arguments. Another program stands in for Go, and writes one that
// stands in for netrun.
func TestTrainScript(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("SKIPPED: no bash")
	}
	dir := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"train.sh", "runs.txt"} {
		put("results/accuracy/"+name, string(readAll(t, "../../results/accuracy/"+name)))
	}
	put("netrun", `#!/usr/bin/env bash
printf '<%s>' "$@"
echo
while [ $# -gt 0 ]; do
	case $1 in
	-log) echo '{}' >"$2" ;;
	-out) : >"$2.checkpoint" ;;
	esac
	shift
done
`)
	put("bin/go", "#!/usr/bin/env bash\ncp netrun .cache/netrun\n")
	run := func(env string, args ...string) string {
		t.Helper()
		cmd := exec.Command(bash, append([]string{"results/accuracy/train.sh"}, args...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+string(filepath.ListSeparator)+os.Getenv("PATH"), "MNIST=", "FASHION="+dir, env)
		out, err := cmd.CombinedOutput()
		return string(out) + map[bool]string{true: "ok", false: "failed"}[err == nil]
	}
	for _, c := range []struct {
		env  string
		args []string
		want []string
	}{
		{"MNIST=/my data/*", []string{"mnist-lenet-float-s1"}, []string{"<train><-resume><-data></my data/*><", "ok"}},
		{"THREADS=3", []string{"fashion-lenet-ptq-int8-u8-s1"}, []string{ // and first the run that it starts from
			"=== fashion-lenet-float-s1\n<train><-resume><-threads><3><-data>", "=== fashion-lenet-ptq-int8-u8-s1\n", "<-init><.cache/accuracy/fashion-lenet-float-s1.safetensors.checkpoint>", "ok"}},
		{"MNIST=", []string{"mnist-lenet-dst-ternary-u2-s1"}, []string{"want MNIST=folder of MNIST", "failed"}},
		{"MNIST=/m", []string{"mnist-lenet-none"}, []string{"no run is called mnist-lenet-none: want one of", "failed"}},
		{"MNIST=/m", []string{""}, []string{"no run is called : want one of", "failed"}},
	} {
		got := run(c.env, c.args...)
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s train.sh %q: no %q in\n%s", c.env, c.args, want, got)
			}
		}
	}
}
