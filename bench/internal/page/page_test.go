package page

import (
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	table := Table{Heads: []string{"a", " b"}}
	var b strings.Builder
	table.Write(&b)
	if b.Len() != 0 {
		t.Errorf("a table without rows is %q: want nothing", b.String())
	}
	table.Add("x|y", "<1\n2")
	table.Write(&b)
	if got, want := b.String(), "\n| a | b |\n|---|---:|\n| x\\|y | &lt;1 2 |\n"; got != want {
		t.Errorf("table is %q: want %q", got, want)
	}
}

func TestWrap(t *testing.T) {
	word := strings.Repeat("x", 30)
	got := Wrap("- ", "  ", strings.Repeat(word+" ", 4)+strings.Repeat("y", 120)+" z")
	want := "- " + word + " " + word + " " + word + "\n  " + word + "\n  " + strings.Repeat("y", 120) + "\n  z\n"
	if got != want {
		t.Errorf("wrapped to %q: want %q", got, want)
	}
}
