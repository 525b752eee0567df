package models

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

const (
	readme = "README.md"
	begin  = "<!-- begin networks: written by go test ./netrun/models -update -->\n"
	end    = "<!-- end networks -->\n"
)

// TestReadme: README.md says of every shipped network what its metadata does.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s lacks the lines %s and %s", readme, begin, end)
	}
	networks, err := describeAll()
	if err != nil {
		t.Fatal(err)
	}
	want := before + begin + networks + end + after
	if *update {
		if err := os.WriteFile(readme, []byte(want), 0o666); err != nil {
			t.Fatal(err)
		}
	} else if want != string(text) {
		t.Errorf("%s is not as the shipped networks' metadata has it; if they are new ones: go test ./netrun/models -update", readme)
	}
}

// describeAll is a table of what is shipped and a list of how each was made.
func describeAll() (string, error) {
	all, err := All()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("| network | trained on | method | first layer | last layer | file, bytes | test % | validation % |\n|---|---|---|---|---|---|---|---|\n")
	for _, s := range all {
		n := s.Network
		first, last := &n.Blocks[0], &n.Blocks[len(n.Blocks)-1]
		bytes := fmt.Sprint(s.Bytes)
		if s.Outline {
			bytes = "not shipped"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %v/%v | %v/%v | %s | %s | %s |\n", s.Name, n.Dataset, n.Method,
			first.Weights, first.InAct, last.Weights, last.InAct, bytes, accuracyCell(s, "test"), accuracyCell(s, "validation"))
	}
	b.WriteString("\nThe configuration of each run, without what is zero or off:\n\n")
	for _, s := range all {
		config, err := configText(s.Network.Meta["config"])
		if err != nil {
			return "", fmt.Errorf("%s: metadata: config: %w", s.Name, err)
		}
		fmt.Fprintf(&b, "- `%s`: %s\n", s.Name, config)
	}
	return b.String(), nil
}

func accuracyCell(s Shipped, split string) string {
	r, ok := Recorded(s.Network, split)
	if !ok {
		return "not recorded"
	}
	return fmt.Sprintf("%.2f of %d images", r.Accuracy, r.Images)
}

// configText lists the fields of a flat JSON object that are not zero, in their order.
func configText(config string) (string, error) {
	d := json.NewDecoder(strings.NewReader(config))
	d.UseNumber()
	if _, err := d.Token(); err != nil {
		return "", err
	}
	var parts []string
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return "", err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return "", err
		}
		switch string(value) {
		case "0", "false", `""`, "null":
			continue
		case "true":
			parts = append(parts, fmt.Sprint(key))
		default:
			parts = append(parts, fmt.Sprintf("%v %s", key, bytes.Trim(value, `"`)))
		}
	}
	return strings.Join(parts, ", "), nil
}
