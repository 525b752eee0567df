package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// patience is how long work may take before a bar is worth showing.
const patience = 2 * time.Second

// progress returns a bar over total units of work, such as "images", that shows
// the rate and the time left. It is shown on stderr, if that is a terminal, once
// two seconds have passed, and removed at Finish.
func (a *app) progress(what, unit string, total int) *progressbar.ProgressBar {
	f, ok := a.stderr.(*os.File)
	return progressbar.NewOptions(total,
		progressbar.OptionSetWriter(&late{w: a.stderr, from: time.Now().Add(patience)}),
		progressbar.OptionSetVisibility(ok && term.IsTerminal(int(f.Fd()))),
		progressbar.OptionSetDescription(fmt.Sprintf("%-28s", what)),
		progressbar.OptionSetItsString(unit),
		progressbar.OptionShowIts(),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionSetWidth(24),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)
}

// late drops what is written before a moment in time.
type late struct {
	w    io.Writer
	from time.Time
}

func (l *late) Write(b []byte) (int, error) {
	if time.Now().Before(l.from) {
		return len(b), nil
	}
	return l.w.Write(b)
}
