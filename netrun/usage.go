package main

import (
	"flag"
	"fmt"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"
)

// usage is the text of a command's -h, within the width of a table.
func usage(c *ffcli.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "USAGE\n  %s\n\n%s\n", c.ShortUsage, c.LongHelp)
	if len(c.Subcommands) > 0 {
		b.WriteString("\nCOMMANDS\n")
		for _, sub := range c.Subcommands {
			printNote(&b, "  "+sub.Name, sub.ShortHelp)
		}
	}
	b.WriteString("\nFLAGS\n")
	c.FlagSet.VisitAll(func(f *flag.Flag) {
		arg, text := flag.UnquoteUsage(f)
		if f.DefValue != "" && f.DefValue != "0" && f.DefValue != "false" {
			text += fmt.Sprintf(" (default %s)", f.DefValue)
		}
		label := "  -" + f.Name
		if arg != "" {
			label += " " + arg
		}
		if len(label) >= noteIndent {
			fmt.Fprintln(&b, label)
			label = ""
		}
		printNote(&b, label, text)
	})
	return b.String()
}
