package suite

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var (
	shapesFlag  = flag.String("lowbit.shapes", "some", "shapes to measure: some, all or peers (those to compare with other libraries)")
	formatsFlag = flag.String("lowbit.formats", "some", "pairs of formats to measure: some, all or peers (those to compare with other libraries)")
)

// units tells benchstat which way is better, and that bytes do not vary.
const units = `Unit ops/s better=higher
Unit elem/s better=higher
Unit images/s better=higher
Unit %limit better=higher
Unit B/weight assume=exact
`

// Main is the TestMain of a package of benchmarks: it describes the machine and
// what else config says (lines "key: value"), then runs them.
func Main(m *testing.M, config ...string) {
	flag.Parse()
	for name, value := range map[string]string{"lowbit.shapes": *shapesFlag, "lowbit.formats": *formatsFlag} {
		if value != "some" && value != "all" && value != "peers" {
			fmt.Fprintf(os.Stderr, "-%s is %q: want some, all or peers\n", name, value)
			os.Exit(2)
		}
	}
	if flag.Lookup("test.bench").Value.String() != "" && flag.Lookup("test.list").Value.String() == "" {
		setDefault("test.benchtime", "50ms")
		fmt.Print(describeMachine(), strings.Join(append(config, units), "\n"))
	}
	os.Exit(m.Run())
}

// setDefault sets a flag that the command line does not.
func setDefault(name, value string) {
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	if !given {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
}
