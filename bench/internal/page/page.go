// Package page helps to write the Markdown pages of results/.
package page

import "strings"

// LineWidth is how wide the source of a table may be, if what is in it leaves
// the choice.
const LineWidth = 100

// Cell makes text from a file harmless in a table.
func Cell(text string) string {
	return strings.NewReplacer("|", "\\|", "<", "&lt;", "\n", " ", "\r", " ").Replace(text)
}
