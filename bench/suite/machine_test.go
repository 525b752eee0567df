package suite

import (
	"strings"
	"testing"
)

func TestDescribeMachine(t *testing.T) {
	text := describeMachine()
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(line, ": ")
		if !ok || key == "" || key != strings.ToLower(key) || strings.TrimSpace(value) == "" {
			t.Errorf("line %q: want a lower-case key, a colon and a value", line)
		}
	}
	t.Log("\n" + text)
}
