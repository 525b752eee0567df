module example.com/lowbit/bench/peers

go 1.26.0

require (
	example.com/lowbit v0.0.0
	github.com/viterin/vek v0.4.3
	github.com/weaviate/weaviate v1.35.2
	github.com/yalue/onnxruntime_go v1.27.0
	golang.org/x/sys v0.49.0
	gonum.org/v1/gonum v0.17.0
	google.golang.org/protobuf v1.36.12
)

require (
	github.com/chewxy/math32 v1.10.1 // indirect
	github.com/nlpodyssey/safetensors v0.0.0-20250209183917-bfb01cc25f7c // indirect
	github.com/viterin/partial v1.1.0 // indirect
	golang.org/x/exp v0.0.0-20251113190631-e25ba8c21ef6 // indirect
)

replace example.com/lowbit => ../..
