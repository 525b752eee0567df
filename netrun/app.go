package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"example.com/lowbit/kernels"
	"github.com/peterbourgon/ff/v3/ffcli"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// An app is one run of the program: where it prints, and what is common to its
// commands.
type app struct {
	stdout, stderr io.Writer
	// json is the flag -json.
	json bool
	// help is the text of the command that parsing ended in.
	help string
	// name is that command's, such as "netrun eval".
	name string
}

// run runs the program with the arguments that follow its name and returns its
// exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	out := &sticky{w: stdout}
	a := &app{stdout: out, stderr: stderr, name: "netrun"}
	if name := os.Getenv(kernels.EnvImpl); name != "" {
		// The library has told of a name that it cannot use, and ignores it.
		if _, err := kernels.Use(name); err != nil {
			fmt.Fprintf(stderr, "netrun: nothing is run with a %s that is ignored\n", kernels.EnvImpl)
			return exitUsage
		}
	}
	root := jobCommand(a)
	root.Subcommands = []*ffcli.Command{
		trainCommand(a), evalCommand(a), benchCommand(a), inspectCommand(a), exportCommand(a), importCommand(a), decodeCommand(a), reportCommand(a),
	}
	err := root.Parse(args)
	if err == nil {
		err = root.Run(ctx)
	} else if !errors.Is(err, flag.ErrHelp) {
		err = &usageError{strings.TrimPrefix(err.Error(), "error parsing commandline arguments: ")}
	}
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(out, a.help)
		err = nil
	}
	if err == nil && out.err != nil {
		err = fmt.Errorf("writing the results: %w", out.err)
	}
	var usage *usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "%s: %v\nRun '%s -h' for its flags and examples.\n", a.name, err, a.name)
		return exitUsage
	case errors.Is(err, context.Canceled):
		fmt.Fprintf(stderr, "%s: interrupted\n", a.name)
	default:
		fmt.Fprintf(stderr, "%s: %v\n", a.name, err)
	}
	return exitFailure
}

// A sticky writer remembers the first error, after which it writes no more, so that
// a full disk is noticed though many places print.
type sticky struct {
	w   io.Writer
	err error
}

func (s *sticky) Write(b []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.w.Write(b)
	s.err = err
	return n, err
}

// A usageError is a command line that cannot be carried out as it stands.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// command returns a command called name ("" for the program itself). args is what
// follows the name on the command line, long the explanation with examples; flags
// adds the command's flags to those that all have. exec gets the arguments
// that are no flags, which may stand before, between and after these.
func (a *app) command(name, args, short, long string, flags func(*flag.FlagSet), exec func(ctx context.Context, args []string) error) *ffcli.Command {
	full := strings.TrimSpace("netrun " + name)
	fs := flag.NewFlagSet(full, flag.ContinueOnError)
	fs.SetOutput(io.Discard) // run prints help and errors
	flags(fs)
	fs.BoolVar(&a.json, "json", a.json, "print one JSON object a line instead of a table")
	if name == "" {
		name = "netrun"
	}
	c := &ffcli.Command{
		Name: name, ShortUsage: strings.TrimSpace(full + " " + args), ShortHelp: short, LongHelp: strings.TrimSpace(long), FlagSet: fs,
	}
	c.UsageFunc = func(c *ffcli.Command) string {
		a.name, a.help = full, usage(c)
		return a.help
	}
	c.Exec = func(ctx context.Context, args []string) error {
		a.name = full
		args, err := positional(fs, args)
		if err != nil {
			return err
		}
		return exec(ctx, args)
	}
	return c
}

// positional parses the flags that stand after the first argument that is none,
// where package flag stops, and returns the arguments that are no flags.
func positional(fs *flag.FlagSet, args []string) ([]string, error) {
	var rest []string
	for len(args) > 0 {
		if !strings.HasPrefix(args[0], "-") || args[0] == "-" {
			rest, args = append(rest, args[0]), args[1:]
			continue
		}
		if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
			return nil, err
		} else if err != nil {
			return nil, &usageError{err.Error()}
		}
		if args[0] == "--" {
			return append(rest, args[1:]...), nil
		}
		args = fs.Args()
	}
	return rest, nil
}

// noArgs is the check of a command that takes flags only.
func noArgs(args []string) error {
	if len(args) > 0 {
		return usagef("argument %q: want flags only", args[0])
	}
	return nil
}

// printJSON prints v as one line.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.stdout)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
