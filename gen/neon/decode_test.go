package neon

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/arch/arm64/arm64asm"
)

// decodable is how many of the words golang.org/x/arch knew when it was last counted.
const decodable = 4174

// preferred names a disassembler uses instead of ours, for the same word.
var preferred = []struct {
	from *regexp.Regexp
	to   string
}{
	{regexp.MustCompile(`^not `), "mvn "},
	{regexp.MustCompile(`^ins `), "mov "},
	{regexp.MustCompile(`^umov (w\d+,v\d+\.s|wzr,v\d+\.s|x\d+,|xzr,)`), "mov $1"},
	{regexp.MustCompile(`^([su])shll(2?) (.*),#0$`), "${1}xtl$2 $3"},
	{regexp.MustCompile(`^madd (.*),xzr$`), "mul $1"},
	{regexp.MustCompile(`^ubfx (\w+,\w+),#(?:(0),#64|(31),#33|(63),#1)$`), "lsr $1,#$2$3$4"},
	{regexp.MustCompile(`^sbfx (\w+,\w+),#(?:(0),#64|(31),#33|(63),#1)$`), "asr $1,#$2$3$4"},
	{regexp.MustCompile(`^lsl (\w+,\w+),#0$`), "lsr $1,#0"},
	{regexp.MustCompile(`^(tbn?z) x(\d+),#(\d|[12]\d|3[01]),`), "$1 w$2,#$3,"},
	{regexp.MustCompile(`^add (.*),#-`), "sub $1,#"},
	{regexp.MustCompile(`^adds (.*),#-`), "subs $1,#"},
	{regexp.MustCompile(`^cmp (.*),#-`), "cmn $1,#"},
	{regexp.MustCompile(`#0\.0$`), "#0"},
	{regexp.MustCompile(`\.\+0x0$`), "."},
	{regexp.MustCompile(`^b\.cs `), "b.hs "},
	{regexp.MustCompile(`^b\.cc `), "b.lo "},
	{regexp.MustCompile(`,cs$`), ",hs"},
	{regexp.MustCompile(`,cc$`), ",lo"},
}

var (
	constant  = regexp.MustCompile(`#-?(0x[0-9a-f]+|\d+)(,lsl#12$)?`)
	listRange = regexp.MustCompile(`\{v(\d+)\.(\w+)-v(\d+)\.\w+\}`)
)

// canonical writes a text of Arm's syntax, ours or that of a disassembler, in one way.
func canonical(text string) string {
	op, rest, _ := strings.Cut(text, " ")
	rest = strings.ReplaceAll(rest, " ", "")
	rest = listRange.ReplaceAllStringFunc(rest, func(s string) string {
		m := listRange.FindStringSubmatch(s)
		first, _ := strconv.Atoi(m[1])
		last, _ := strconv.Atoi(m[3])
		var list []string
		for v := first; ; v = (v + 1) % 32 {
			list = append(list, fmt.Sprintf("v%d.%s", v, m[2]))
			if v == last {
				return "{" + strings.Join(list, ",") + "}"
			}
		}
	})
	rest = constant.ReplaceAllStringFunc(rest, func(s string) string {
		m := constant.FindStringSubmatch(s)
		v, _ := strconv.ParseUint(m[1], 0, 64)
		if strings.HasPrefix(s, "#-") {
			v = -v
		}
		if m[2] != "" && !strings.Contains(rest, "v") { // of a vector it is not a part
			v <<= 12
		}
		return fmt.Sprintf("#%d", int64(v))
	})
	switch { // a negative constant is the opposite
	case strings.HasPrefix(op, "sub") && strings.Contains(rest, "#-"):
		return "add" + op[3:] + " " + strings.Replace(rest, "#-", "#", 1)
	}
	text = op + " " + rest
	for _, p := range preferred {
		text = p.from.ReplaceAllString(text, p.to)
	}
	return strings.TrimSpace(text)
}

// TestDecode has golang.org/x/arch disassemble the words, as far as it knows them.
func TestDecode(t *testing.T) {
	known, all := 0, 0
	for text, word := range readWords(t) {
		var b [4]byte
		binary.LittleEndian.PutUint32(b[:], word)
		all++
		inst, err := arm64asm.Decode(b[:])
		if err != nil {
			continue
		}
		known++
		if got, want := canonical(arm64asm.GNUSyntax(inst)), canonical(text); got != want {
			t.Errorf("%08x is decoded as %q: want %q", word, got, want)
		}
	}
	t.Logf("golang.org/x/arch knows %d of %d words", known, all)
	if known < decodable {
		t.Errorf("golang.org/x/arch knows %d words: it knew %d", known, decodable)
	}
}

// TestCanonical wants different instructions to stay different.
func TestCanonical(t *testing.T) {
	seen := map[string]uint32{}
	for text, word := range readWords(t) {
		c := canonical(text)
		if other, ok := seen[c]; ok && other != word {
			t.Errorf("%q is canonical for %08x and %08x", c, word, other)
		}
		seen[c] = word
	}
}
