// Package page helps to write the Markdown pages of results/.
package page

import (
	"strings"
	"unicode/utf8"
)

// LineWidth is how wide the source of a table may be, if what is in it leaves
// the choice.
const LineWidth = 100

// Cell makes text from a file harmless in a table.
func Cell(text string) string {
	return strings.NewReplacer("|", "\\|", "<", "&lt;", "\n", " ", "\r", " ").Replace(text)
}

// Wrap breaks text into lines of at most LineWidth, behind a first prefix and
// under it.
func Wrap(first, next, text string) string {
	var b strings.Builder
	line := first
	words := 0
	for _, word := range strings.Fields(text) {
		if words > 0 && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > LineWidth {
			b.WriteString(line + "\n")
			line, words = next, 0
		}
		if words > 0 {
			line += " "
		}
		line += word
		words++
	}
	b.WriteString(line + "\n")
	return b.String()
}
