//go:build peers && cgo

// Command networks runs whole networks by ONNX Runtime for 'netrun bench -peers',
// which starts it and asks for one model's logits and times (package peer). The
// environment names the shared library.
package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	ort "github.com/yalue/onnxruntime_go"

	"example.com/lowbit/netrun/measure"
	"example.com/lowbit/netrun/peer"
)

func main() {
	if err := peer.Serve(os.Stdin, os.Stdout, &server{batches: map[int]*batch{}}); err != nil {
		fmt.Fprintln(os.Stderr, "networks:", err)
		os.Exit(1)
	}
}

// libraryPath is the environment variable that names the shared library.
const libraryPath = "LOWBIT_ONNXRUNTIME"

type server struct {
	session *ort.DynamicAdvancedSession
	shape   ort.Shape // of the images
	classes int64
	batches map[int]*batch
}

// A batch is a number of images at once, with memory of the library's own.
type batch struct {
	images *ort.Tensor[uint8]
	logits *ort.Tensor[float32]
}

func (s *server) Load(model string) (string, error) {
	if !ort.IsInitialized() {
		path := os.Getenv(libraryPath)
		if path == "" {
			return "", fmt.Errorf("%s does not name its shared library", libraryPath)
		}
		ort.SetSharedLibraryPath(path)
		if err := ort.InitializeEnvironment(); err != nil {
			return "", err
		}
	}
	version := "ONNX Runtime " + ort.GetVersion()
	if model == "" {
		return version, nil
	}
	options, err := options()
	if err != nil {
		return "", err
	}
	defer options.Destroy()
	inputs, outputs, err := ort.GetInputOutputInfo(model)
	if err != nil {
		return "", err
	}
	if len(inputs) != 1 || len(outputs) != 1 || inputs[0].DataType != ort.TensorElementDataTypeUint8 || len(outputs[0].Dimensions) != 2 {
		return "", fmt.Errorf("inputs %v, outputs %v: want images of uint8 and logits", inputs, outputs)
	}
	s.shape, s.classes = inputs[0].Dimensions, outputs[0].Dimensions[1]
	s.session, err = ort.NewDynamicAdvancedSession(model, []string{inputs[0].Name}, []string{outputs[0].Name}, options)
	return version, err
}

// options are one thread and all that makes a session fast.
func options() (*ort.SessionOptions, error) {
	o, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		o.SetIntraOpNumThreads(1), o.SetInterOpNumThreads(1), o.SetGraphOptimizationLevel(ort.GraphOptimizationLevelEnableAll),
		o.SetCpuMemArena(true), o.SetMemPattern(true), o.SetLogSeverityLevel(ort.LoggingLevelError))
	if err != nil {
		o.Destroy()
		return nil, err
	}
	return o, nil
}

func (s *server) Run(n int, images []byte) ([]float32, error) {
	if s.session == nil {
		return nil, errors.New("there is no model")
	}
	b := s.batches[n]
	if b == nil {
		shape := s.shape.Clone()
		shape[0] = int64(n)
		in, err := ort.NewEmptyTensor[uint8](shape)
		if err != nil {
			return nil, err
		}
		out, err := ort.NewEmptyTensor[float32](ort.NewShape(int64(n), s.classes))
		if err != nil {
			return nil, err
		}
		b = &batch{in, out}
		s.batches[n] = b
	}
	if pixels := b.images.GetData(); len(images) != len(pixels) {
		return nil, fmt.Errorf("%d bytes: want %d, %d images", len(images), len(pixels), n)
	} else {
		copy(pixels, images)
	}
	err := s.run(b)
	return b.logits.GetData(), err
}

func (s *server) run(b *batch) error {
	return s.session.Run([]ort.Value{b.images}, []ort.Value{b.logits})
}

func (s *server) Time(n, calls int, thread bool) (time.Duration, error) {
	b := s.batches[n]
	if b == nil {
		return 0, fmt.Errorf("no images for batch %d: want them first", n)
	}
	now := measure.WallClock
	if thread {
		clock, unlock := measure.ThreadClock()
		defer unlock()
		now = clock
	}
	start := now()
	for range calls {
		if err := s.run(b); err != nil {
			return 0, err
		}
	}
	return now() - start, nil
}

func (s *server) PeakRSS() int64 { return measure.PeakRSS() }
