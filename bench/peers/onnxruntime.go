//go:build peers && cgo && !without_onnxruntime

package peers

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"

	"example.com/lowbit/bench/suite"
	ort "github.com/yalue/onnxruntime_go"
)

// onnxRuntimePath is the environment variable that names the shared library.
const onnxRuntimePath = "LOWBIT_ONNXRUNTIME"

// ONNX Runtime runs a model of a single operator on its CPU provider. It packs
// constant weights once and does not say how large they are then.
func init() {
	libraries["onnxruntime"] = func() (library, error) {
		path := os.Getenv(onnxRuntimePath)
		if path == "" {
			return library{}, fmt.Errorf("%s does not name its shared library", onnxRuntimePath)
		}
		ort.SetSharedLibraryPath(path)
		if err := ort.InitializeEnvironment(); err != nil {
			return library{}, err
		}
		return library{version: ort.GetVersion(), products: []suite.Peer{
			{Impl: "peer-onnxruntime-u8s8", Formats: int8U8, Plan: onnxInt8},
			{Impl: "peer-onnxruntime", Formats: suite.FloatFormats, Plan: onnxFloat32},
		}}, nil
	}
}

func onnxInt8(p suite.Problem) (*suite.Call, error) {
	w := make([]byte, p.K*p.N)
	for n := range p.N {
		for k := range p.K {
			w[k*p.N+n] = byte(p.Weights[n*p.K+k])
		}
	}
	model := productModel("MatMulInteger", p.M, p.N, p.K, elementUint8, elementInt8, elementInt32, w)
	return onnx(p, model, p.Codes, p.Sums, len(w))
}

func onnxFloat32(p suite.Problem) (*suite.Call, error) {
	w := make([]byte, 4*p.K*p.N)
	for n := range p.N {
		for k := range p.K {
			binary.LittleEndian.PutUint32(w[4*(k*p.N+n):], math.Float32bits(p.W[n*p.K+k]))
		}
	}
	model := productModel("MatMul", p.M, p.N, p.K, elementFloat, elementFloat, elementFloat, w)
	return onnx(p, model, p.X, p.Dst, len(w))
}

// onnx opens a session whose tensors are x and y themselves.
func onnx[X, Y ort.TensorData](p suite.Problem, model []byte, x []X, y []Y, packed int) (call *suite.Call, err error) {
	var closers []func()
	stop := func() {
		for i := len(closers) - 1; i >= 0; i-- {
			closers[i]()
		}
	}
	defer func() {
		if err != nil {
			stop()
		}
	}()
	var pin runtime.Pinner
	pin.Pin(&x[0])
	pin.Pin(&y[0])
	closers = append(closers, pin.Unpin)
	in, err := ort.NewTensor(ort.NewShape(int64(p.M), int64(p.K)), x)
	if err != nil {
		return nil, err
	}
	closers = append(closers, func() { in.Destroy() })
	out, err := ort.NewTensor(ort.NewShape(int64(p.M), int64(p.N)), y)
	if err != nil {
		return nil, err
	}
	closers = append(closers, func() { out.Destroy() })
	options, err := oneThread()
	if err != nil {
		return nil, err
	}
	defer options.Destroy()
	session, err := ort.NewAdvancedSessionWithONNXData(model, []string{"x"}, []string{"y"}, []ort.Value{in}, []ort.Value{out}, options)
	if err != nil {
		return nil, err
	}
	closers = append(closers, func() { session.Destroy() })
	return &suite.Call{
		Run: func() {
			if err := session.Run(); err != nil {
				panic(err)
			}
		},
		Packed: packed,
		Close:  stop,
	}, nil
}

func oneThread() (*ort.SessionOptions, error) {
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	if err := errors.Join(options.SetIntraOpNumThreads(1), options.SetInterOpNumThreads(1)); err != nil {
		options.Destroy()
		return nil, err
	}
	return options, nil
}
