// Package peer runs networks by another library in a program of its own, so that
// this module needs no C: a child process, which holds one ONNX model and answers
// requests, a line of JSON each, until its input ends. bench/peers/networks is such
// a program, of ONNX Runtime.
package peer

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// A Request is a line that the child reads. The first loads a model.
type Request struct {
	Op    string `json:"op"` // Load, Run or Time
	Model string `json:"model,omitempty"`
	Batch int    `json:"batch,omitempty"`
	// Images are bytes, [Batch][H][W][C], for Run. They are what Time runs on for that
	// batch size from then on.
	Images []byte `json:"images,omitempty"`
	Calls  int    `json:"calls,omitempty"`
	// Thread asks for the CPU time of the thread that calls the library instead of
	// the time that passes.
	Thread bool `json:"thread,omitempty"`
}

// The operations.
const (
	Load = "load"
	Run  = "run"
	Time = "time"
)

// A Reply is the line that answers a request.
type Reply struct {
	Error   string    `json:"error,omitempty"`
	Version string    `json:"version,omitempty"` // to Load: the library and its version
	Logits  []float32 `json:"logits,omitempty"`  // to Run
	// Nanoseconds that all calls took together, measured in the child around them.
	Nanoseconds int64 `json:"nanoseconds,omitempty"`
	PeakRSS     int64 `json:"peak_rss_bytes"` // of the child so far
}

// A Peer is a child with its model.
type Peer struct {
	Name    string // of the model, for errors
	Version string
	BareRSS int64 // the child's peak resident memory before it had a model
	PeakRSS int64 // and as of the last reply

	cmd     *exec.Cmd
	in      io.WriteCloser
	encoder *json.Encoder
	out     *bufio.Reader
}

// Start runs the program and loads the model of a file. What the child says on
// stderr goes to that writer.
func Start(program []string, name, model string, stderr io.Writer) (*Peer, error) {
	cmd := exec.Command(program[0], program[1:]...)
	cmd.Stderr = stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	p := &Peer{Name: name, cmd: cmd, in: in, encoder: json.NewEncoder(in), out: bufio.NewReader(out)}
	hello, err := p.ask(Request{Op: Load})
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	p.Version, p.BareRSS = hello.Version, hello.PeakRSS
	if _, err := p.ask(Request{Op: Load, Model: model}); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// ask sends a request and waits for its reply.
func (p *Peer) ask(q Request) (r Reply, err error) {
	fail := func(err error) error { return fmt.Errorf("peer %s: %s: %w", p.Name, q.Op, err) }
	if err := p.encoder.Encode(q); err != nil {
		return r, fail(err)
	}
	line, err := p.out.ReadBytes('\n')
	if err == io.EOF {
		err = errors.New("the program ended")
	}
	if err == nil {
		err = json.Unmarshal(line, &r)
	}
	if err == nil && r.Error != "" {
		err = errors.New(r.Error)
	}
	if err != nil {
		return r, fail(err)
	}
	p.PeakRSS = r.PeakRSS
	return r, nil
}

// Run returns the logits of a batch of images.
func (p *Peer) Run(batch int, images []byte) ([]float32, error) {
	r, err := p.ask(Request{Op: Run, Batch: batch, Images: images})
	return r.Logits, err
}

// Time runs the images last given for the batch size so many times, and returns
// what that took.
func (p *Peer) Time(batch, calls int, thread bool) (time.Duration, error) {
	r, err := p.ask(Request{Op: Time, Batch: batch, Calls: calls, Thread: thread})
	return time.Duration(r.Nanoseconds), err
}

// Close ends the child.
func (p *Peer) Close() error {
	p.in.Close()
	done := make(chan error, 1)
	go func() { done <- p.cmd.Wait() }()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("peer %s: %w", p.Name, err)
		}
		return nil
	case <-time.After(10 * time.Second):
		p.cmd.Process.Kill()
		return fmt.Errorf("peer %s: does not end: %w", p.Name, errors.Join(<-done, os.ErrDeadlineExceeded))
	}
}

// A Server does what requests ask for.
type Server interface {
	// Load makes the model of a file ready; "" asks for the version alone.
	Load(model string) (version string, err error)
	// Run returns the logits of a batch and keeps it for Time.
	Run(batch int, images []byte) ([]float32, error)
	// Time runs a batch so many times.
	Time(batch, calls int, thread bool) (time.Duration, error)
	PeakRSS() int64
}

// Serve answers requests until in ends: what the child's main does.
func Serve(in io.Reader, out io.Writer, s Server) error {
	decoder, encoder := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var q Request
		if err := decoder.Decode(&q); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		var r Reply
		var err error
		switch q.Op {
		case Load:
			r.Version, err = s.Load(q.Model)
		case Run:
			r.Logits, err = s.Run(q.Batch, q.Images)
		case Time:
			var took time.Duration
			took, err = s.Time(q.Batch, q.Calls, q.Thread)
			r.Nanoseconds = took.Nanoseconds()
		default:
			err = fmt.Errorf("no operation %q", q.Op)
		}
		if err != nil {
			r = Reply{Error: err.Error()}
		}
		r.PeakRSS = s.PeakRSS()
		if err := encoder.Encode(r); err != nil {
			return err
		}
	}
}
