package peer

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestMain makes this program the child, too.
func TestMain(m *testing.M) {
	switch os.Getenv("PEER_TEST") {
	case "serve":
		if err := Serve(os.Stdin, os.Stdout, &fake{}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case "end":
		os.Exit(3)
	case "babble":
		fmt.Println("hello")
	default:
		os.Exit(m.Run())
	}
}

// A fake model's logits are the sums of the images' bytes and the batch.
type fake struct{ model string }

func (f *fake) Load(model string) (string, error) {
	if model == "wrong" {
		return "", errors.New("no such model")
	}
	f.model = model
	return "fake 1", nil
}

func (f *fake) Run(batch int, images []byte) ([]float32, error) {
	var sum float32
	for _, v := range images {
		sum += float32(v)
	}
	return []float32{sum, float32(batch), 0.1}, nil
}

func (f *fake) Time(batch, calls int, thread bool) (time.Duration, error) {
	return time.Duration(calls) * time.Microsecond, nil
}

func (f *fake) PeakRSS() int64 { return int64(100 + len(f.model)) }

func start(t *testing.T, how, model string) (*Peer, error) {
	t.Setenv("PEER_TEST", how)
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Start([]string{program}, "fake", model, os.Stderr)
}

func TestPeer(t *testing.T) {
	p, err := start(t, "serve", "some")
	if err != nil {
		t.Fatal(err)
	}
	if p.Version != "fake 1" || p.BareRSS != 100 || p.PeakRSS != 104 {
		t.Errorf("got %+v", p)
	}
	logits, err := p.Run(2, []byte{1, 255})
	if want := []float32{256, 2, 0.1}; err != nil || !reflect.DeepEqual(logits, want) {
		t.Errorf("logits %v, error %v: want %v", logits, err, want)
	}
	if took, err := p.Time(2, 3, true); err != nil || took != 3*time.Microsecond {
		t.Errorf("took %v, error %v: want 3µs", took, err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if _, err := p.Run(1, nil); err == nil {
		t.Error("a closed peer runs")
	}
}

func TestPeerErrors(t *testing.T) {
	for _, c := range []struct{ how, model, want string }{
		{"serve", "wrong", "peer fake: load: no such model"},
		{"end", "some", "peer fake: load: the program ended"},
		{"babble", "some", "peer fake: load: invalid character"},
	} {
		if _, err := start(t, c.how, c.model); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v: want %q", c.how, err, c.want)
		}
	}
}
